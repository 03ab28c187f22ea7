import { dataDisksValue } from './data-disks.ts';
import type { GuestSpec } from './guest.ts';
import { type AnyRow, flakeValue, rowsOf } from './settings.ts';

/**
 * What the flake names of a guest beyond what every guest has, as paths: `description`, `cloud_init.user`, `networks.1`,
 * and data disks by their places, `disks.scsi1`, `mounts./data`. A value that is not named is not managed, so only this
 * record tells a value that left the flake from one that a person set.
 */
export function declaredBy(guest: GuestSpec): readonly string[] {
  const values: Readonly<Record<string, unknown>> = guest;
  return rowsOf(guest.kind).flatMap((row) => {
    const value = values[row.key];
    if (value === undefined) return [];
    const names = row.key === 'tags' ? (guest.tags ?? []) : partsOf(row, value);
    const parts = names.map((part) => `${row.flake}.${part}`);
    return row.kinds[guest.kind]?.absent === 'unmanaged' ? [row.flake, ...parts] : parts;
  });
}

function partsOf(row: AnyRow, value: unknown): readonly string[] {
  // A data disk is known by its place, whatever the flake calls it.
  if (row.key === 'disks' || row.key === 'mounts')
    return Object.values(dataDisksValue.parse(value)).map(({ at }) => at);
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((one, index) => (isPart(one) ? [String(index), ...within(index, one)] : []));
  // People read the paths, so they have the names of the flake.
  return Object.keys(Object(flakeValue(row, value)));
}

/** The parts of a network card. */
function within(index: number, card: object): readonly string[] {
  return Object.keys(card).map((key) => `${index}.${key === 'rateMbps' ? 'rate_mbps' : key}`);
}

/** Items of plain lists are no parts: the list is one value. */
function isPart(item: unknown): item is object {
  return typeof item === 'object' && item !== null;
}

/** What was named of a guest when it was last as wanted, by VMID. */
export interface Declared {
  readonly vmid: number;
  readonly paths: readonly string[];
}

/** The paths that the flake named of a guest when it was last as wanted; none where nothing is known of it. */
export function declaredBefore(declared: readonly Declared[] = [], vmid: number): readonly string[] {
  return declared.find((one) => one.vmid === vmid)?.paths ?? [];
}

/** The guest with a `null` for each network card that the flake named before and does not name any more. */
export function withGoneCards<Guest extends GuestSpec>(guest: Guest, before: readonly string[]): Guest {
  const { networks } = guest;
  if (networks === undefined) return guest;
  const numbers = before.flatMap((path) => /^networks\.(\d+)$/.exec(path)?.[1] ?? []).map(Number);
  const missing = Math.max(0, ...numbers.map((number) => number + 1)) - networks.length;
  return missing <= 0 ? guest : { ...guest, networks: [...networks, ...Array.from({ length: missing }, () => null)] };
}

/**
 * The paths that left the flake and whose values stay as they are: the plan says so once. A card of `networks` goes
 * instead, and so does a disk; a backup and a check of the health are no values of the guest.
 */
export function stayingPaths(guest: GuestSpec, before: readonly string[]): readonly string[] {
  const now = new Set(declaredBy(guest));
  const left = before.filter((path) => !now.has(path) && !/^(?:disks|mounts|backup|health)/.test(path));
  // A part goes with the whole that left.
  const wholes = left.filter((path) => !left.some((other) => path.startsWith(`${other}.`)));
  return wholes.filter((path) => !/^networks\.\d+$/.test(path));
}
