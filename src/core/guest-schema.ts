import { z } from 'zod';
import type { ContainerSpec, HealthCheck, VmSpec } from './guest.ts';
import { isMarker } from './markers.ts';

/** A DNS name as Proxmox takes it for a guest: labels of letters, digits and inner hyphens. */
const dnsName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** Storage, bridge and node names become parts of API parameters: a comma or a slash would change their meaning. */
const plainName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a plain name (letters, digits, . _ -)');
const count = z.int().min(1).max(8192);
const ipv4 = String.raw`(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|/)|(?=$|/))){4}`;

/** What can be asked of a guest of either kind after its start. */
const commonHealth = {
  tcp: z.array(z.int().min(1).max(65535)).default([]),
  http: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(2000)
    .optional(),
  timeout_s: z.int().min(1).max(3600).default(120),
};
const VmHealth = z.strictObject({ agent: z.boolean().default(true), ...commonHealth });
/** A container has no agent: its host sees into it. */
const ContainerHealth = z.strictObject(commonHealth);

/** The fields that guests of both kinds have. */
const common = {
  name: z.string().regex(dnsName, 'must be a DNS name (letters, digits and hyphens)'),
  vm_id: z.int().min(100).max(999_999_999),
  // The image type becomes part of a Nix expression and of file names.
  image_type: z.string().regex(/^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/, 'must be the name of a nixosConfigurations entry'),
  cores: count,
  memory_mb: z.int().min(16),
  disk_gb: z.int().min(1).max(131_072),
  storage_location: plainName,
  network_bridge: plainName.default('vmbr0'),
  node: plainName.optional(),
  onboot: z.boolean().default(true),
  order: z.int().min(0).max(1_000_000).default(0),
  description: z
    .string()
    .max(8192)
    .refine((text) => !isMarker(text), 'is a mark that proxnix itself writes: choose other words')
    .default(''),
};

/** One entry of `proxnix.vms`. */
export const Vm = z.strictObject({
  ...common,
  sockets: z.int().min(1).max(64),
  cloud_init: z.union([z.literal('None'), z.strictObject({ StorageReference: plainName })], {
    error: 'must be "None" or { StorageReference = "<storage>"; }',
  }),
  protected: z.boolean(),
  scsi_hw: z
    .enum(['lsi', 'lsi53c810', 'virtio-scsi-pci', 'virtio-scsi-single', 'megasas', 'pvscsi'])
    .default('virtio-scsi-pci'),
  disk_slot: z
    .string()
    .regex(/^(?:scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5])$/, 'must be a disk slot such as scsi0')
    .default('scsi0'),
  health: VmHealth.optional(),
});

const onlyNesting = 'must be { nesting = true; } or { }: an API token of Proxmox may set no other feature';

/** An API token may set no other feature of a container (403 on PVE 8.4 and 9.2). Proxmox's own text is taken as well. */
const Features = z
  .union([z.record(z.string(), z.boolean()), z.enum(['', 'nesting=0', 'nesting=1'])], { error: onlyNesting })
  .transform((value) => {
    if (typeof value === 'string') return value === 'nesting=1' ? ['nesting'] : [];
    return Object.keys(value).filter((name) => value[name] === true);
  })
  .refine((names) => names.every((name) => name === 'nesting'), onlyNesting);

const ContainerFields = z.strictObject({
  ...common,
  // As Proxmox has them where nothing is said.
  memory_mb: z.int().min(16).default(512),
  cores: count.default(1),
  swap_mb: z.int().min(0).default(512),
  ip: z
    .string()
    .regex(
      new RegExp(`^(?:dhcp|manual|${ipv4}/(?:[1-9]|[12]\\d|3[0-2]))$`),
      'must be "dhcp", "manual" or like "10.0.0.5/24"',
    )
    .default('dhcp'),
  gateway: z
    .string()
    .regex(new RegExp(`^${ipv4}$`), 'must be an IPv4 address')
    .optional(),
  protected: z.boolean().default(false),
  unprivileged: z.boolean().default(true),
  // NixOS runs its services in namespaces of their own, which a container may make only with nesting.
  features: Features.prefault({ nesting: true }),
  health: ContainerHealth.optional(),
});
/** A gateway goes with an address of its own: DHCP tells one itself. */
const hasFixedAddress = ({ ip, gateway }: { ip: string; gateway?: string | undefined }) =>
  gateway === undefined || ip.includes('/');

/** One entry of `proxnix.containers`. */
export const Container = ContainerFields.refine(hasFixedAddress, {
  path: ['gateway'],
  error: 'goes with a fixed "ip" such as "10.0.0.5/24" only',
});

const healthFields = { vm: Object.keys(VmHealth.shape), container: Object.keys(ContainerHealth.shape) };

/** The names of the fields that may stand at a path of an entry; none where any name may. */
export function knownFields(kind: 'vm' | 'container', path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys((kind === 'vm' ? Vm : ContainerFields).shape);
  return path[0] === 'health' ? healthFields[kind] : [];
}

export function toVm(key: string, vm: z.infer<typeof Vm>): VmSpec {
  const { health } = vm;
  return {
    kind: 'vm',
    ...commonOf(key, vm),
    sockets: vm.sockets,
    scsiHw: vm.scsi_hw,
    diskSlot: vm.disk_slot,
    ...(vm.cloud_init === 'None' ? {} : { cloudInit: { storage: vm.cloud_init.StorageReference } }),
    ...(health === undefined ? {} : { health: { agent: health.agent, ...checksOf(health) } }),
  };
}

export function toContainer(key: string, container: z.infer<typeof Container>): ContainerSpec {
  const { health, features } = container;
  return {
    kind: 'container',
    ...commonOf(key, container),
    diskSlot: 'rootfs',
    swapMb: container.swap_mb,
    ip: container.ip,
    unprivileged: container.unprivileged,
    features,
    ...(container.gateway === undefined ? {} : { gateway: container.gateway }),
    ...(health === undefined ? {} : { health: { agent: false, ...checksOf(health) } }),
  };
}

function commonOf(key: string, guest: z.infer<typeof Vm> | z.infer<typeof Container>) {
  return {
    key,
    name: guest.name,
    vmid: guest.vm_id,
    imageType: guest.image_type,
    cores: guest.cores,
    memoryMb: guest.memory_mb,
    diskGb: guest.disk_gb,
    storage: guest.storage_location,
    protected: guest.protected,
    bridge: guest.network_bridge,
    onboot: guest.onboot,
    order: guest.order,
    description: guest.description,
    ...(guest.node === undefined ? {} : { node: guest.node }),
  };
}

function checksOf(health: z.infer<typeof ContainerHealth>): Omit<HealthCheck, 'agent'> {
  return {
    tcp: health.tcp,
    timeoutS: health.timeout_s,
    ...(health.http === undefined ? {} : { http: health.http }),
  };
}
