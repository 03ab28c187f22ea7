import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestsOf } from '../../src/core/plan.ts';
import { planOf } from '../../src/core/run.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { currentVersion, readStore, type StoreData } from '../../src/store/schema.ts';
import { FakeStore } from '../fakes/store.ts';
import { Bench } from '../support/pipeline.ts';
import { aFolder } from './folder.ts';

const read = (file: string) => readFile(new URL(`fixtures/${file}`, import.meta.url), 'utf8');
const versions = ['store-1.jsonl'];

for (const file of versions) {
  describe(`${file}, as an older program wrote it`, async () => {
    const text = await read(file);
    const before = JSON.parse(text);
    const migrated = readStore(text, file, 0);

    it('is read whole in the current version', () => {
      expect(migrated.lost).toEqual([]);
      expect(migrated.migratedFrom).toBe(before.version);
      expect(migrated.data.version).toBe(currentVersion);
      expect(migrated.data.runs.map(({ run, messages }) => ({ id: run.id, phase: run.phase, messages }))).toEqual(
        before.runs.map(({ run, messages }: StoreData['runs'][number]) => ({ id: run.id, phase: run.phase, messages })),
      );
    });

    it('is what the current fixture holds', async () => {
      expect(migrated.data).toEqual(JSON.parse(await read(`store-${currentVersion}.jsonl`)));
    });

    it('gives each plan the digests of this version, and leaves the id that stands on its buttons', () => {
      const plans = migrated.data.runs.flatMap(({ run }) => planOf(run) ?? []);
      expect(plans.length).toBeGreaterThan(20);
      for (const plan of plans) expect(plan).toMatchObject(digestsOf(plan));
      const ids = before.runs.flatMap(({ run }: { run: { plan?: { id: string } } }) => run.plan?.id ?? []);
      expect(ids.length).toBeGreaterThan(20);
      expect(plans.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
    });

    it('starts the program with its runs, messages, locks and retained disks', async () => {
      const bench = new Bench({
        store: new FakeStore(migrated.data),
        fleets: [{}, { name: 'lab', repository: 'acme/lab' }],
      });
      bench.commit(1);
      await bench.start();
      await bench.settle();
      for (const { run } of migrated.data.runs) expect(bench.store.runs().map((one) => one.run.id)).toContain(run.id);
      const cutOff = migrated.data.runs.filter(({ run }) => run.phase === 'applying').map(({ run }) => run.id);
      expect(cutOff.length).toBeGreaterThan(0);
      const notes = cutOff.flatMap((id) => {
        const run = bench.pipeline.run(id);
        return run?.phase === 'interrupted' ? [run.notes] : [];
      });
      expect(notes.length).toBeGreaterThan(0);
      for (const said of notes) expect(said).not.toEqual([]);
      expect(await bench.chat.command('/proxnix history')).toMatchObject({ kind: 'card' });
    });

    it('is kept beside the store as it was, and migrated once', async () => {
      const dir = await aFolder();
      await writeFile(path.join(dir, 'store.json'), text);
      const store = await openStore(dir);
      expect(store.setAside).toBeUndefined();
      await store.close();
      const copy = `store.json.version-${before.version}`;
      expect(await readdir(dir)).toEqual(expect.arrayContaining([copy, 'store.json']));
      expect(await readFile(path.join(dir, copy), 'utf8')).toBe(text);
      expect(JSON.parse(await readFile(path.join(dir, 'store.json'), 'utf8'))).toEqual(migrated.data);
      await writeFile(path.join(dir, copy), 'untouched by the next start');
      await (await openStore(dir)).close();
      expect(await readFile(path.join(dir, copy), 'utf8')).toBe('untouched by the next start');
    });
  });
}

describe('a store of version 1', () => {
  it('keeps what was remembered of its fleets under the names of version 2', async () => {
    const before = JSON.parse(await read('store-1.jsonl'));
    const { fleets } = readStore(JSON.stringify(before), 'store.json', 0).data;
    for (const [name, { kept, drifts, ...others }] of Object.entries<Record<string, unknown>>(before.fleets)) {
      expect(fleets[name]).toEqual({
        ...others,
        ...(kept === undefined ? {} : { retainedDisks: kept }),
        ...(drifts === undefined ? {} : { acknowledgedDrifts: drifts }),
      });
    }
    expect(Object.values(fleets).some(({ lock }) => lock !== undefined)).toBe(true);
    expect(Object.values(fleets).some(({ retainedDisks = [] }) => retainedDisks.length > 0)).toBe(true);
  });

  it('reads a run that was written before a setting was there, with its default', async () => {
    const before = JSON.parse(await read('store-2.jsonl'));
    const planned = before.runs.find(({ run }: { run: { phase: string } }) => run.phase === 'planned');
    const { onboot: _, ...older } = planned.run.plan.goal.guests[0];
    planned.run.plan.goal.guests[0] = older;
    const { data, lost } = readStore(JSON.stringify({ ...before, runs: [planned] }), 'store.json', 0);
    expect(lost).toEqual([]);
    const run = data.runs[0]?.run;
    expect(run === undefined ? undefined : planOf(run)?.goal.guests[0]?.onboot).toBe(true);
  });

  it('loses a damaged run and no other', async () => {
    const before = JSON.parse(await read('store-1.jsonl'));
    const [first, ...others] = before.runs;
    const { data, lost } = readStore(
      JSON.stringify({ ...before, runs: [{ ...first, run: { ...first.run, trigger: 7 } }, ...others] }),
      'store.json',
      0,
    );
    expect(data.runs).toHaveLength(others.length);
    expect(lost).toEqual([{ what: `run ${first.run.id}`, why: expect.stringContaining('trigger') }]);
  });
});
