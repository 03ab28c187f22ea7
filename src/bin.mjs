#!/usr/bin/env node
// The program as npm installs it: TypeScript is run as it is, so there is nothing to build and nothing to go stale.
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
