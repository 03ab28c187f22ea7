import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { reasonCodes } from '../../src/core/identity.ts';

it('has a line for each reason code in the table of the README, and no other', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const table = readme.slice(readme.indexOf('| code '), readme.indexOf('### Adopt'));
  const codes = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, code]) => code);
  expect(codes).toEqual([...reasonCodes]);
});
