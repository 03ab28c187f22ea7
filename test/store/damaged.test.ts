import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { rows } from '../../src/core/settings.ts';
import { openStore } from '../../src/store/lowdb.ts';
import type { StoreData } from '../../src/store/schema.ts';
import { readStore } from '../../src/store/schema.ts';
import type { SavedRun } from '../../src/store/store.ts';
import { FakeStore } from '../fakes/store.ts';
import { Bench } from '../support/pipeline.ts';
import { aFolder } from './folder.ts';

const fixture = await readFile(new URL('fixtures/store-2.jsonl', import.meta.url), 'utf8');
const sound = (): StoreData => JSON.parse(fixture);

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;
type Path = readonly (string | number)[];

/** What a field can become: `undefined` deletes it. */
const damages: Readonly<Record<string, (value: Json) => Json | undefined>> = {
  deleted: () => undefined,
  null: () => null,
  'another type': (value) => (typeof value === 'string' ? 7 : 'seven'),
  true: () => true,
  'a huge text': () => 'x'.repeat(200_000),
  'a text of one character': () => '/',
  'a huge number': () => 1e308,
  'a negative fraction': () => -0.5,
  'an empty list': () => [],
  'an empty object': () => ({}),
  'a list of itself': (value) => [value],
  'an object of itself': (value) => ({ value }),
};

/** Every path of a value, each shape of it once: of a list the first item of each kind, of a plan in two phases the first. */
function pathsOf(value: Json, at: Path = [], shape = '', seen = new Set<string>()): readonly Path[] {
  const here = seen.has(shape) ? [] : [at];
  seen.add(shape);
  if (typeof value !== 'object' || value === null) return here;
  const names = Array.isArray(value) ? [] : [value['phase'], value['action'], value['kind']];
  const kind = names.find((one) => typeof one === 'string') ?? '';
  const entries: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  const inner = entries.flatMap(([key, one]) => {
    const name = typeof key === 'number' ? '[]' : key;
    // What has a phase, an action or a kind is the same wherever it stands.
    const within = kind === '' ? shape : `${String(at.at(-1))}<${kind}>`;
    return pathsOf(one, [...at, key], `${within}.${name}`, seen);
  });
  return [...here, ...inner];
}

function damagedAt(value: Json, [key, ...rest]: Path, damage: (value: Json) => Json | undefined): Json {
  const copy: { [key: string]: Json } = value as { [key: string]: Json };
  if (key === undefined) return value;
  if (rest.length > 0) {
    copy[key] = damagedAt(copy[key] ?? null, rest, damage);
    return copy;
  }
  const next = damage(copy[key] ?? null);
  if (next !== undefined) copy[key] = next;
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy;
}

/** The keys of the settings that have a default. */
const withDefault = new Set(
  rows.filter(({ kinds }) => Object.values(kinds).some((entry) => entry?.absent === 'default')).map(({ key }) => key),
);

/** How many damaged runs one pipeline is given. */
const batchSize = 60;

/** The pipeline starts on it, draws every card, and goes on until nothing happens any more. */
async function started(data: StoreData, setAside?: FakeStore['setAside']): Promise<Bench> {
  const store = new FakeStore(data);
  store.setAside = setAside;
  const bench = new Bench({ store, fleets: [{}, { name: 'lab', repository: 'acme/lab' }] });
  bench.commit(1);
  await bench.start();
  await bench.settle();
  await bench.chat.command('/proxnix status');
  await bench.chat.command('/proxnix history');
  return bench;
}

async function opened(text: string) {
  const dir = await aFolder();
  await writeFile(path.join(dir, 'store.json'), text);
  const store = await openStore(dir, { now: () => 1234 });
  return { dir, store };
}

