import { z } from 'zod';
import { defined, diskSize, diskSlot, plainName } from './forms.ts';
import type { GuestKind } from './guest-ref.ts';

/**
 * The disks of a guest beside its root: `disks` of a VM, `mounts` of a container. A disk is known by its place, the slot
 * of a VM (`scsi1`) or the path in a container (`/data`): what is there is that disk, whatever the flake calls it.
 */

interface DiskOption<Value extends z.ZodType> {
  readonly value: Value;
  readonly kinds: readonly GuestKind[];
  /** What holds where the option is not set (PVE 8.4 and 9.2). */
  otherwise(kind: GuestKind): z.output<Value>;
  /** Whether another value waits for a restart while the guest runs (recorded on PVE 9.2; pct: source of 9.2). */
  restart(kind: GuestKind): boolean;
  /** Slots whose bus has no such option. */
  readonly except?: RegExp;
}

function option<Value extends z.ZodType>(row: DiskOption<Value>): DiskOption<Value> {
  return row;
}

const onlyVm = { kinds: ['vm'], restart: () => true } as const;

/** The options of a data disk. What the flake does not name stays as it is. */
export const diskOptions = {
  ssd: option({ ...onlyVm, value: z.boolean(), otherwise: () => false, except: /^virtio/ }),
  discard: option({ ...onlyVm, value: z.boolean(), otherwise: () => false }),
  iothread: option({ ...onlyVm, value: z.boolean(), otherwise: () => false, except: /^sata/ }),
  cache: option({
    ...onlyVm,
    value: z.enum(['none', 'writethrough', 'writeback', 'unsafe', 'directsync']),
    otherwise: () => 'none' as const,
  }),
  backup: option({
    kinds: ['vm', 'container'],
    value: z.boolean(),
    // A backup leaves out the mounts of a container, and no disk of a VM.
    otherwise: (kind) => kind === 'vm',
    restart: (kind) => kind === 'container',
  }),
};

type Options = typeof diskOptions;
/** The name of an option, in the flake and in Proxmox. */
export type DiskOptionName = keyof Options;
/** Options of a disk; an absent one is not managed, or has Proxmox's default. */
export type DiskOptions = { readonly [Name in DiskOptionName]?: z.output<Options[Name]['value']> };

/** A wanted data disk. Sizes in GiB. */
export interface DataDisk extends DiskOptions {
  /** The slot of a VM's disk, or the path of a container's mount. */
  readonly at: string;
  readonly sizeGb: number;
  readonly storage: string;
}

const optionNames = Object.keys(diskOptions) as readonly DiskOptionName[];

/** The names of the options that a kind of guest has. */
export function optionsOf(kind: GuestKind): readonly DiskOptionName[] {
  return optionNames.filter((name) => diskOptions[name].kinds.includes(kind));
}

/** The options as they are held: an absent one is not managed, or has Proxmox's default. */
export const heldOptions = {
  ssd: z.exactOptional(diskOptions.ssd.value),
  discard: z.exactOptional(diskOptions.discard.value),
  iothread: z.exactOptional(diskOptions.iothread.value),
  cache: z.exactOptional(diskOptions.cache.value),
  backup: z.exactOptional(diskOptions.backup.value),
};

const word = z.string().max(1024);

/** Wanted data disks by their names in the flake, as they are held. */
export const dataDisksValue = z.record(
  word,
  z.strictObject({ at: word, sizeGb: z.number().min(0), storage: word, ...heldOptions }),
);

const backupField = diskOptions.backup.value
  .optional()
  .describe('whether backups include it; by default they include a disk of a VM and no mount');
const size = {
  size_gb: diskSize.describe('size in GiB; it grows online and never becomes smaller'),
  storage: plainName.describe('the storage'),
};
/** The fields of `disk`. */
export const rootFields = z.strictObject({
  ssd: diskOptions.ssd.value.optional().describe('whether the guest sees an SSD; not in a `virtio` slot'),
  discard: diskOptions.discard.value.optional().describe('whether what the guest frees is freed on the storage'),
  iothread: diskOptions.iothread.value
    .optional()
    .describe('a thread of its own, with `scsi_hw = "virtio-scsi-single"` or in a `virtio` slot'),
  cache: diskOptions.cache.value.optional().describe('the cache mode, such as `"writeback"`'),
  backup: backupField,
});
const diskFields = z.strictObject({
  ...size,
  slot: diskSlot.describe('where it is, such as `"scsi1"`: what is there is this disk'),
  ...rootFields.shape,
});

/** `disk` of a VM as the flake writes it: the options of its root disk. */
export const vmRootOptions = rootFields.transform((options): DiskOptions => defined(options));
/** The options of a root disk as they are held. */
export const rootOptionsValue = z.strictObject(heldOptions);

/** An option that a disk in this slot cannot have. */
export function optionNotAt(slot: string, options: DiskOptions): DiskOptionName | undefined {
  return optionNames.find((name) => options[name] !== undefined && diskOptions[name].except?.test(slot));
}
/** No comma and nothing that leads elsewhere: the path is a part of a property string. */
const mountPath = z
  .string()
  .max(255)
  .regex(/^(?:\/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+$/, 'must be a path such as "/data"');
const mountFields = z.strictObject({
  ...size,
  path: mountPath.describe('where it is in the container: what is there is this disk'),
  backup: backupField,
});

/** `disks` of a VM as the flake writes it. */
export const vmDisks = z
  .record(
    plainName,
    diskFields.transform(({ slot, size_gb, ...rest }) => defined({ at: slot, sizeGb: size_gb, ...rest })),
  )
  .superRefine((disks, context) => {
    refuseTwins(disks, 'slot', context);
    for (const [name, disk] of Object.entries(disks)) {
      const wrong = optionNotAt(disk.at, disk);
      if (wrong !== undefined) problem(context, [name, wrong], `does not exist for a disk at ${disk.at}`);
    }
  });

/** `mounts` of a container as the flake writes it. */
export const containerMounts = z
  .record(
    plainName,
    mountFields.transform(({ path, size_gb, ...rest }) => defined({ at: path, sizeGb: size_gb, ...rest })),
  )
  .superRefine((mounts, context) => refuseTwins(mounts, 'path', context));

/** The fields of a data disk. */
export const dataDiskFields = { vm: diskFields, container: mountFields } as const;

/** The data disk in the slot of the root, which no flake may want; `undefined` when there is none. */
export function diskAtRoot(disks: unknown, rootSlot: unknown): string | undefined {
  const read = dataDisksValue.safeParse(disks ?? {});
  return Object.entries(read.data ?? {}).find(([, { at }]) => at === rootSlot)?.[0];
}

function refuseTwins(disks: Readonly<Record<string, { at: string }>>, field: string, context: z.RefinementCtx): void {
  const seen = new Map<string, string>();
  for (const [name, { at }] of Object.entries(disks)) {
    const other = seen.get(at);
    if (other === undefined) seen.set(at, name);
    else problem(context, [name, field], `is also the ${field} of ${other}`);
  }
}

function problem(context: z.RefinementCtx, path: string[], message: string): void {
  context.addIssue({ code: 'custom', path, message });
}
