import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstBrokenLine } from '../../src/store/audit.ts';
import { lockInstance } from '../../src/store/instance-lock.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { storeContract } from '../contracts/store.ts';
import { aFolder } from './folder.ts';
import { anEndedRun, anEntry, anOpenRun } from './samples.ts';

storeContract('the store on disk', async () => {
  const dir = await aFolder();
  const store = await openStore(dir);
  return {
    store,
    reopen: async () => {
      await store.close();
      return openStore(dir);
    },
  };
});

/** What the file holds at this moment. */
async function onDisk(dir: string): Promise<{ runs: { run: { id: string; phase: string } }[]; fleets: object }> {
  return JSON.parse(await readFile(path.join(dir, 'store.json'), 'utf8'));
}

describe('the store on disk', () => {
  it('has written what it says it has', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await store.saveRun(anOpenRun(1).run);
    expect((await onDisk(dir)).runs).toHaveLength(1);
    await store.saveFleet('acme', { applied: 'abc' });
    expect((await onDisk(dir)).fleets).toEqual({ acme: { applied: 'abc' } });
    await store.close();
  });

  it('can be read by its owner only', async () => {
    const dir = path.join(await aFolder(), 'state');
    const store = await openStore(dir);
    await store.saveRun(anOpenRun(1).run);
    await store.audit(anEntry(1));
    for (const name of ['', 'store.json', 'audit.jsonl', 'lock']) {
      expect((await stat(path.join(dir, name))).mode & 0o077, name).toBe(0);
    }
    await store.close();
  });

  it('writes many changes at once together', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    const inodes = new Set<number>();
    const writes = Array.from({ length: 500 }, (_, n) =>
      store.saveRun(anOpenRun(n + 1).run).then(async () => inodes.add((await stat(path.join(dir, 'store.json'))).ino)),
    );
    await Promise.all(writes);
    expect((await onDisk(dir)).runs).toHaveLength(500);
    // Each write is a new file: the first one, and one for all that came during it (a file system may reuse a number).
    expect(inodes.size).toBeLessThanOrEqual(3);
    await store.close();
  });

  it('tells everybody whose change could not be written, and writes it with the next one that can', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await store.saveRun(anOpenRun(1).run);
    // A folder in the place of the temporary file: no write gets through.
    await mkdir(path.join(dir, 'store.json.new'));
    const writes = await Promise.allSettled([store.saveRun(anOpenRun(2).run), store.saveRun(anOpenRun(3).run)]);
    expect(writes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await onDisk(dir)).runs).toHaveLength(1);
    await rm(path.join(dir, 'store.json.new'), { recursive: true });
    await store.saveRun(anOpenRun(4).run);
    expect((await onDisk(dir)).runs.map(({ run }) => run.id)).toEqual(['r-1', 'r-2', 'r-3', 'r-4']);
    await store.close();
  });

  it('lets go of its lock also when its last write failed', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await mkdir(path.join(dir, 'store.json.new'));
    const write = store.saveRun(anOpenRun(1).run).catch((error: NodeJS.ErrnoException) => error.code);
    await store.close().catch(() => undefined);
    expect(await write).toBe('EISDIR');
    await rm(path.join(dir, 'store.json.new'), { recursive: true });
    await (await openStore(dir)).close();
  });

  it('ignores what a write that was cut off left beside it', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await store.saveRun(anOpenRun(1).run);
    await store.close();
    await writeFile(path.join(dir, 'store.json.new'), '{"version":2,"runs":[{"ru');
    const again = await openStore(dir);
    expect(again.runs()).toEqual([anOpenRun(1)]);
    await again.saveRun(anOpenRun(2).run);
    expect((await onDisk(dir)).runs).toHaveLength(2);
    await again.close();
  });
});

describe('a store that is damaged', () => {
  const texts = {
    'an empty file': '',
    'half a file': '{"version":2,"runs":[{"run":{"id":"r-1"',
    'no JSON': 'hello',
    'another shape': '{"version":2,"runs":{},"fleets":{}}',
    'no version': '{"runs":[],"fleets":{}}',
    'a run without an id': '{"version":2,"runs":[{"run":{"phase":"planned"},"messages":{}}],"fleets":{}}',
    'a phase that there is not': JSON.stringify({
      version: 2,
      runs: [{ ...anOpenRun(1), run: { ...anOpenRun(1).run, phase: 'dancing' } }],
      fleets: {},
    }),
    'zeros, as some file systems leave after a power cut': '\0'.repeat(512),
  };
  for (const [what, text] of Object.entries(texts)) {
    it(`is set aside whole, reported, and never overwritten: ${what}`, async () => {
      const dir = await aFolder();
      await writeFile(path.join(dir, 'store.json'), text);
      const store = await openStore(dir, { now: () => 1234 });
      expect(store.runs()).toEqual([]);
      expect(store.setAside).toMatchObject({ file: 'store.json.damaged-1234', lost: [expect.anything()] });
      expect(await readFile(path.join(dir, 'store.json.damaged-1234'), 'utf8')).toBe(text);
      await store.saveRun(anEndedRun(1).run);
      await store.close();
      const again = await openStore(dir);
      expect(again.runs().map(({ run }) => run)).toEqual([anEndedRun(1).run]);
      expect(again.setAside).toBeUndefined();
      await again.close();
    });
  }

  it('keeps its audit', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await store.audit(anEntry(1));
    await store.close();
    await writeFile(path.join(dir, 'store.json'), 'hello');
    const again = await openStore(dir);
    await again.audit(anEntry(2));
    await again.close();
    const text = await readFile(path.join(dir, 'audit.jsonl'), 'utf8');
    expect(text.trimEnd().split('\n')).toHaveLength(2);
    expect(firstBrokenLine(text)).toBeUndefined();
  });
});

describe('a store that was written by a newer proxnix', () => {
  it('is refused: neither set aside nor changed, and its lock is let go', async () => {
    const dir = await aFolder();
    const text = JSON.stringify({ version: 3, runs: [], fleets: {}, more: 'than this one knows' });
    await writeFile(path.join(dir, 'store.json'), text);
    await expect(openStore(dir)).rejects.toThrow(/newer|version/);
    expect(await readFile(path.join(dir, 'store.json'), 'utf8')).toBe(text);
    expect(await readdir(dir)).toEqual(['lock', 'store.json']);
    await (await lockInstance(path.join(dir, 'lock')))();
  });
});

describe('a folder that cannot be made', () => {
  it('is a sentence that names the setting', async () => {
    const file = path.join(await aFolder(), 'file');
    await writeFile(file, '');
    const refused = openStore(path.join(file, 'state'));
    await expect(refused).rejects.toThrow(/^The folder .* cannot be made \(ENOTDIR\)\.$/);
    await expect(refused).rejects.toMatchObject({ next: expect.stringContaining('STATE_DIR') });
  });
});

describe('a store that cannot be read at all', () => {
  it('is refused: nobody can tell whether it is damaged', async () => {
    const dir = await aFolder();
    await mkdir(path.join(dir, 'store.json'));
    await expect(openStore(dir)).rejects.toThrow();
    expect(await readdir(dir)).toEqual(['lock', 'store.json']);
    await (await lockInstance(path.join(dir, 'lock')))();
  });
});
