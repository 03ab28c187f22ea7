import type { Forge } from './forge/forge.ts';
import { forgejo, gitea } from './forge/gitea.ts';
import { github } from './forge/github.ts';
import { gitlab } from './forge/gitlab.ts';

/** Every forge, in the order in which a request is shown to them: one that sends others' headers too comes first. */
export const forges: readonly Forge[] = [forgejo, gitea, gitlab, github];
