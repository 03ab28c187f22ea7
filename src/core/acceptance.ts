import type { Change, UpdateChange } from './change.ts';
import { settingsIn } from './diff.ts';
import type { FlakeEdit } from './flake-patch.ts';
import type { DesiredGuest } from './guest.ts';
import type { KnownGuest } from './live.ts';
import type { Plan } from './plan.ts';
import { type AnyRow, flakeValue, isManaged, rowsOf, sameValue, wantedPart } from './settings.ts';

/** What a flake would have to say for a drift to be as wanted. */
export interface Acceptance {
  readonly edits: readonly FlakeEdit[];
  /** Differences that no value of a field expresses, in words, by guest. */
  readonly others: readonly { readonly name: string; readonly fields: readonly string[] }[];
}

/** The values that the guests of a drift have, for their entries in the flake. */
export function acceptanceOf(plan: Plan): Acceptance {
  // What blocks a change does not block the flake.
  const updates = plan.changes.filter((change) => change.action === 'update');
  const edits = updates.flatMap(({ guest, live }) => editsOf(guest, live));
  const others = plan.changes.map((change) => ({ name: change.name, fields: beyond(change) }));
  return { edits, others: others.filter(({ fields }) => fields.length > 0) };
}

function editsOf(guest: DesiredGuest, live: KnownGuest): readonly FlakeEdit[] {
  return rowsOf(guest.kind).flatMap((row) => {
    const value = acceptedValue(row, guest, live);
    return value === undefined ? [] : [{ key: guest.key, vmid: guest.vmid, field: row.flake, value }];
  });
}

/** The value that makes a field as the guest is; `undefined` where it does not differ, or no value says it. */
function acceptedValue(row: AnyRow, guest: DesiredGuest, live: KnownGuest): unknown {
  const wanted = (guest as Readonly<Record<string, unknown>>)[row.key];
  if (!isManaged(row, guest, wanted)) return undefined;
  if (row.role === 'setting') {
    const now = settingsIn(live)[row.key];
    return now === undefined || sameValue(row, now, wanted) ? undefined : flakeValue(row, wantedPart(row, now, wanted));
  }
  const root = live.config.disks[guest.diskSlot];
  if (row.key === 'diskGb' && root?.sizeMb !== undefined && root.sizeMb !== guest.diskGb * 1024) {
    return root.sizeMb % 1024 === 0 ? root.sizeMb / 1024 : undefined;
  }
  if (row.key === 'storage' && root !== undefined && root.storage !== guest.storage) return root.storage;
  if (row.key === 'power' && guest.power === 'stopped' && live.status === 'running') return 'running';
  return row.key === 'pool' && live.pool !== undefined && live.pool !== wanted ? live.pool : undefined;
}

/** What no value of a field can take into the flake: data disks, tags, the boot order; a guest that is gone or is not declared. */
function beyond(change: Change): readonly string[] {
  switch (change.action) {
    case 'update':
      return beyondValues(change);
    case 'create':
      return ['is gone from the cluster: remove its entry'];
    case 'replace':
    case 'rollback':
      return ['runs another image: no value of its entry says it'];
    case 'destroy':
      return ['is not declared: `proxnix import` prints its entry'];
    default:
      return [];
  }
}

function beyondValues({ fields, guest, live }: UpdateChange): readonly string[] {
  const words = new Set(
    rowsOf(guest.kind).flatMap((row) => (acceptedValue(row, guest, live) === undefined ? [] : [row.word])),
  );
  return fields.filter(({ field }) => !words.has(field)).map(({ field, of }) => [field, of].join(' ').trimEnd());
}
