import type { Forge } from './forge.ts';
import { forgejo, gitea } from './gitea.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';

/** Every forge, in the order in which a request is shown to them: who sends others' headers too comes first. */
export function forges(now: () => number = Date.now): readonly Forge[] {
  return [forgejo, gitea, gitlab(now), github];
}
