import { z } from 'zod';
import { UserError } from './errors.ts';
import type { GuestSpec } from './guest.ts';
import { isMark } from './marks.ts';
import { didYouMean } from './nearest.ts';

/** A DNS name as Proxmox takes it for a guest: labels of letters, digits and inner hyphens. */
const dnsName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** Storage, bridge and node names become parts of API parameters: a comma or a slash would change their meaning. */
const plainName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a plain name (letters, digits, . _ -)');
const count = z.int().min(1).max(8192);

const Health = z.strictObject({
  agent: z.boolean().default(true),
  tcp: z.array(z.int().min(1).max(65535)).default([]),
  http: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
  timeout_s: z.int().min(1).max(3600).default(120),
});

const Vm = z.strictObject({
  name: z.string().regex(dnsName, 'must be a DNS name (letters, digits and hyphens)'),
  vm_id: z.int().min(100).max(999_999_999),
  // The image type becomes part of a Nix expression and of file names.
  image_type: z.string().regex(/^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/, 'must be the name of a nixosConfigurations entry'),
  cores: count,
  sockets: z.int().min(1).max(64),
  memory_mb: z.int().min(16),
  disk_gb: z.int().min(1).max(131_072),
  storage_location: plainName,
  cloud_init: z.union([z.literal('None'), z.strictObject({ StorageReference: plainName })], {
    error: 'must be "None" or { StorageReference = "<storage>"; }',
  }),
  protected: z.boolean(),
  network_bridge: plainName.default('vmbr0'),
  scsi_hw: z
    .enum(['lsi', 'lsi53c810', 'virtio-scsi-pci', 'virtio-scsi-single', 'megasas', 'pvscsi'])
    .default('virtio-scsi-pci'),
  disk_slot: z
    .string()
    .regex(/^(?:scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5])$/, 'must be a disk slot such as scsi0')
    .default('scsi0'),
  node: plainName.optional(),
  onboot: z.boolean().default(true),
  order: z.int().min(0).max(1_000_000).default(0),
  description: z
    .string()
    .max(8192)
    .refine((text) => !isMark(text), 'is a mark that proxnix itself writes: choose other words')
    .default(''),
  health: Health.optional(),
});

const fieldNames: readonly string[] = Object.keys(Vm.shape);

/**
 * Reads the flake's output `proxnix`. All mistakes of all VMs are reported in one error; each names the VM and the
 * field. An empty `vms` is valid: it wants every VM of the fleet gone.
 */
export function parseDesired(output: unknown): readonly GuestSpec[] {
  const top = z.looseObject({ vms: z.record(z.string(), z.unknown()) }).safeParse(output);
  if (!top.success) {
    throw new UserError('The flake output "proxnix" has no attribute set "vms".', {
      next: 'Declare the VMs as proxnix.vms.<name> = { … }; in the flake.',
    });
  }
  const problems: string[] = [];
  if (Object.keys((top.data['containers'] as object | undefined) ?? {}).length > 0) {
    problems.push('proxnix.containers: this version of proxnix manages VMs only');
  }
  const guests: GuestSpec[] = [];
  for (const [key, value] of Object.entries(top.data.vms)) {
    const vm = Vm.safeParse(value, { reportInput: true });
    if (vm.success) guests.push(toGuest(key, vm.data));
    else problems.push(...vm.error.issues.flatMap((issue) => describe(key, issue)));
  }
  problems.push(...duplicates(guests));
  if (problems.length > 0) throw invalid(problems);
  return guests.sort((a, b) => a.vmid - b.vmid);
}

function invalid(problems: readonly string[]): UserError {
  return new UserError(
    problems.length === 1
      ? `The flake is not valid: ${sentence(problems[0] ?? '')}`
      : `The flake has ${problems.length} mistakes.`,
    {
      next: 'Nothing was touched. Correct the flake and push again.',
      details: problems.length === 1 ? [] : problems,
    },
  );
}

function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}

function toGuest(key: string, vm: z.infer<typeof Vm>): GuestSpec {
  const { health } = vm;
  return {
    kind: 'vm',
    key,
    name: vm.name,
    vmid: vm.vm_id,
    imageType: vm.image_type,
    cores: vm.cores,
    sockets: vm.sockets,
    memoryMb: vm.memory_mb,
    diskGb: vm.disk_gb,
    storage: vm.storage_location,
    protected: vm.protected,
    bridge: vm.network_bridge,
    scsiHw: vm.scsi_hw,
    diskSlot: vm.disk_slot,
    onboot: vm.onboot,
    order: vm.order,
    description: vm.description,
    ...(vm.cloud_init === 'None' ? {} : { cloudInit: { storage: vm.cloud_init.StorageReference } }),
    ...(vm.node === undefined ? {} : { node: vm.node }),
    ...(health === undefined
      ? {}
      : {
          health: {
            agent: health.agent,
            tcp: health.tcp,
            timeoutS: health.timeout_s,
            ...(health.http === undefined ? {} : { http: health.http }),
          },
        }),
  };
}

function describe(key: string, issue: z.core.$ZodIssue): string[] {
  const field = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? fieldNames : issue.path[0] === 'health' ? Object.keys(Health.shape) : [];
    return issue.keys.map((name) => {
      const where = field === '' ? name : `${field}.${name}`;
      return `${key}: unknown field "${where}"${didYouMean(name, known)}`;
    });
  }
  if (field === '') return [`${key}: must be an attribute set`];
  if (issue.input === undefined && issue.code === 'invalid_type') return [`${key}: "${field}" is missing`];
  return [`${key}: "${field}" ${expected(issue)}`];
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${shown(issue.input)}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
  return issue.message;
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? typeof input;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function duplicates(guests: readonly GuestSpec[]): string[] {
  const problems: string[] = [];
  const seen = (value: (guest: GuestSpec) => string, say: (guest: GuestSpec, first: GuestSpec) => string) => {
    const first = new Map<string, GuestSpec>();
    for (const guest of guests) {
      const other = first.get(value(guest));
      if (other) problems.push(say(guest, other));
      else first.set(value(guest), guest);
    }
  };
  seen(
    (guest) => String(guest.vmid),
    (guest, first) => `${guest.key}: "vm_id" ${guest.vmid} is also the vm_id of ${first.key}`,
  );
  seen(
    (guest) => guest.name.toLowerCase(),
    (guest, first) => `${guest.key}: "name" ${guest.name} is also the name of ${first.key}`,
  );
  return problems;
}
