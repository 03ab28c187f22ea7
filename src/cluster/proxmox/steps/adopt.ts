import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Precondition } from '../../cluster.ts';
import { tagsOf, toLiveConfig } from '../config.ts';
import { checkForeign, nextPrecondition } from '../precondition.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

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
