import { diffBootOrder } from './boot-order.ts';
import type { FieldChange } from './change.ts';
import { dataDisksOf, diffDataDisks, diffRootOptions, liveDiskAt } from './data-disk-changes.ts';
import { diffFirmware } from './firmware.ts';
import { type DesiredGuest, type GuestSpec, guestLabel, imageHash } from './guest.ts';
import type { KnownGuest } from './live.ts';
import { restoredCards } from './networks.ts';
import {
  type AnyRow,
  type AnySetting,
  type Difference,
  isManaged,
  managedPart,
  rowsOf,
  sameValue,
  settingsOf,
  showValue,
  waitsForRestart,
  wantedPart,
} from './settings.ts';
import { finalTags, readTags, sameTags, splitTags } from './tags.ts';

const anyCommit = '0'.repeat(40);

/**
 * The differences between a wanted guest and the live guest, in reading order, without the image (`imageDiffers`) and the
 * tags that name it. Both sides are in canonical form, so there is none right after an apply.
 * @param detached data disks that left the flake and are with the guest, as `detachedFrom` tells them
 * @param declared flake paths of what the flake named before, as `declaredBefore` tells them
 */
export function* diffGuest(
  wanted: DesiredGuest,
  live: KnownGuest,
  fleetTag?: string,
  declared: readonly string[] = [],
  detached: Readonly<Record<string, string>> = {},
): Generator<FieldChange> {
  yield* diffSettings(wanted, live);
  yield* pendingSettings(wanted, live);
  yield* diffFirmware(managedPart(wanted), live);
  yield* diffBootOrder(wanted, live);
  yield* diffRootOptions(wanted, live);
  yield* diffDataDisks(wanted, live, declared, detached);
  yield* tags(wanted, live, fleetTag);
}

/** Does the root disk hold another image than wanted, according to the guest's tags? */
export function imageDiffers(wanted: DesiredGuest, live: KnownGuest): boolean {
  return readTags(live.tags).imageHash !== imageHash(wanted.image);
}

/** The GiB of a root disk that would have to become smaller, which Proxmox cannot do; `undefined` where it need not. */
export function largerDisk(wanted: GuestSpec, live: KnownGuest): number | undefined {
  const size = live.config.disks[wanted.diskSlot]?.sizeMb;
  return size !== undefined && size > wanted.diskGb * 1024 ? size / 1024 : undefined;
}

type Values = Readonly<Record<string, unknown>>;

function* diffSettings(wanted: DesiredGuest, live: KnownGuest): Generator<FieldChange> {
  const values = settingsIn(live);
  for (const row of rowsOf(wanted.kind)) {
    if (row.word === undefined || row.role === 'disks') continue;
    const difference = row.role === 'setting' ? differenceOf(row, wanted, values) : differenceBeside(row, wanted, live);
    if (difference === undefined) continue;
    const to = valueIn(row, wanted);
    const inUse = row.role === 'setting' ? inUseOf(row, live) : undefined;
    if (row.role !== 'setting' || inUse === undefined) {
      yield { field: row.word, ...difference, restart: waitsForRestart(row, wanted.kind, values[row.key], to) };
    } else {
      // Writing the value in use takes the pending one back, and nothing waits any more (PVE 9.2).
      const restart = !sameValue(row, inUse.value, to) && waitsForRestart(row, wanted.kind, inUse.value, to);
      yield { field: row.word, from: besidePending(row, inUse, values, to), to: difference.to, restart };
    }
  }
}

function differenceOf(row: AnySetting, wanted: DesiredGuest, live: Values): Difference | undefined {
  const [from, to] = [live[row.key], valueIn(row, wanted)];
  if (!isManaged(row, wanted, to) || sameValue(row, from, to)) return undefined;
  return { from: showValue(row, wantedPart(row, from, to)), to: withUnit(row, to) };
}

/** The difference of a row outside the configuration: the root disk, or the guest's place. */
function differenceBeside(
  row: Exclude<AnyRow, AnySetting | { readonly role: 'disks' }>,
  wanted: DesiredGuest,
  live: KnownGuest,
): Difference | undefined {
  if (row.role === 'root') return row.differs?.(wanted, live.config.disks[wanted.diskSlot]);
  return row.differs?.(wanted, live);
}

/** `2048 (3072 pending)` */
function besidePending(row: AnySetting, inUse: InUse, values: Values, to: unknown): string {
  const show = (value: unknown) => showValue(row, wantedPart(row, value, to));
  return `${show(inUse.value)} (${show(values[row.key])} pending)`;
}

interface InUse {
  readonly value: unknown;
}

/** The value of a setting that a running guest has until its restart, where another one waits for that. */
function inUseOf(row: AnySetting, { status, config }: KnownGuest): InUse | undefined {
  if (status !== 'running' || config.inUse === undefined || !config.pending.includes(row.key)) return undefined;
  return { value: config.inUse[row.key] };
}

