import type { DesiredGuest } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Precondition } from '../../cluster.ts';
import { type GuestConfig, tagsOf } from '../config.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { type Changes, changedSettings } from '../settings.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/** ONE write of all that differs, tags included: nothing in between can be seen or left behind. */
export async function configure({ api, step, precondition }: Doing<'configure'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const changes = differences(config, step.guest, step.tags);
  if (Object.keys(changes).length === 0) return precondition;
  await putConfig(api, step, changes, config.digest);
  return nextPrecondition(api, step, precondition);
}

/** What must be written for the guest to be as wanted; `undefined` deletes a key. Protection is not its business. */
export function differences(config: GuestConfig, guest: DesiredGuest, tags: string): Changes {
  return {
    ...changedSettings(guest, config.values),
    ...(tagsOf(config).join() === splitTags(tags).join() ? {} : { tags }),
  };
}