describe('a store of version 2, as it was written', () => {
  it('has every phase', () => {
    expect(new Set(sound().runs.map(({ run }) => run.phase)).size).toBe(13);
  });

  it('is read and written without loss', async () => {
    const { dir, store } = await opened(fixture);
    expect(store.setAside).toBeUndefined();
    expect(store.runs()).toEqual(sound().runs);
    for (const [name, record] of Object.entries(sound().fleets)) expect(store.fleet(name)).toEqual(record);
    await store.saveFleet('acme', { applied: 'abc' });
    await store.close();
    const { acme, ...others } = sound().fleets;
    const written = JSON.parse(await readFile(path.join(dir, 'store.json'), 'utf8'));
    expect(written).toEqual({ ...sound(), fleets: { ...others, acme: { ...acme, applied: 'abc' } } });
  });

  it('keeps what this version does not know, where that is only told', async () => {
    const { runs, fleets } = sound();
    const [saved] = runs;
    const later = {
      version: 2,
      more: 1,
      runs: [{ ...saved, run: { ...saved?.run, attempts: 2, commit: { ...saved?.run.commit, committer: 'rowan' } } }],
      fleets: { ...fleets, acme: { ...fleets['acme'], more: [1] } },
    };
    expect(readStore(JSON.stringify(later), 'store.json', 0)).toEqual({ data: later, lost: [] });
  });

  it('refuses a plan with a field that this version does not know: it may mean something else', () => {
    const { runs } = sound();
    const planned = runs.find(({ run }) => run.phase === 'planned');
    if (planned?.run.phase !== 'planned') throw new Error('the fixture has no plan');
    const { plan } = planned.run;
    const run = { ...planned.run, plan: { ...plan, goal: { ...plan.goal, only: 'website' } } };
    const { data, lost } = readStore(JSON.stringify({ ...sound(), runs: [{ ...planned, run }] }), 'store.json', 0);
    expect(data.runs).toEqual([]);
    expect(lost).toEqual([{ what: `run ${run.id}`, why: expect.stringContaining('only') }]);
  });
});

