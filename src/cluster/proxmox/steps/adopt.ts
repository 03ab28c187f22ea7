import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Guard } from '../../cluster.ts';
import { tagsOf, toLiveConfig } from '../config.ts';
import { checkForeign, nextGuard } from '../guard.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/** The one write to a guest that does not carry our tag: the tag itself. */
export async function adopt({ api, step, guard }: Doing<'adopt'>): Promise<Guard> {
  const config = await checkForeign(api, step, guard);
  if (toLiveConfig(config).protected || config.values['template'] === '1') {
    const what = config.values['template'] === '1' ? 'a template' : 'protected in Proxmox';
    throw new UserError(`${guestLabel(step)} is ${what}: it is not taken over.`, { next: 'Look at a fresh plan.' });
  }
  if (tagsOf(config).join() !== splitTags(step.tags).join()) {
    await putConfig(api, step, { tags: step.tags }, config.digest);
  }
  return nextGuard(api, step, guard);
}
