import type { FieldChange } from './change.ts';
import { type DesiredGuest, type GuestSpec, imageHash } from './guest.ts';
import type { KnownGuest } from './live.ts';
import {
  type AnyRow,
  type AnySetting,
  isManaged,
  rowsOf,
  sameValue,
  settingsOf,
  showValue,
  waitsForRestart,
} from './settings.ts';
import { finalTags, readTags, splitTags } from './tags.ts';

const anyCommit = '0'.repeat(40);

/**
 * What differs between a guest wanted and the same guest live, in the order in which people read it. The image is not
 * among it (`imageDiffers`). Both sides are canonical, so right after an apply it yields nothing.
 */
export function* diffGuest(wanted: DesiredGuest, live: KnownGuest, fleetTag?: string): Generator<FieldChange> {
  yield* diffSettings(wanted, live);
  yield* pendingSettings(wanted, live);
  if (!imageDiffers(wanted, live)) yield* tags(wanted, live, fleetTag);
}

/** Does the root disk hold another image than wanted, as far as the guest's tags tell? */
export function imageDiffers(wanted: DesiredGuest, live: KnownGuest): boolean {
  return readTags(live.tags).imageHash !== imageHash(wanted.image);
}

/** Would the root disk have to become smaller? Proxmox cannot do that. */
export function shrinksDisk(wanted: GuestSpec, live: KnownGuest): boolean {
  const size = live.config.disks[wanted.diskSlot]?.sizeMb;
  return size !== undefined && size > wanted.diskGb * 1024;
}

function* diffSettings(wanted: DesiredGuest, live: KnownGuest): Generator<FieldChange> {
  const newDisk = imageDiffers(wanted, live);
  for (const row of rowsOf(wanted.kind)) {
    // A new image brings a new disk of the size and on the storage wanted.
    if (row.word === undefined || (row.role === 'root' && newDisk)) continue;
    const difference = differenceOf(row, wanted, live);
    if (difference !== undefined) {
      yield { field: row.word, ...difference, restart: waitsForRestart(row, wanted.kind) };
    }
  }
}

function differenceOf(row: AnyRow, wanted: DesiredGuest, live: KnownGuest): { from: string; to: string } | undefined {
  if (row.role === 'root') return row.differs?.(wanted, live.config.disks[wanted.diskSlot]);
  if (row.role === 'place') return row.differs?.(wanted, live);
  const [from, to] = [liveValue(row, live), wantedValue(row, wanted)];
  if (!isManaged(row, wanted.kind, to) || sameValue(row, from, to)) return undefined;
  return { from: showValue(row, from), to: withUnit(row, to) };
}

/** Values that are written already and wait for a restart that an interrupted run did not come to. */
function* pendingSettings(wanted: DesiredGuest, live: KnownGuest): Generator<FieldChange> {
  if (live.status !== 'running') return;
  for (const row of settingsOf(wanted.kind)) {
    const to = wantedValue(row, wanted);
    if (!live.config.pending.includes(row.key) || !isManaged(row, wanted.kind, to)) continue;
    // What is to be written anyway is told once.
    if (sameValue(row, liveValue(row, live), to)) {
      yield { field: row.word, from: 'pending', to: withUnit(row, to), restart: true };
    }
  }
}

function wantedValue({ key }: AnySetting, wanted: DesiredGuest): unknown {
  const values: Readonly<Record<string, unknown>> = wanted;
  return values[key];
}

function liveValue({ key }: AnySetting, { name, config }: KnownGuest): unknown {
  const values: Readonly<Record<string, unknown>> = { ...config, name };
  return values[key];
}

function withUnit(row: AnySetting, value: unknown): string {
  return `${showValue(row, value)}${row.unit ?? ''}`;
}

function* tags(wanted: DesiredGuest, live: KnownGuest, fleetTag: string | undefined): Generator<FieldChange> {
  // Which commit last changed a guest is no wish of the flake, only that the tag is there.
  const commit = readTags(live.tags).commit ?? anyCommit;
  const done = { imageHash: imageHash(wanted.image), commit, ...(fleetTag === undefined ? {} : { fleet: fleetTag }) };
  const now = splitTags(live.tags.join(';'));
  const expected = splitTags(finalTags(live.tags, done));
  const extra = now.filter((tag) => !expected.includes(tag));
  const missing = expected.filter((tag) => !now.includes(tag)).map((tag) => tag.replace(anyCommit, '…'));
  if (extra.length === 0 && missing.length === 0) return;
  yield { field: 'tags', from: extra.join(' ') || 'none', to: missing.join(' ') || 'none', restart: false };
}
