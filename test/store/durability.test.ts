import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstBrokenLine } from '../../src/store/audit.ts';
import { writeDurably } from '../../src/store/durable-file.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { parseStore } from '../../src/store/schema.ts';
import { compiled } from '../support/compiled.ts';
import { aFolder } from './folder.ts';

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
      expect(parseStore(text, 'store.json').runs.length).toBeGreaterThanOrEqual(said.run);
      const store = await openStore(dir, { onDamaged: (error) => expect.unreachable(String(error)) });
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
