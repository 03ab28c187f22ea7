import type { Blocked, FieldChange } from './change.ts';
import { type DataDisk, type DiskOptionName, type DiskOptions, diskOptions, optionsOf } from './data-disks.ts';
import { type GuestKind, type GuestSpec, guestLabel } from './guest.ts';
import type { KnownGuest, LiveConfig, LiveDisk } from './live.ts';

/** A wanted data disk with its name in the flake. */
export interface NamedDisk extends DataDisk {
  readonly name: string;
}

/** The field of a plan that tells of data disks. */
const fieldOf = { vm: 'data-disk', container: 'mount' } as const;

const flakeOf = { vm: 'disks', container: 'mounts' } as const;

/** Does the flake compare the data disks no more? */
function isIgnored({ kind, ignore = [] }: GuestSpec): boolean {
  return ignore.includes(flakeOf[kind]);
}

/** The data disks of a live guest: what is in a slot other than that of its root. */
export function liveDataDisks({ diskSlot }: Pick<GuestSpec, 'diskSlot'>, { config }: KnownGuest): LiveConfig['disks'] {
  return Object.fromEntries(Object.entries(config.disks).filter(([slot]) => slot !== diskSlot));
}

/** The data disks that the flake wants, by their places. */
export function dataDisksOf(guest: GuestSpec): readonly NamedDisk[] {
  const disks = (guest.kind === 'vm' ? guest.disks : guest.mounts) ?? {};
  return Object.entries(disks)
    .map(([name, disk]) => ({ name, ...disk }))
    .sort((a, b) => a.at.localeCompare(b.at, 'en', { numeric: true }));
}

/** The live disk at a place, with its slot; never the root. */
export function liveDiskAt(
  kind: GuestKind,
  disks: LiveConfig['disks'],
  at: string,
): { readonly slot: string; readonly disk: LiveDisk } | undefined {
  const found = Object.entries(disks).find(([slot, disk]) => (kind === 'vm' ? slot === at : disk.path === at));
  return found && { slot: found[0], disk: found[1] };
}

/** The options of a live disk that differ from what is wanted. */
export function differingOptions(kind: GuestKind, wanted: DiskOptions, live: LiveDisk): readonly DiskOptionName[] {
  return optionsOf(kind).filter((name) => wanted[name] !== undefined && wanted[name] !== liveOption(kind, live, name));
}

function liveOption(kind: GuestKind, { options = {} }: LiveDisk, name: DiskOptionName): string | boolean {
  return options[name] ?? diskOptions[name].otherwise(kind);
}

/**
 * The places of attached disks that the flake named when the guest was last as wanted and does not name any more. A disk
 * that no flake named is a person's own.
 * @param declared flake paths of that time: `disks.scsi1`, `mounts./data`
 */
export function disksToDetach(guest: GuestSpec, live: KnownGuest, declared: readonly string[]): readonly string[] {
  if (isIgnored(guest)) return [];
  const prefix = `${flakeOf[guest.kind]}.`;
  const wanted = new Set(dataDisksOf(guest).map(({ at }) => at));
  return declared
    .flatMap((path) => (path.startsWith(prefix) ? path.slice(prefix.length) : []))
    .filter((at) => at !== guest.diskSlot && !wanted.has(at) && liveDiskAt(guest.kind, live.config.disks, at))
    .sort();
}

/**
 * The differences between the wanted data disks and the live ones.
 * @param declared as for `disksToDetach`
 * @param detached the unused volumes that come back to their places, by these
 */
export function* diffDataDisks(
  wanted: GuestSpec,
  live: KnownGuest,
  declared: readonly string[],
  detached: Readonly<Record<string, string>> = {},
): Generator<FieldChange> {
  if (isIgnored(wanted)) return;
  const { disks, leaving = {} } = live.config;
  const field = fieldOf[wanted.kind];
  for (const disk of dataDisksOf(wanted)) {
    const of = `${disk.name} (${disk.at})`;
    const there = liveDiskAt(wanted.kind, disks, disk.at);
    if (there !== undefined) yield* differences(wanted.kind, disk, there, live);
    else if (liveDiskAt(wanted.kind, leaving, disk.at) !== undefined) {
      yield { field, of, from: 'to be detached', to: 'kept', restart: false };
    } else if (Object.hasOwn(detached, disk.at)) {
      const to = `${describe(disk)} with its data`;
      yield { field, of, from: comesBack, to, restart: waitsForPlug(disk.at) };
    } else yield { field, of, from: 'none', to: describe(disk), restart: waitsForPlug(disk.at) };
  }
  for (const at of disksToDetach(wanted, live, declared)) {
    const from = liveDiskAt(wanted.kind, disks, at)?.disk;
    if (from !== undefined) yield { field, of: at, from: describeLive(from), to: 'detached and kept', restart: false };
  }
}

/** The options of the root disk that differ. Their values go along when the disk is swapped. */
export function* diffRootOptions(wanted: GuestSpec, live: KnownGuest): Generator<FieldChange> {
  const root = live.config.disks[wanted.diskSlot];
  const { ignore = [] } = wanted;
  if (wanted.kind !== 'vm' || wanted.rootOptions === undefined || root === undefined || ignore.includes('disk')) return;
  yield* optionDifferences('vm', wanted.rootOptions, { slot: wanted.diskSlot, disk: root }, live, {
    field: 'disk-options',
    of: (name) => name,
  });
}

const comesBack = 'detached';

