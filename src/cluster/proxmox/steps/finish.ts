import { splitTags } from '../../../core/tags.ts';
import type { Guard } from '../../cluster.ts';
import { tagsOf, toLiveConfig } from '../config.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/** The final tags and protection in one write: a guest is never told to be done without the protection it shall have. */
export async function finish({ api, step, guard }: Doing<'finish'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  const changes = {
    ...(tagsOf(config).join() === splitTags(step.tags).join() ? {} : { tags: step.tags }),
    ...(step.guest.protected && !toLiveConfig(config).protected ? { protection: 1 } : {}),
  };
  if (Object.keys(changes).length === 0) return guard;
  await putConfig(api, step, changes, config.digest);
  return nextGuard(api, step, guard);
}
