import { withRootFirst } from '../core/boot-order.ts';
import type { Change, CreateChange, FieldChange, ReplaceChange } from '../core/change.ts';
import { describeOptions } from '../core/data-disk-changes.ts';
import type { Goal } from '../core/goal.ts';
import type { DesiredGuest } from '../core/guest.ts';
import { settingsOf, showValue, wholeValue } from '../core/settings.ts';
import { tagsAfter } from '../core/steps.ts';
import { splitTags } from '../core/tags.ts';

/**
 * What an apply writes to a guest and the table of the plan leaves out or shortens, a line each: every value of a new
 * guest, long values whole, and the final tags.
 */
export function writtenValues(goal: Goal, change: Change): readonly string[] {
  switch (change.action) {
    case 'create':
      return [...newValues(change), tagLine(tagsAfter(goal, change))];
    case 'replace':
      return [
        ...(change.incomplete ? newValues(change) : [...longValues(change.guest, change.fields), newRoot(change)]),
        tagLine(tagsAfter(goal, change)),
      ];
    case 'update':
    case 'rollback':
      return [...longValues(change.guest, change.fields), tagLine(tagsAfter(goal, change))];
    case 'adopt':
      return [tagLine(change.tags)];
    default:
      return [];
  }
}

function newValues({ guest }: Pick<CreateChange | ReplaceChange, 'guest'>): readonly string[] {
  const settings = settingsOf(guest.kind).flatMap((row) => {
    const value = valueIn(guest, row.key);
    return value === undefined ? [] : `${row.word} ${wholeValue(row, value)}${row.unit ?? ''}`;
  });
  return [
    ...settings,
    newRoot({ guest }),
    ...(guest.kind === 'vm' ? [`boot ${withRootFirst(guest.diskSlot, []).join(' ')}`] : []),
    ...(guest.pool === undefined ? [] : [`pool ${guest.pool}`]),
  ];
}

/** `disk 8 GiB on fast at scsi0 ssd yes` */
function newRoot({ guest }: Pick<CreateChange | ReplaceChange, 'guest'>): string {
  const { kind, diskGb, storage, diskSlot } = guest;
  const options = kind === 'vm' ? describeOptions(guest.rootOptions ?? {}) : [];
  return [`disk ${diskGb} GiB on ${storage} at ${diskSlot}`, ...options].join(' ');
}

/** Those of the changed values that the table shortens. */
function longValues(guest: DesiredGuest, fields: readonly FieldChange[]): readonly string[] {
  const changed = new Set(fields.map(({ field }) => field));
  return settingsOf(guest.kind).flatMap((row) => {
    const value = valueIn(guest, row.key);
    const whole = wholeValue(row, value);
    return changed.has(row.word) && whole !== showValue(row, value) ? `${row.word} ${whole}` : [];
  });
}

function valueIn(guest: DesiredGuest, key: string): unknown {
  const values: Readonly<Record<string, unknown>> = guest;
  return values[key];
}

function tagLine(tags: string): string {
  return `tags ${splitTags(tags).join(' ')}`;
}