/** Does a disk come back with its volume? It takes no room. */
export function isAttachedAgain(fields: readonly FieldChange[], { name, at }: NamedDisk): boolean {
  return fields.some(({ of, from }) => of === `${name} (${at})` && from === comesBack);
}

/** A running VM takes no SATA disk (PVE 9.2). */
function waitsForPlug(at: string): boolean {
  return at.startsWith('sata');
}

function* differences(
  kind: GuestKind,
  wanted: NamedDisk,
  { slot, disk }: { readonly slot: string; readonly disk: LiveDisk },
  live: KnownGuest,
): Generator<FieldChange> {
  const of = `${wanted.name} (${wanted.at})`;
  const base = { field: fieldOf[kind], restart: false } as const;
  if (disk.storage !== wanted.storage) {
    yield { ...base, of: `${of} storage`, from: disk.storage, to: wanted.storage };
  }
  if (disk.sizeMb !== undefined && disk.sizeMb !== wanted.sizeGb * 1024) {
    yield { ...base, of, from: gib(disk.sizeMb), to: `${wanted.sizeGb} GiB` };
  }
  yield* optionDifferences(kind, wanted, { slot, disk }, live, { field: fieldOf[kind], of: (name) => `${of} ${name}` });
  if (waitingOn(live, slot).includes('volume'))
    yield { ...base, of, from: 'pending', to: describe(wanted), restart: true };
}

/** What differs in a disk at its next restart. */
function waitingOn({ status, config }: KnownGuest, slot: string): readonly string[] {
  return status === 'running' ? (config.waiting?.[slot] ?? []) : [];
}

function* optionDifferences(
  kind: GuestKind,
  wanted: DiskOptions,
  { slot, disk }: { readonly slot: string; readonly disk: LiveDisk },
  live: KnownGuest,
  told: { readonly field: FieldChange['field']; of(name: DiskOptionName): string },
): Generator<FieldChange> {
  const waiting = waitingOn(live, slot);
  const differing = differingOptions(kind, wanted, disk);
  for (const name of optionsOf(kind)) {
    const to = wanted[name];
    if (to === undefined) continue;
    const base = { field: told.field, of: told.of(name), to: show(to) };
    if (differing.includes(name)) {
      yield { ...base, from: show(liveOption(kind, disk, name)), restart: diskOptions[name].restart(kind) };
    } else if (waiting.includes(name)) yield { ...base, from: 'pending', restart: true };
  }
}

/** Why the data disks of a guest cannot become as wanted, and what to do; `undefined` when they can. */
export function dataDiskProblem(guest: GuestSpec, live: KnownGuest): Blocked | undefined {
  for (const wanted of dataDisksOf(guest)) {
    const problem = problemOf(guest, wanted, live);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(guest: GuestSpec, wanted: NamedDisk, live: KnownGuest): Blocked | undefined {
  const { kind, vmid, key } = guest;
  const { at, name, sizeGb, storage } = wanted;
  const label = guestLabel({ guestKind: kind, vmid });
  if (live.kind === 'vm' && live.config.cds?.includes(at) === true) {
    return {
      reason: 'disk',
      advice: `${at} of ${label} holds a CD or its cloud-init drive. Give ${name} another slot.`,
    };
  }
  const there = liveDiskAt(kind, live.config.disks, at);
  if (there === undefined) return undefined;
  const { slot, disk } = there;
  if (disk.volid.startsWith('/')) {
    return { reason: 'disk', advice: `${at} of ${label} is ${disk.volid} of its node, which proxnix does not manage.` };
  }
  if (disk.sizeMb !== undefined && disk.sizeMb > sizeGb * 1024) {
    const advice = `${name} of ${key} has ${gib(disk.sizeMb)} GiB, and the flake wants ${sizeGb} GiB: Proxmox cannot make a disk smaller. Set its size_gb to ${Math.ceil(disk.sizeMb / 1024)}.`;
    return { reason: 'shrink', advice };
  }
  if (disk.storage === storage) return undefined;
  if (kind === 'container') {
    const commands = `pct shutdown ${vmid} && pct move-volume ${vmid} ${slot} ${storage} --delete 1 && pct start ${vmid}`;
    const advice = `${name} is on ${disk.storage}, and a mount of a container is moved only while it is stopped: on its node root can \`${commands}\`.`;
    return { reason: 'storage', advice };
  }
  return live.config.waiting?.[slot] === undefined ? undefined : { reason: 'disk', advice: pendingAdvice(label, slot) };
}

/**
 * Why a disk with a pending value is not moved: the move succeeds, and the pending value goes on naming the old volume,
 * which is deleted, so that the VM does not start again (PVE 9.2).
 */
export function pendingAdvice(label: string, slot: string): string {
  return `${slot} of ${label} has a change that waits for a restart, and is not moved before: restart it or revert the change in Proxmox, then plan again.`;
}

/** `20 GiB on fast cache writeback` */
export function describe({ sizeGb, storage, ...options }: DataDisk): string {
  return [`${sizeGb} GiB on ${storage}`, ...describeOptions(options)].join(' ');
}

/** `cache writeback` for each option that is named. */
export function describeOptions(options: DiskOptions): readonly string[] {
  return optionsOf('vm').flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : `${name} ${show(value)}`;
  });
}

/** `20 GiB on fast` */
export function describeLive({ sizeMb, storage }: LiveDisk): string {
  return sizeMb === undefined ? `a disk on ${storage}` : `${gib(sizeMb)} GiB on ${storage}`;
}

function show(value: string | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}

function gib(sizeMb: number): string {
  return `${Number((sizeMb / 1024).toFixed(2))}`;
}
