import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, mkdir, open, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { AuditLog, firstBrokenLine } from '../../src/store/audit.ts';
import { copyDurably, writeDurably } from '../../src/store/files.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { compiled } from '../support/compiled.ts';
import { aFolder } from './folder.ts';
import { anEntry } from './samples.ts';

const writer = compiled(import.meta.url, 'writer.ts');

/** Lets a writer run until it said `lines` lines, kills it, and answers the last run and audit line it said were written. */
async function killedAfter(dir: string, from: number, lines: number): Promise<{ run: number; audit: number }> {
  const child = spawn(process.execPath, [writer, dir, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const last = (what: string) =>
    Math.max(
      0,
      ...said.split('\n').flatMap((line) => (line.startsWith(`${what} `) ? [Number(line.split(' ')[1])] : [])),
    );
  return { run: last('run'), audit: last('audit') };
}

describe('a bot that is killed while it writes', () => {
  it('finds everything that it was told is written, whole', async () => {
    const dir = await aFolder();
    let from = 1;
    for (const lines of [1, 4, 9, 16, 40]) {
      const said = await killedAfter(dir, from, lines);
      const text = await readFile(path.join(dir, 'store.json'), 'utf8');
      expect(JSON.parse(text).runs.length).toBeGreaterThanOrEqual(said.run);
      const store = await openStore(dir);
      expect(store.setAside).toBeUndefined();
      expect(store.runs().map(({ run }) => run.id)).toContain(`r-${said.run}`);
      await store.close();
      const audit = await readFile(path.join(dir, 'audit.jsonl'), 'utf8').catch(() => '');
      // A line that was being written may be cut off; none that was acknowledged is missing.
      expect(firstBrokenLine(audit.slice(0, audit.lastIndexOf('\n') + 1))).toBeUndefined();
      if (said.audit > 0) expect(audit).toContain(`"run":"r-${said.audit}"`);
      from = store.runs().length + 1;
    }
  }, 60_000);
});

describe('a file that is written durably', () => {
  it('has the old text, whole, when the new one cannot be written', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    await writeDurably(file, 'old');
    await mkdir(`${file}.new`);
    await expect(writeDurably(file, 'new')).rejects.toThrow('EISDIR');
    expect(await readFile(file, 'utf8')).toBe('old');
  });

  it('has the old text, whole, when the rename fails', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    // A folder that is not empty cannot be replaced by a file.
    await mkdir(file);
    await writeFile(path.join(file, 'kept'), 'old');
    await expect(writeDurably(file, 'new')).rejects.toThrow();
    expect(await readFile(path.join(file, 'kept'), 'utf8')).toBe('old');
  });

  it('is readable by its owner only, whatever was left of an earlier write', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    await writeFile(`${file}.new`, 'left over by a kill, and longer than the new text', { mode: 0o644 });
    await writeDurably(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(await readdir(dir)).toEqual(['store.json']);
  });
});

describe('what is said to be on disk', () => {
  /** Each fsync: of which file, and what stood in `watched` at that moment. */
  async function syncsDuring(watched: string, work: () => Promise<void>): Promise<readonly (readonly string[])[]> {
    const syncs: (readonly string[])[] = [];
    const handle = await open(path.dirname(watched), 'r');
    const prototype: FileHandle = Object.getPrototypeOf(handle);
    await handle.close();
    const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
      const name = path.basename(await readlink(`/proc/self/fd/${this.fd}`));
      syncs.push([name, await readFile(watched, 'utf8')]);
      await this.datasync();
    });
    try {
      await work();
    } finally {
      spy.mockRestore();
    }
    return syncs;
  }

  it('was synced: the new text before it takes the place of the old, then the folder', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    await writeDurably(file, 'old');
    const texts: string[] = [];
    const syncs = await syncsDuring(file, async () => {
      await writeDurably(file, 'new');
      texts.push(await readFile(file, 'utf8'));
    });
    expect(syncs).toEqual([
      ['store.json.new', 'old'],
      [path.basename(dir), 'new'],
    ]);
    expect(texts).toEqual(['new']);
  });

  it('was synced as a copy as well: the copy whole, then the folder', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    const copy = `${file}.damaged-1`;
    await writeDurably(file, 'text');
    expect(await syncsDuring(copy, () => copyDurably(file, copy))).toEqual([
      ['store.json.damaged-1', 'text'],
      [path.basename(dir), 'text'],
    ]);
  });

  it('was synced as a line of the audit', async () => {
    const file = path.join(await aFolder(), 'audit.jsonl');
    const syncs = await syncsDuring(file, () => new AuditLog(file).append(anEntry(1)));
    expect(syncs).toEqual([['audit.jsonl', expect.stringMatching(/^\{.*\}\n$/)]]);
  });
});

describe('a disk that is full', () => {
  it('is told as such, and the file stays as it was', async () => {
    const dir = await aFolder();
    const file = path.join(dir, 'store.json');
    await writeDurably(file, 'old');
    // Where the new text would go first: a device that has no room for anything.
    await symlink('/dev/full', `${file}.new`);
    await expect(writeDurably(file, 'new')).rejects.toMatchObject({
      name: 'UserError',
      message: 'The disk of the bot is full: store.json cannot be written.',
      next: 'Free space where STATE_DIR is, then plan again.',
    });
    expect(await readFile(file, 'utf8')).toBe('old');
    expect(await readdir(dir)).toEqual(['store.json']);
    await writeDurably(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
  });
});
