import { splitTags } from '../../../core/tags.ts';
import type { Precondition } from '../../cluster.ts';
import { tagsOf } from '../config.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { lastSettings } from '../settings.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

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
