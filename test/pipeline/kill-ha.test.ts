import { haStoriesOf } from './support/kill/ha-stories.ts';
import { containers, vms } from './support/kill/kinds.ts';
import { killEverywhere } from './support/kill/suite.ts';

await killEverywhere(vms, haStoriesOf);
await killEverywhere(containers, haStoriesOf);
