import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { actionList, playAction } from '../../src/demo/actions.ts';
import { createSampleRepository, readSample, type SampleRepository } from '../../src/demo/repository.ts';
import { removeTree } from '../../src/lib/system.ts';

const token = 'ca11ab1e0000111122223333444455556666777788889999';

/** The folder of a demo, as far as an action that edits the flake looks at it. */
async function aDemo() {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-actions-'));
  onTestFinished(() => removeTree(dir));
  const repository = await createSampleRepository(dir, { system: 'x86_64-linux' });
  const server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => void server.close();
  onTestFinished(stop);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(join(dir, 'session.json'), JSON.stringify({ url, secret: 'secret', simulatorUrl: url }));
  await mkdir(join(dir, 'state'));
  await writeFile(join(dir, 'state', 'console-token'), token, { mode: 0o600 });
  const said = vi.spyOn(console, 'log').mockReturnValue();
  onTestFinished(() => said.mockRestore());
  const play = async (name: string, target?: string) => {
    said.mockClear();
    await playAction(dir, name, target);
    return said.mock.calls.flat().join('\n');
  };
  return { repository, play, dir, url, stop };
}

const subjects = async ({ origin }: SampleRepository) =>
  (await execa('git', ['--git-dir', origin, 'log', '--format=%s', 'main'])).stdout.split('\n');

/** Every file of the pushed commit, by path. */
const files = async ({ origin }: SampleRepository) =>
  (await execa('git', ['--git-dir', origin, 'ls-tree', '-r', 'main'])).stdout.split('\n');

describe('the actions of the demo', () => {
  it('are refused where no demo runs, and push nothing', async () => {
    const { repository, play, url, stop } = await aDemo();
    const before = await subjects(repository);
    stop();
    for (const name of ['edit-image', 'stop-vm']) {
      await expect(play(name), name).rejects.toMatchObject({ message: `The demo at ${url} is not running.` });
    }
    expect(await subjects(repository)).toEqual(before);
  });

  it('are listed, with the way back that is typed in the console', async () => {
    const { play } = await aDemo();
    const list = await play('list');
    expect(list).toContain(actionList());
    expect(list).toMatch(/npm run demo -- add-container +declare a container: it is created \(\+\)\n/);
    expect(list).toMatch(/npm run demo -- edit-container +edit the container's image: its root is swapped \(-\/\+\)\n/);
    expect(list).toContain('`/proxnix rollback test-website`');
  });

  it('add a container and edit its image, each a commit that is pushed', async () => {
    const { repository, play, url } = await aDemo();
    const said = await play('add-container');
    expect(said).toMatch(/^Done: declare a container/);
    expect(said.endsWith(`Look at ${url}/?token=${token}`)).toBe(true);
    await play('edit-container');
    expect(await readSample(repository, 'images/cache.nix')).toContain('release = 2;');
    expect((await subjects(repository)).slice(0, 2)).toEqual([
      'Update the image of test-cache',
      'Add the container test-cache',
    ]);
  });

  it('can be done to the container as well as to a VM, and to no other guest', async () => {
    const { repository, play } = await aDemo();
    await play('add-container');
    expect(await play('edit-memory', 'test-cache')).toContain('(test-cache)');
    expect(await readSample(repository, 'containers.nix')).toContain('memory_mb = 4096;');
    await expect(play('edit-memory', 'nosuch')).rejects.toMatchObject({
      message: 'The demo has no guest "nosuch".',
      next: 'It has init, cp, worker, website, cache.',
    });
  });

  it('change the inside of an image and its disk, one by one or all in one commit', async () => {
    const { repository, play } = await aDemo();
    for (const name of ['bump-package', 'open-port', 'add-admin', 'move-disk']) await play(name);
    const one = await Promise.all(['images/website.nix', 'vms.nix'].map((path) => readSample(repository, path)));
    await play('mend');
    await play('many-changes');
    const all = await Promise.all(['images/website.nix', 'vms.nix'].map((path) => readSample(repository, path)));
    expect(all).toEqual(one);
    expect((await subjects(repository))[0]).toBe('Update, open and move test-website');
  });

  it('say what to do first where there is no container yet', async () => {
    const { repository, play } = await aDemo();
    await expect(play('edit-container')).rejects.toMatchObject({ next: '`npm run demo -- add-container` adds it.' });
    expect(await subjects(repository)).toEqual(['Four VMs']);
  });

  it.each([
    'break-syntax',
    'edit-memory',
    'grow-disk',
    'many-changes',
    'bump-package',
    'open-port',
    'add-admin',
    'move-disk',
    'break-image',
    'unknown-field',
    'duplicate-id',
    'empty-fleet',
    'mend',
  ])('say what to do where %s has nothing more to change', async (name) => {
    const { repository, play } = await aDemo();
    if (name !== 'mend') await play(name);
    const before = await subjects(repository);
    await expect(play(name)).rejects.toMatchObject({
      name: 'UserError',
      message: 'The fleet says that already: nothing was pushed.',
      next: expect.stringContaining('`npm run demo -- mend`'),
    });
    expect(await subjects(repository)).toEqual(before);
  });

  it('mend whatever was broken, added or removed', async () => {
    const { repository, play } = await aDemo();
    const first = await files(repository);
    for (const name of ['break-syntax', 'edit-memory', 'add-container', 'break-image', 'empty-fleet']) await play(name);
    expect(await files(repository)).not.toEqual(first);
    expect(await play('mend')).toContain('Done: bring the fleet of the first commit back.');
    expect(await files(repository)).toEqual(first);
    await play('edit-memory');
  });

  it('name mend where a guest was removed', async () => {
    const { play } = await aDemo();
    await play('remove-vm');
    await expect(play('remove-vm')).rejects.toMatchObject({ next: '`npm run demo -- mend` brings it back.' });
  });

  it('say so where git is missing, where it fails, and where the fleet is gone', async () => {
    const { repository, play } = await aDemo();
    vi.stubEnv('PATH', '/nowhere');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(play('edit-image')).rejects.toMatchObject({
      name: 'UserError',
      message: 'The demo needs git, which is not installed.',
      next: 'On Debian: apt-get install git',
    });
    vi.unstubAllEnvs();
    await writeFile(join(repository.dir, '.git', 'index.lock'), '');
    await expect(play('grow-disk')).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/^git add failed in .*index\.lock/),
    });
    await removeTree(repository.dir);
    await expect(play('edit-readme')).rejects.toMatchObject({
      name: 'UserError',
      message: `The fleet of the demo is gone from ${repository.dir}.`,
    });
  });
});