describe('a store in which one thing is damaged', () => {
  it('loses that run or reads all of it, and nothing else, whatever became of whichever field', async () => {
    const { runs, fleets } = sound();
    const texts = runs.map((saved) => JSON.stringify(saved));
    const open = runs.find(({ run }) => run.phase === 'planned');
    // Of another fleet: what is planned anew for the first one does not take its place.
    const beside = { ...open, run: { ...open?.run, id: 'r-99', fleet: 'lab' } };
    const survivors: { readonly what: string; readonly saved: SavedRun }[] = [];
    const lostFields = new Set<string>();
    for (const [index = 0, ...field] of pathsOf(runs as unknown as Json)) {
      if (field.length === 0) continue;
      for (const [damaged, damage] of Object.entries(damages)) {
        const what = `${field.join('.')} of run ${Number(index) + 1}: ${damaged}`;
        const one = damagedAt(JSON.parse(texts[Number(index)] ?? ''), field, damage);
        const read = readStore(JSON.stringify({ version: 2, runs: [one, beside], fleets }), 'store.json', 0);
        expect(read.data.fleets, what).toEqual(fleets);
        expect(read.data.runs.at(-1), what).toEqual(beside);
        const [saved] = read.data.runs;
        if (read.data.runs.length === 1) lostFields.add(field.join('.'));
        else if (saved !== undefined) survivors.push({ what, saved });
        // A setting that is not there reads as its default, as in a store that is older than the setting.
        const isDefault = damaged === 'deleted' && withDefault.has(String(field.at(-1)));
        const isRead = read.data.runs.length === 2 && saved !== undefined;
        const same =
          isRead && isDefault ? damagedAt(structuredClone(saved) as unknown as Json, field, () => undefined) : saved;
        const isWhole = isRead && isDeepStrictEqual(same, one);
        expect(read.lost.length > 0, what).toBe(!isWhole);
      }
    }
    expect(lostFields.size).toBeGreaterThan(400);
    expect(survivors.length).toBeGreaterThan(500);
    // What passes for a run is worked with.
    for (let first = 0; first < survivors.length; first += batchSize) {
      const batch = survivors.slice(first, first + batchSize);
      const damaged = batch.map(({ saved }, n) => ({ ...saved, run: { ...saved.run, id: `r-${n + 100}` } }));
      const bench = await started({ version: 2, runs: [...damaged, beside as SavedRun], fleets });
      expect(bench.errors(), batch.map(({ what }) => what).join('\n')).toEqual([]);
      expect(bench.pipeline.run('r-99')?.phase).toBe('planned');
    }
  }, 120_000);

  it('loses what has the right type and cannot be: a text or list without end, a time that is no date', () => {
    const { runs } = sound();
    const applying = runs.find(({ run }) => run.phase === 'applying');
    if (applying?.run.phase !== 'applying') throw new Error('the fixture has no apply');
    const { run } = applying;
    const [state] = run.steps;
    const [guest] = run.plan.goal.guests;
    const withGuest = (change: object) => ({
      plan: { ...run.plan, goal: { ...run.plan.goal, guests: [{ ...guest, ...change }] } },
    });
    const health = { agent: true, tcp: [], timeoutS: 120 };
    const progress = { text: 'half' };
    const readable = {
      'a long text': { commit: { ...run.commit, subject: 'x'.repeat(65_536) } },
      'the last date': { startedAt: 8.64e15 },
      'all of it': { steps: [{ ...state, progress: { ...progress, fraction: 1 } }] },
      'a long list': { steps: [{ ...state, output: Array(10_000).fill('') }] },
      'a page': withGuest({ health: { ...health, http: 'http://10.0.0.5/' } }),
    };
    const unreadable = {
      'a text without end': { commit: { ...run.commit, subject: 'x'.repeat(65_537) } },
      'a name without end': { branch: 'x'.repeat(1025) },
      'after all dates': { startedAt: 8.64e15 + 1024 },
      'more than all': { steps: [{ ...state, progress: { ...progress, fraction: 1.01 } }] },
      'a list without end': { steps: [{ ...state, output: Array(10_001).fill('') }] },
      'no page': withGuest({ health: { ...health, http: 'half past nine' } }),
      'a file as a page': withGuest({ health: { ...health, http: 'file:///etc/passwd' } }),
      'an id that no button carries': { id: `r-${'1'.repeat(10)}` },
    };
    const readsRun = (change: object) => {
      const stored = JSON.stringify({ version: 2, runs: [{ ...applying, run: { ...run, ...change } }], fleets: {} });
      return readStore(stored, 'store.json', 0).data.runs.length === 1;
    };
    for (const [what, change] of Object.entries(readable)) expect(readsRun(change), what).toBe(true);
    for (const [what, change] of Object.entries(unreadable)) expect(readsRun(change), what).toBe(false);
  });

  it('keeps the facts of a fleet that can be read', () => {
    const { fleets } = sound();
    const all = { ...fleets['pool'], ...fleets['lab'], ...fleets['acme'] };
    expect(Object.keys(all).sort()).toEqual([
      ...['acknowledgedDrifts', 'applied', 'lastSeen', 'lock', 'retainedDisks', 'running'],
    ]);
    for (const field of pathsOf(all as Json)) {
      for (const [what, damage] of Object.entries(damages)) {
        if (field.length === 0) continue;
        const [key] = field;
        const record = damagedAt(structuredClone(all) as Json, field, damage) as { [key: string]: Json };
        const text = JSON.stringify({ version: 2, runs: [], fleets: { acme: record } });
        const read = readStore(text, 'store.json', 5).data.fleets['acme'];
        const others = Object.fromEntries(Object.entries(all).filter(([name]) => name !== key));
        expect(read, `${field.join('.')} ${what}`).toMatchObject(others);
        // A lock that was there is there, whatever it says.
        if (key === 'lock' && record['lock'] !== undefined) expect(read?.lock, what).toBeDefined();
      }
    }
  });

  it('keeps the records of the other disks when one cannot be read', () => {
    const { fleets } = sound();
    const { retainedDisks = [] } = fleets['lab'] ?? {};
    const text = JSON.stringify({
      version: 2,
      runs: [],
      fleets: { lab: { retainedDisks: [{ vmid: 'x' }, ...retainedDisks] } },
    });
    const { data, lost } = readStore(text, 'store.json', 0);
    expect(retainedDisks.length).toBeGreaterThan(1);
    expect(data.fleets['lab']).toEqual({ retainedDisks });
    expect(lost).toEqual([{ what: 'number 1 of "retainedDisks" of lab', why: expect.stringContaining('vmid') }]);
  });
});

