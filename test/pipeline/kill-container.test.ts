import { containers } from './support/kill/kinds.ts';
import { killEverywhere } from './support/kill/suite.ts';

await killEverywhere(containers);
