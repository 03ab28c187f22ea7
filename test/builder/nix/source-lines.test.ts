import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lineOf } from '../../../src/builder/nix/source-lines.ts';
import { removeTree } from '../../../src/lib/system.ts';

const storePath = `/nix/store/${'a'.repeat(32)}-source`;
const option = { text: 'There is no option a.port.', message: '', lines: [], word: 'port' };

/** The place of an error about the option `port`, in a commit with these files and links. */
async function placeIn(
  place: string,
  files: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
) {
  const store = await mkdtemp(join(tmpdir(), 'proxnix-lines-'));
  onTestFinished(() => removeTree(store));
  const root = join(store, storePath);
  await mkdir(root, { recursive: true });
  await writeFile(join(store, 'outside.nix'), 'port = 1;');
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
  for (const [name, to] of Object.entries(links)) await symlink(to, join(root, name));
  return (await lineOf({ ...option, place }, { storePath }, store)).place;
}

it('the line of an option is the first with its last name as a word, not in a comment', async () => {
  const text = '{\n  # port\n  ports = 1;\n  x.port-range = 2;\n  a.port = 3;\n  b.port = 4;\n}\n';
  expect(await placeIn('m.nix', { 'm.nix': text })).toBe('m.nix:5');
  expect(await placeIn('m.nix and n.nix', { 'm.nix': text, 'n.nix': 'port = 1;' })).toBe('m.nix:5 and n.nix:1');
});

it('the file alone is the place where the word is not found, and a place with a line stays', async () => {
  expect(await placeIn('m.nix', { 'm.nix': '{ }' })).toBe('m.nix');
  expect(await placeIn('absent.nix', {})).toBe('absent.nix');
  expect(await placeIn('m.nix:7:1', { 'm.nix': 'port = 1;' })).toBe('m.nix:7:1');
});

it('nothing is read outside of the commit', async () => {
  expect(await placeIn('../../../outside.nix', {})).toBe('../../../outside.nix');
  expect(await placeIn('m.nix', {}, { 'm.nix': '../../../outside.nix' })).toBe('m.nix');
});