describe('a store that is damaged as a whole', () => {
  const texts: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      Array.from({ length: 100 }, (_, percent) => [
        `cut off at ${percent} %`,
        fixture.slice(0, Math.floor((fixture.length * percent) / 100)),
      ]),
    ),
    'a list': '[]',
    null: 'null',
    'a number': '7',
    'deep brackets': '['.repeat(100_000),
    zeros: '\0'.repeat(512),
    'runs that are an object': JSON.stringify({ ...sound(), runs: { '0': {} } }),
    'no runs': JSON.stringify({ ...sound(), runs: undefined }),
    'fleets that are a list': JSON.stringify({ ...sound(), fleets: [] }),
    'no fleets': JSON.stringify({ ...sound(), fleets: undefined }),
    'no version': JSON.stringify({ ...sound(), version: undefined }),
    'a version that is a text': JSON.stringify({ ...sound(), version: '1' }),
    'version 0': JSON.stringify({ ...sound(), version: 0 }),
    'runs of nothing': JSON.stringify({ ...sound(), runs: [null, 7, [], {}, { run: null }, { run: [] }] }),
    'every run twice': JSON.stringify({ ...sound(), runs: [...sound().runs, ...sound().runs] }),
    'fleets of nothing': JSON.stringify({ ...sound(), fleets: { acme: null, lab: [], web: 7 } }),
  };
  it('lets the bot start, keeps what can be read and never unlocks what may have been locked', async () => {
    for (const [what, text] of Object.entries(texts)) {
      const { dir, store } = await opened(text);
      expect(store.setAside, what).toBeDefined();
      expect(await readFile(path.join(dir, 'store.json.damaged-1234'), 'utf8'), what).toBe(text);
      expect(store.fleet('acme').lock, what).toBeDefined();
      const data = JSON.parse(await readFile(path.join(dir, 'store.json'), 'utf8'));
      await store.close();
      // The next start finds a store that is sound, with the same lock.
      const again = await openStore(dir);
      expect(again.setAside, what).toBeUndefined();
      expect(again.fleet('acme').lock, what).toBeDefined();
      await again.saveFleet('acme', { lock: undefined });
      expect(again.fleet('acme').lock, what).toBeUndefined();
      await again.close();
      if (what.startsWith('cut off') && !/ [05]0 %/.test(what)) continue;
      const bench = await started(data, store.setAside);
      expect(bench.errors(), what).toEqual(['the store was damaged: parts of it were set aside']);
    }
  }, 120_000);

  it('says so in the channel of each fleet, once, and gives no number of a lost run again', async () => {
    const broken = sound().runs.map((saved) =>
      saved.run.phase === 'planned' ? { ...saved, run: { ...saved.run, plan: 7 } } : saved,
    );
    const { store } = await opened(JSON.stringify({ ...sound(), runs: broken }));
    const data: StoreData = { version: 2, runs: store.runs(), fleets: { acme: {} } };
    const bench = new Bench({ store: Object.assign(new FakeStore(data), { setAside: store.setAside }) });
    await bench.start();
    await bench.settle();
    const cards = () =>
      bench.chat.messages.filter(({ cards: [card] }) => /^Store damaged: \d+ parts left out$/.test(card?.title ?? ''));
    expect(cards()).toHaveLength(1);
    expect(bench.text(cards()[0])).toContain('store.json.damaged-1234');
    expect(bench.text(cards()[0])).toMatch(/run r-\d+/);
    await bench.push(7);
    expect(bench.pipeline.runs().at(-1)?.id).toBe('r-61');
    await bench.restart();
    await bench.settle();
    expect(cards()).toHaveLength(1);
    await store.close();
  });

  it('is not damaged where it names a chat that this program does not know', () => {
    const text = fixture.replaceAll('"chat":"console"', '"chat":"matrix"').replaceAll('"slack":', '"matrix":');
    expect([text.includes('"chat":"matrix"'), text.includes('"matrix":"m-1"')]).toEqual([true, true]);
    const { data, lost } = readStore(text, 'store.json', 0);
    expect(lost).toEqual([]);
    expect(isDeepStrictEqual(data, JSON.parse(text))).toBe(true);
  });

  it('is not touched when it cannot be set aside', async () => {
    const dir = await aFolder();
    await writeFile(path.join(dir, 'store.json'), 'hello');
    await writeFile(path.join(dir, 'store.json.damaged-1234'), 'of before');
    await expect(openStore(dir, { now: () => 1234 })).rejects.toThrow('EEXIST');
    expect(await readFile(path.join(dir, 'store.json'), 'utf8')).toBe('hello');
    expect(await readFile(path.join(dir, 'store.json.damaged-1234'), 'utf8')).toBe('of before');
    expect((await readdir(dir)).sort()).toEqual(['lock', 'store.json', 'store.json.damaged-1234']);
  });
});
