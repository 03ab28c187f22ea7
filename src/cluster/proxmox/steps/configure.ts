import { UserError } from '../../../core/errors.ts';
import { type DesiredGuest, guestLabel } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Precondition } from '../../cluster.ts';
import { type GuestConfig, tagsOf, toLiveConfig } from '../config.ts';
import { checkForeign, checkGuest, type Doing, nextPrecondition } from '../precondition.ts';
import { type Changes, changedSettings, lastSettings } from '../settings.ts';
import { putConfig } from '../writes.ts';

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

/** The final tags and protection in one write: a guest is never told to be done without the protection it shall have. */
export async function finish({ api, step, precondition }: Doing<'finish'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const changes = {
    ...(tagsOf(config).join() === splitTags(step.tags).join() ? {} : { tags: step.tags }),
    ...lastSettings(step.guest, config.values),
  };
  if (Object.keys(changes).length === 0) return precondition;
  await putConfig(api, step, changes, config.digest);
  return nextPrecondition(api, step, precondition);
}

/** The one write to a guest that does not carry our tag: the tag itself. */
export async function adopt({ api, step, precondition }: Doing<'adopt'>): Promise<Precondition> {
  const config = await checkForeign(api, step, precondition);
  if (toLiveConfig(config).protected || config.values['template'] === '1') {
    const what = config.values['template'] === '1' ? 'a template' : 'protected in Proxmox';
    throw new UserError(`${guestLabel(step)} is ${what}: it is not taken over.`, { next: 'Look at a fresh plan.' });
  }
  if (tagsOf(config).join() !== splitTags(step.tags).join()) {
    await putConfig(api, step, { tags: step.tags }, config.digest);
  }
  return nextPrecondition(api, step, precondition);
}