/** Values that are written already and wait for a restart, because a run was interrupted before it. */
function* pendingSettings(wanted: DesiredGuest, live: KnownGuest): Generator<FieldChange> {
  if (live.status !== 'running' || live.config.pending.length === 0) return;
  const values = settingsIn(live);
  for (const row of settingsOf(wanted.kind)) {
    const to = valueIn(row, wanted);
    if (!live.config.pending.includes(row.key) || !isManaged(row, wanted, to)) continue;
    // A value that still differs is among the differences already.
    if (sameValue(row, values[row.key], to)) {
      const inUse = inUseOf(row, live);
      const isKnown = inUse !== undefined && !sameValue(row, inUse.value, to);
      const from = isKnown ? besidePending(row, inUse, values, to) : 'pending';
      yield { field: row.word, from, to: withUnit(row, to), restart: true };
    }
  }
}

/**
 * What somebody else wrote to the guest and a restart would make real, as people read it: `hotplug disk`. What the flake
 * manages is among the differences.
 */
export function othersPending(wanted: DesiredGuest, live: KnownGuest): readonly string[] {
  const values = settingsIn(live);
  const unmanaged = settingsOf(wanted.kind).filter(
    (row) => live.config.pending.includes(row.key) && !isManaged(row, wanted, valueIn(row, wanted)),
  );
  // The new root disk is ours.
  const others = (live.config.otherPending ?? []).filter(
    ({ key }) => key !== wanted.diskSlot && !isOurDisk(key, wanted, live) && !isOurOrder(key, wanted, live),
  );
  return [
    ...unmanaged.map((row) => `${row.word} ${showValue(row, values[row.key])}`),
    ...others.map(({ key, to }) => (to === '' ? `no ${key}` : `${key} ${to}`)),
  ];
}

/** A boot order with the root first was written by proxnix, and counts at the next start only. */
function isOurOrder(key: string, { diskSlot }: DesiredGuest, { config }: KnownGuest): boolean {
  return key === 'boot' && 'boot' in config && config.boot[0] === diskSlot;
}

/** Is it a data disk or an EFI disk whose waiting values are among the differences? */
function isOurDisk(key: string, wanted: DesiredGuest, { config }: KnownGuest): boolean {
  if (key === 'efidisk0') return wanted.kind === 'vm' && wanted.bios === 'ovmf';
  const waiting = config.waiting?.[key] ?? [];
  return dataDisksOf(wanted).some(
    (disk) =>
      liveDiskAt(wanted.kind, config.disks, disk.at)?.slot === key &&
      waiting.some((name) => name === 'volume' || Object.hasOwn(disk, name)),
  );
}

/** The guest with the settings that it has in Proxmox, the pending ones among them: writing it changes nothing. */
export function withLiveSettings(guest: DesiredGuest, live: KnownGuest): DesiredGuest {
  const values = settingsIn(live);
  const settings = settingsOf(guest.kind).map((row) => [row.key, values[row.key]] as const);
  const added = guest.networks === undefined ? {} : { networks: restoredCards(live.config.networks, guest.networks) };
  const all = Object.entries({ ...guest, ...Object.fromEntries(settings), ...added });
  // A TPM that was taken out comes back with its state, as disks do: here it would get a new, empty one.
  const kept = all.filter(([key, value]) => value !== undefined && !(key === 'tpm' && value === true));
  // The rows have the same types in a wanted and in a live guest.
  return Object.fromEntries(kept) as unknown as DesiredGuest;
}

/** The settings of a live guest by the keys of their rows; the name is empty where it has none. */
export function settingsIn({ kind, vmid, name, config }: KnownGuest): Readonly<Record<string, unknown>> {
  // A guest without a name is called by its label, which Proxmox does not take for a name.
  return { ...config, name: name === guestLabel({ guestKind: kind, vmid }) ? '' : name };
}

function valueIn({ key }: AnyRow, wanted: Values): unknown {
  return wanted[key];
}

function withUnit(row: AnySetting, value: unknown): string {
  return `${showValue(row, value)}${row.unit ?? ''}`;
}

function* tags(wanted: DesiredGuest, live: KnownGuest, fleetTag: string | undefined): Generator<FieldChange> {
  // The flake wants a commit tag, whichever commit it names.
  const commit = readTags(live.tags).commit ?? anyCommit;
  const done = { imageHash: imageHash(wanted.image), commit, ...(fleetTag === undefined ? {} : { fleet: fleetTag }) };
  const isShown = imageDiffers(wanted, live) ? isBesideImage : () => true;
  const now = splitTags(live.tags.join(';')).filter(isShown);
  const expected = splitTags(finalTags(live.tags, done, wanted.tags)).filter(isShown);
  const extra = now.filter((tag) => !expected.includes(tag) && !expected.includes(tag.toLowerCase()));
  const missing = expected
    .filter((tag) => !now.some((one) => sameTags([one], [tag])))
    .map((tag) => tag.replace(anyCommit, '…'));
  if (extra.length === 0 && missing.length === 0) return;
  yield { field: 'tags', from: extra.join(' ') || 'none', to: missing.join(' ') || 'none', restart: false };
}

/** Another image brings its own tags with it; those of the guest are told beside. */
function isBesideImage(tag: string): boolean {
  const { ours, pending, imageHash: image, commit } = readTags([tag]);
  return !ours && !pending && image === undefined && commit === undefined;
}
