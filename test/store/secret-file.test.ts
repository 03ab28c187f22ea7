import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { type KeptSecret, keepSecret, readSecret } from '../../src/store/files.ts';
import { aFolder } from './folder.ts';

const old = 'ca11ab1e0000111122223333444455556666777788889999';
const fresh = '01'.repeat(24);
const ones = (size: number) => Buffer.alloc(size, 1);

async function aFile(text?: string, mode = 0o600): Promise<string> {
  const file = path.join(await aFolder(), 'console-token');
  if (text === undefined) return file;
  await writeFile(file, text, { mode });
  await chmod(file, mode);
  return file;
}

const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
const shown = ({ secret, replaced }: KeptSecret) => ({ text: secret.reveal(), replaced });

describe('a secret of the bot itself', () => {
  it('is made at the first time from 192 random bits, for the eyes of this user, and is the same from then on', async () => {
    const file = path.join(await aFile(), 'in', 'a', 'new', 'folder');
    const asked: number[] = [];
    const first = await keepSecret(file, (size) => {
      asked.push(size);
      return randomBytes(size);
    });
    expect(asked).toEqual([24]);
    expect(first.secret.reveal()).toMatch(/^[0-9a-f]{48}$/);
    expect(first).not.toHaveProperty('replaced');
    expect(await modeOf(file)).toBe('600');
    expect(await modeOf(path.dirname(file))).toBe('700');
    expect(await readFile(file, 'utf8')).toBe(`${first.secret.reveal()}\n`);
    expect(shown(await keepSecret(file))).toEqual({ text: first.secret.reveal(), replaced: undefined });
  });

  it('is another one for each bot', async () => {
    const made = await Promise.all([1, 2, 3].map(async () => (await keepSecret(await aFile())).secret.reveal()));
    expect(new Set(made).size).toBe(3);
  });

  it.each(['640', '604', '620', '644', '666'])('is made anew when its file had the rights %s', async (mode) => {
    const file = await aFile(`${old}\n`, Number.parseInt(mode, 8));
    expect(shown(await keepSecret(file, ones))).toEqual({ text: fresh, replaced: 'exposed' });
    expect(await modeOf(file)).toBe('600');
    expect(await readFile(file, 'utf8')).toBe(`${fresh}\n`);
  });

  it.each([
    '',
    '\n',
    old.slice(0, 20),
    `${old}00`,
    `${old}\n${old}`,
    'hunter2',
    `${old.slice(0, 47)}\0`,
    'a'.repeat(99_999),
  ])('is made anew when its file is damaged (%#)', async (text) => {
    const file = await aFile(text);
    expect(shown(await keepSecret(file, ones))).toEqual({ text: fresh, replaced: 'damaged' });
    expect(await readFile(file, 'utf8')).toBe(`${fresh}\n`);
  });

  it('does not take the rights of a draft that was left behind', async () => {
    const file = await aFile();
    await writeFile(`${file}.new`, '', { mode: 0o644 });
    await keepSecret(file);
    expect(await modeOf(file)).toBe('600');
    expect(await readdir(path.dirname(file))).toEqual(['console-token']);
  });

  it('is not looked for behind a link, in a folder or in a pipe', async () => {
    const elsewhere = await aFile(`${old}\n`);
    const [link, folder, pipe] = [await aFile(), await aFile(), await aFile()];
    await symlink(elsewhere, link);
    await mkdir(folder);
    spawnSync('mkfifo', ['-m', '600', pipe]);
    // Whoever waits for a writer gets one, so that the test ends.
    const writer = vi.fn(() => closeSync(openSync(pipe, 'r+')));
    const timer = setTimeout(writer, 10_000);
    for (const [file, why] of [
      [link, 'is a link'],
      [folder, 'is no file'],
      [pipe, 'is no file'],
    ] as const) {
      const failed = await keepSecret(file).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(UserError);
      expect(failed).toMatchObject({
        message: expect.stringContaining(why),
        next: expect.stringContaining(`rm ${file}`),
      });
    }
    clearTimeout(timer);
    expect(writer).not.toHaveBeenCalled();
    expect(await readFile(elsewhere, 'utf8')).toBe(`${old}\n`);
  });
});

describe('looking at it', () => {
  it('tells what is there and changes nothing', async () => {
    const kinds = async (file: string) => (await readSecret(file)).kind;
    const [missing, kept, damaged, exposed] = [
      await aFile(),
      await aFile(old),
      await aFile('x'),
      await aFile(old, 0o644),
    ];
    expect(await Promise.all([missing, kept, damaged, exposed].map(kinds))).toEqual([
      'missing',
      'kept',
      'damaged',
      'exposed',
    ]);
    expect(await modeOf(exposed)).toBe('644');
    expect(await readdir(path.dirname(missing))).toEqual([]);
  });
});
