import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { copyDurably, writeDurably } from '../../src/store/files.ts';
import { aFolder } from './folder.ts';

it('a file of the store is for the eyes of the bot alone', async () => {
  const file = path.join(await aFolder(), 'store.json');
  await writeDurably(file, 'text');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('a copy takes the place of no file', async () => {
  const folder = await aFolder();
  const [from, to] = [path.join(folder, 'new'), path.join(folder, 'old')];
  await writeDurably(from, 'new');
  await writeDurably(to, 'old');
  await expect(copyDurably(from, to)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(to, 'utf8')).toBe('old');
});
