import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { GitMirror } from '../../src/git/mirror.ts';
import { anOrigin, type Origin } from './origin.ts';

/** A commit with one file. @returns its hash */
async function commitOf(origin: Origin, path: string, text: string): Promise<string> {
  const index = { cwd: origin.dir, env: { GIT_INDEX_FILE: join(origin.scratch, 'index') } };
  const file = join(origin.scratch, 'file');
  await writeFile(file, text);
  const blob = await origin.git('hash-object', '-w', file);
  await execa('git', ['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], index);
  const tree = (await execa('git', ['write-tree'], index)).stdout;
  const sha = await origin.git('commit-tree', tree, '-m', 'A lock file');
  await origin.git('update-ref', 'refs/heads/main', sha);
  return sha;
}

describe('the lock file of a pinned commit', () => {
  it.each([
    ['flake.lock', undefined],
    ['hosts/a/flake.lock', 'hosts/a'],
  ])('comes with it: %s', async (path, flakeDir) => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, path, '{"version":7}\n');
    const options = flakeDir === undefined ? {} : { flakeDir };
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main', ...options });
    await git.head();
    expect((await git.pin(sha, 'r-1')).lock?.trimEnd()).toBe('{"version":7}');
  });

  it('is absent where the flake has none', async () => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, 'other/flake.lock', '{}');
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main' });
    await git.head();
    expect(await git.pin(sha, 'r-1')).not.toHaveProperty('lock');
  });

  it('is refused when it is larger than any that Nix writes', async () => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, 'flake.lock', ' '.repeat(4 * 2 ** 20 + 1));
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main' });
    await git.head();
    await expect(git.pin(sha, 'r-1')).rejects.toThrow('The file flake.lock is larger than 4 MiB.');
  });
});
