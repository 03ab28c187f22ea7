import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { cleanFiles, PostedFiles, parcels, rawFiles } from '../../../src/chat/discord/files.ts';
import type { CardFile } from '../../../src/views/card.ts';
import { MemoryState } from '../../support/discord/bench.ts';

const file = (name: string, text = 'x') => ({ name, title: name, text });
const names = (...all: string[]) => cleanFiles(all.map((name) => file(name))).map((one) => one.name);

it('leaves only names that Discord takes as they are, each once', () => {
  expect(names('plan.diff', '../../etc/passwd', 'a b;c.log', '', 'plan.diff')).toEqual([
    'plan.diff',
    'etc-passwd',
    'a-b-c.log',
    'file.txt',
    '2-plan.diff',
  ]);
});

it('compresses a text that is too long', () => {
  const text = `first\n${`${'x'.repeat(99)}\n`.repeat(100_000)}last\n`;
  const [zipped] = cleanFiles([file('apply.log', text)]);
  expect(zipped?.name).toBe('apply.log.gz');
  expect(rawFiles(zipped === undefined ? [] : [zipped])[0]?.contentType).toBe('application/gzip');
  expect(gunzipSync(zipped?.data ?? '').toString()).toBe(text);
});

it('cuts the middle out of a text that is too long even then, at line ends', () => {
  // Nothing makes chance shorter; the digests are the same in each run.
  const lines = Array.from({ length: 250_000 }, (_, n) => createHash('sha512').update(`${n}`).digest('base64'));
  const [cut] = cleanFiles([file('apply.log', `first\n${lines.join('\n')}\nlast\n`)]);
  expect(cut?.name).toBe('apply.log');
  expect(cut?.data.length).toBeLessThan(8 * 1024 * 1024);
  const text = Buffer.from(cut?.data ?? '').toString();
  expect(text).toMatch(/^first\n/);
  expect(text).toMatch(/=\n\n\[… the middle is left out: 22250011 bytes .*\]\n/);
  expect(text).toMatch(/=\nlast\n$/);
});

it('sends no parcel above Discord’s request size, nor more than ten files in one', () => {
  const big = 'x'.repeat(7 * 1024 * 1024);
  const sizes = (files: readonly CardFile[]) => parcels(cleanFiles(files)).map((one) => one.length);
  expect(sizes(['a', 'b', 'c', 'd'].map((name) => file(name, big)))).toEqual([2, 2]);
  expect(sizes(Array.from({ length: 20 }, (_, index) => file(`f${index}`)))).toEqual([9, 9, 2]);
});

it('sends an empty file with a word in it, because Discord refuses empty ones', () => {
  expect(cleanFiles([file('a.log', '')])[0]?.text).toBe('(empty)\n');
});

const plan = { name: 'plan.diff', title: 'plan', text: 'one' };

it('knows by name and content what was posted, also after a restart', async () => {
  const state = new MemoryState();
  await new PostedFiles(state).add('1', [plan]);
  const again = new PostedFiles(state);
  expect(await again.missing('1', [plan, { ...plan, text: 'two' }])).toEqual([{ ...plan, text: 'two' }]);
  expect(await again.missing('2', [plan])).toEqual([plan]);
});

it('forgets the oldest messages', async () => {
  const posted = new PostedFiles(new MemoryState());
  for (let n = 0; n <= 100; n++) await posted.add(`1000000000000000${n}`, [plan]);
  expect(await posted.missing('10000000000000000', [plan])).toEqual([plan]);
  expect(await posted.missing('1000000000000000100', [plan])).toEqual([]);
});

it('starts anew when its state cannot be read', async () => {
  const state = new MemoryState();
  state.values.set('discord-files', '{"1": 5');
  expect(await new PostedFiles(state).missing('1', [plan])).toEqual([plan]);
});
