import { z } from 'zod';
import { isMarker, readTags } from './tags.ts';

/** The forms of single values that a flake may write. */

/** Storage, bridge, pool and node names become parts of API parameters: a comma or a slash would change their meaning. */
export const plainName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a plain name (letters, digits, . _ -)');

/** The fields of `backup`. */
export const backupFields = z.strictObject({
  storage: plainName.optional().describe("where it goes; without it the storage of the fleet's default"),
  before: z
    .array(z.enum(['replace', 'destroy', 'update']))
    .max(3)
    .default(['replace', 'destroy'])
    .describe('the changes that it comes before; `[ "replace" "destroy" ]` without it'),
});
const named = ({ storage, before }: z.output<typeof backupFields>) => ({
  ...(storage === undefined ? {} : { storage }),
  before,
});
/** What a backup comes before, and the storage that it goes to: the default of a fleet, which may leave out the storage. */
export const fleetBackup = backupFields.transform(named);
/** That of a guest, with the default of its fleet in it. */
export const backup = backupFields
  .refine(({ storage, before }) => storage !== undefined || before.length === 0, {
    path: ['storage'],
    error: 'is missing: neither the guest nor `proxnix.backup` names it',
  })
  .transform(named);

export const vlanTag = z.int().min(1).max(4094);

const ipv4 = String.raw`(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|/)|(?=$|/))){4}`;
const cidr = String.raw`${ipv4}/(?:[1-9]|[12]\d|3[0-2])`;

/** The address of a container's card. */
export const address = z
  .string()
  .regex(new RegExp(`^(?:dhcp|manual|${cidr})$`), 'must be "dhcp", "manual" or like "10.0.0.5/24"');

/** The address that cloud-init gives a VM. */
export const cloudInitAddress = z
  .string()
  .regex(new RegExp(`^(?:dhcp|${cidr})$`), 'must be "dhcp" or like "10.0.0.5/24"');

export const router = z.string().regex(new RegExp(`^${ipv4}$`), 'must be an IPv4 address');

/** Servers of names, at most three (resolv.conf reads no more). Proxmox takes any text there unchecked (PVE 9.2). */
export const nameservers = z
  .array(z.union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' }))
  .min(1)
  .max(3);

export const searchDomain = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i, 'must be a domain such as "home.arpa"');

/** In capital letters. Proxmox refuses a multicast address (PVE 9.2). */
export const macAddress = z
  .string()
  .regex(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/i, 'must be a unicast MAC address like "BC:24:11:00:00:01"')
  .transform((text) => text.toUpperCase());

/** A DNS name as Proxmox takes it for a guest: labels of letters, digits and inner hyphens. */
export const dnsName = z
  .string()
  .regex(
    /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i,
    'must be a DNS name (letters, digits and hyphens)',
  );
export const vmId = z.int().min(100).max(999_999_999);
/** The image type becomes part of a Nix expression and of file names. */
export const imageType = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/, 'must be the name of a nixosConfigurations entry');
export const count = z.int().min(1).max(8192);
export const memory = z.int().min(16);
export const diskSize = z.int().min(1).max(131_072);
export const diskSlot = z
  .string()
  .regex(/^(?:scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5])$/, 'must be a disk slot such as scsi0');
export const startOrder = z.int().min(0).max(1_000_000);
export const controller = z.enum(['lsi', 'lsi53c810', 'virtio-scsi-pci', 'virtio-scsi-single', 'megasas', 'pvscsi']);
/** A line of `authorized_keys`: Proxmox refuses any other (PVE 9.2). */
const publicKey = z
  .string()
  .max(16_384)
  .regex(
    /^(?:[ -~]* )?(?:ssh|ecdsa|sk)-[\w@.-]+ AAAA[A-Za-z0-9+/]+={0,3}(?: [ -~]*)?$/,
    'must be a public key on one line',
  );
/** The fields of `cloud_init`. */
export const cloudInitFields = z.strictObject({
  StorageReference: plainName.describe('the storage of the drive'),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/i, 'must be the name of a user')
    .optional()
    .describe('the user that gets the keys'),
  ssh_keys: z.array(publicKey).max(100).optional().describe('public keys, each on one line'),
  ip: cloudInitAddress.optional().describe('the address of net0: `"dhcp"`, or like `"10.0.0.5/24"`'),
  gateway: router.optional().describe('the IPv4 gateway, with a fixed `ip` only'),
  nameservers: nameservers.optional().describe('servers of names, at most three'),
  search_domain: searchDomain.optional().describe('the domain of short host names'),
});
const cloudInitSet = cloudInitFields
  .refine(({ ip, gateway }) => gateway === undefined || ip?.includes('/') === true, {
    path: ['gateway'],
    error: 'goes with a fixed "ip" such as "10.0.0.5/24" only',
  })
  .transform(({ StorageReference: storage, ssh_keys: sshKeys, search_domain: domain, ...rest }) =>
    defined({ storage, ...rest, sshKeys, searchDomain: domain }),
  );
