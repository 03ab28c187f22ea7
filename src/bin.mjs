#!/usr/bin/env node
// The program as npm installs it: the JavaScript of `dist/`. A checkout has its sources beside it, which may be newer.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (existsSync(`${root}tsconfig.json`)) {
  const { build } = await import('./build.mjs');
  const problem = build(root);
  if (problem !== undefined) {
    console.error(problem);
    process.exit(1);
  }
}
await import('../dist/src/main.js');
