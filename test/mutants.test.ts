import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { root } from './support/compiled.ts';

const Guards = z.array(
  z.strictObject({
    name: z.string(),
    file: z.string(),
    from: z.string().min(1),
    to: z.string(),
    tests: z.array(z.string()).min(1),
  }),
);
const list = new URL('mutants/guards.mjs', import.meta.url).href;
const { guards } = z.object({ guards: Guards }).parse(await import(list));

it('the guards that `npm run mutants` takes out are many', () => {
  expect(guards.length).toBeGreaterThan(400);
});

it('each of them stands exactly once in its file', () => {
  const found = guards.map(({ name, file, from }) => ({ name, file, times: timesIn(file, from) }));
  expect(found.filter(({ times }) => times !== 1)).toEqual([]);
});

it('the tests that should notice each of them are there', () => {
  const missing = guards.flatMap(({ name, tests }) =>
    tests.filter((file) => !existsSync(path.join(root, file))).map((file) => `${name}: ${file}`),
  );
  expect(missing).toEqual([]);
});

function timesIn(file: string, text: string): number {
  const from = path.join(root, file);
  return existsSync(from) ? readFileSync(from, 'utf8').split(text).length - 1 : 0;
}