/** The drive as the flake writes it: what `cloudInit` reads. */
export function cloudInitInFlake(drive: z.output<typeof cloudInitSet> | undefined) {
  if (drive === undefined) return 'None';
  const { storage: StorageReference, sshKeys: ssh_keys, searchDomain: search_domain, ...rest } = drive;
  return defined({ StorageReference, ...rest, ssh_keys, search_domain });
}

/** `"None"`, or a set. The mistakes inside a set are told one by one, which those of a union are not. */
export const cloudInit = z.unknown().transform((value, context) => {
  if (value === 'None') return undefined;
  const read = cloudInitSet.safeParse(value, { reportInput: true });
  if (read.success) return read.data;
  const isSet = typeof value === 'object' && value !== null && !Array.isArray(value);
  const message = 'must be "None" or { StorageReference = "<storage>"; }';
  if (isSet) context.issues.push(...(read.error.issues as z.core.$ZodRawIssue[]));
  else if (value === undefined) context.issues.push({ code: 'invalid_type', expected: 'object', input: value });
  else context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});
/** The fields of `startup`. */
export const startupFields = z.strictObject({
  order: z.int().min(0).max(1_000_000).optional().describe('smaller numbers start first and stop last'),
  up_s: z.int().min(0).max(1_000_000).optional().describe('seconds from its start to that of the next guest'),
  down_s: z.int().min(0).max(1_000_000).optional().describe('seconds that it gets to shut down'),
});
export const startup = startupFields.transform(({ order, up_s: upS, down_s: downS }) => defined({ order, upS, downS }));
/** The order as the flake writes it: what `startup` reads. */
export function startupInFlake({ order, upS: up_s, downS: down_s }: z.output<typeof startup> = {}) {
  return defined({ order, up_s, down_s });
}
export const power = z.enum(['running', 'stopped', 'unmanaged']);
/** A pool of Proxmox VE; nested ones from 8.1 on. */
export const poolName = z.string().regex(/^[\w.-]{1,100}(?:\/[\w.-]{1,100}){0,2}$/, 'must be the name of a pool');
export const fieldNames = z.array(z.string().max(100)).max(100);
/** As Proxmox names them (machine of qm.conf); `i440fx` is what it calls `pc`. */
export const machine = z
  .string()
  .regex(/^(?:i440fx|pc|q35|pc-(?:i440fx|q35)-\d+(?:\.\d+)+(?:\+pve\d+)?)$/, 'must be a machine such as "q35"')
  .transform((name) => (name === 'i440fx' ? 'pc' : name));
export const bios = z.enum(['seabios', 'ovmf']);
/** A CPU type, or a custom one as `custom-<name>`. */
export const cpuType = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a CPU type such as "host"');
export const vga = z.enum([
  ...(['cirrus', 'none', 'qxl', 'qxl2', 'qxl3', 'qxl4', 'serial0', 'serial1', 'serial2', 'serial3'] as const),
  ...(['std', 'virtio', 'virtio-gl', 'vmware'] as const),
]);
/** A tag as Proxmox VE takes it (8.4 and 9.2). */
export const tag = z.string().regex(/^[a-z0-9_][a-z0-9_+.-]{0,62}$/i, 'must be a tag (letters, digits, _ - + .)');
export const ownTags = z
  .array(tag.refine((one) => readTags(['proxnix', one]).foreign.length === 1, 'is a tag that proxnix itself writes'))
  .max(50);
export const mappings = z.array(
  z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{1,127}$/, 'must be the name of a resource mapping'),
);
export const description = z
  .string()
  .max(8192)
  // A string of Nix ends at a NUL character.
  .refine((value) => !value.includes('\0'), 'must not hold a NUL character')
  .refine((value) => !isMarker(value), 'is a mark that proxnix itself writes: choose other words');

const onlyNesting = 'must be { nesting = true; } or { }: an API token of Proxmox may set no other feature';
/** An API token may set no other feature of a container (403 on PVE 8.4 and 9.2). Proxmox's own text is taken as well. */
export const features = z
  .union([z.record(z.string(), z.boolean()), z.enum(['', 'nesting=0', 'nesting=1'])], { error: onlyNesting })
  .transform((value) => {
    if (typeof value === 'string') return value === 'nesting=1' ? ['nesting'] : [];
    return Object.keys(value).filter((name) => value[name] === true);
  })
  .refine((names) => names.every((name) => name === 'nesting'), onlyNesting);

/** The fields that are there. */
export function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;
}

/** Without `undefined`, which an absent field stands for. */
type Defined<Fields> = {
  [Key in keyof Fields as undefined extends Fields[Key] ? never : Key]: Fields[Key];
} & { [Key in keyof Fields as undefined extends Fields[Key] ? Key : never]?: Exclude<Fields[Key], undefined> };
