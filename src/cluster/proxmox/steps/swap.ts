import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Guard } from '../../cluster.ts';
import { readDrive, tagsOf, toLiveConfig } from '../config.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { handedOverKey } from '../marks.ts';
import { type Property, writeProperty } from '../property.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/** Proxmox finds these out by itself; the rest of a drive's options vanish unless they are sent again. */
const notOptions = new Set(['file', 'size', 'format', 'import-from']);

/** The options of a drive that stay with its slot, whichever disk is in it. */
export function driveOptions(drive: Property): readonly (readonly [string, string])[] {
  return [...drive].filter(([name]) => !notOptions.has(name));
}

/**
 * The disk handed over takes the root slot: pending while the guest runs, at once when it is stopped. The old disk
 * becomes an unused volume. Tags go in the same write, so what the disk holds is never told wrongly.
 */
export async function swap({ api, step, guard }: Doing<'swap'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  const slot = step.guest.diskSlot;
  const key = handedOverKey(config.values);
  const volid = config.values[key ?? ''];
  if (volid === undefined) {
    const done = tagsOf(config).join() === splitTags(step.tags).join() && config.values[slot] !== undefined;
    if (done) return guard;
    throw new UserError(`No new root disk was handed over to ${guestLabel(step)}.`, {
      next: 'Look at the fresh plan.',
    });
  }
  const old = readDrive(config.values[slot] ?? 'none,discard=on');
  const drive = writeProperty(new Map([['file', volid], ...driveOptions(old)]), 'file');
  // A guest without a root disk has no boot order either.
  const boot = toLiveConfig(config).boot.includes(slot) ? {} : { boot: `order=${slot}` };
  await putConfig(api, step, { [slot]: drive, ...boot, tags: step.tags }, config.digest);
  return nextGuard(api, step, guard);
}
