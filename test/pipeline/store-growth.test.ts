import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NixBuilder } from '../../src/builder/nix/nix.ts';
import { UserError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { aFlake, nix, nixOptions } from '../builder/nix/here.ts';
import { aFolder } from '../store/folder.ts';
import { aBench, type Bench } from '../support/pipeline.ts';

/** Bytes of `store.json` with the runs of a bench. */
async function storeSize(bench: Bench): Promise<number> {
  const dir = await aFolder();
  const store = await openStore(dir);
  for (const { run, messages } of bench.store.runs()) {
    await store.saveRun(run);
    await store.saveMessages(run.id, messages);
  }
  await store.close();
  return (await stat(join(dir, 'store.json'))).size;
}

const megabytes = 'größe \r\u001b[31m'.repeat(400_000);

it('a failing push adds some KiB to the store, whatever it says', async () => {
  const bench = await aBench();
  bench.builder.evaluateFleet = () =>
    Promise.reject(new UserError(megabytes, { next: megabytes, details: [megabytes, ...megabytes.split('\r')] }));
  await bench.push(1, {}, { subject: megabytes, author: megabytes });
  const before = await storeSize(bench);
  for (let n = 2; n <= 11; n++) await bench.push(n, {}, { subject: megabytes, author: megabytes });
  expect(bench.pipeline.runs().map(({ phase }) => phase)).toEqual(Array.from({ length: 11 }, () => 'failed'));
  expect((await storeSize(bench)) - before).toBeLessThan(10 * 16 * 1024);
});

it.skipIf(nix === undefined)(
  'a push whose flake throws 4 MiB adds some KiB to the store',
  async () => {
    const bench = await aBench();
    const builder = new NixBuilder(await nixOptions());
    const text = `(builtins.foldl' (text: _: text + text) "/a" (builtins.genList (n: n) 21))`;
    const source = await aFlake(`{ proxnix.vms.web = throw ${text}; }`);
    bench.builder.evaluateFleet = (_, signal) => builder.evaluateFleet(source, signal);
    await bench.push(1);
    expect(bench.run('failed').failure.message).toMatch(/does not evaluate: (?:\/a)+/);
    expect(await storeSize(bench)).toBeLessThan(16 * 1024);
  },
  120_000,
);
