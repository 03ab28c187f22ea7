import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readLock } from '../../../src/builder/nix/inputs.ts';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { UserError } from '../../../src/core/errors.ts';
import { commitFiles } from '../../../src/demo/repository.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { startGitHttp } from '../../support/git-http.ts';
import { aSampleRepository, nix, nixOptions, pinned } from './here.ts';

const rev = 'a'.repeat(40);
const narHash = `sha256-${'A'.repeat(43)}=`;

function lockOf(nodes: Readonly<Record<string, object>>): string {
  const inputs = Object.fromEntries(Object.keys(nodes).map((name) => [name, name]));
  const locked = Object.entries(nodes).map(([name, node]) => [name, { locked: node, original: node }]);
  return JSON.stringify({ nodes: { root: { inputs }, ...Object.fromEntries(locked) }, root: 'root', version: 7 });
}

describe('readLock', () => {
  it.each([
    { type: 'github', owner: 'NixOS', repo: 'nixpkgs', rev, narHash },
    { type: 'gitlab', host: 'gitlab.example.org', owner: 'a', repo: 'b', rev, narHash },
    { type: 'sourcehut', owner: '~a', repo: 'b', rev, narHash },
    { type: 'git', url: 'https://git.example.org/a.git', rev, narHash },
    { type: 'git', url: 'ssh://git@git.example.org/a.git', rev, narHash },
    { type: 'tarball', url: 'https://example.org/a.tar.gz', narHash },
    { type: 'file', url: 'https://example.org/a', narHash },
  ])('fetches %j', (locked) => {
    expect(readLock(lockOf({ x: locked }))).toEqual([{ name: 'x', locked }]);
  });

  it('leaves out a folder of the repository itself, and inputs that follow others', () => {
    const inside = { type: 'path', path: './modules/base' };
    const lock = JSON.parse(lockOf({ inside })) as { nodes: Record<string, object> };
    lock.nodes['root'] = { inputs: { inside: 'inside', nixpkgs: ['x', 'nixpkgs'] } };
    expect(readLock(JSON.stringify(lock))).toEqual([]);
  });

  it.each([
    [{ type: 'path', path: '/etc', narHash }, "a path of the bot's machine"],
    [{ type: 'path', path: '../other', narHash }, "a path of the bot's machine"],
    [{ type: 'path', path: 'a/../../other', narHash }, "a path of the bot's machine"],
    [{ type: 'path', narHash }, "a path of the bot's machine"],
    [{ type: 'git', url: 'file:///srv/other.git', rev, narHash }, "a path of the bot's machine"],
    [{ type: 'git', url: '/srv/other.git', rev, narHash }, "a path of the bot's machine"],
    [{ type: 'git', url: 'FILE:///srv/other.git', rev, narHash }, "a path of the bot's machine"],
    [{ type: 'tarball', url: 'file:///srv/a.tar.gz', narHash }, "a path of the bot's machine"],
    [{ type: 'file', url: 'file:///etc/passwd', narHash }, "a path of the bot's machine"],
    [{ type: 'git', url: 'git://example.org/a.git', rev, narHash }, '"git", which proxnix does not use'],
    [{ type: 'git', url: 'ext::sh -c id', rev, narHash }, '"ext", which proxnix does not use'],
    [{ type: 'tarball', url: 'ssh://example.org/a', narHash }, '"ssh", which proxnix does not use'],
    [{ type: 'hg', url: 'https://example.org/a', rev, narHash }, '"hg", which proxnix does not fetch'],
    [{ type: 'indirect', id: 'nixpkgs', narHash }, '"indirect", which proxnix does not fetch'],
    [{ type: 'github', host: 'x/../y', owner: 'a', repo: 'b', rev, narHash }, 'names no host'],
    [{ type: 'gitlab', host: 'x@y', owner: 'a', repo: 'b', rev, narHash }, 'names no host'],
    [{ type: 'gitlab', owner: 'evil%2Fproj/releases/v1/downloads/x?', repo: 'b', rev, narHash }, 'names no repository'],
    [{ type: 'github', owner: 'a', repo: 'b/tarball/main?x=', rev, narHash }, 'names no repository'],
    [{ type: 'github', owner: 'a', repo: '..', rev, narHash }, 'names no repository'],
    [{ type: 'github', owner: '..', repo: 'b', rev, narHash }, 'names no repository'],
    [{ type: 'github', owner: 'a', repo: 'b', rev: 'main', narHash }, 'names no repository'],
    [{ type: 'github', owner: 'a', repo: 'b', narHash }, 'names no repository'],
    [{ type: 'github', owner: 'a', repo: 'b', rev }, 'has no hash'],
    [{ type: 'tarball', url: 'https://example.org/a' }, 'has no hash'],
  ])('refuses %j', (locked, why) => {
    expect(() => readLock(lockOf({ x: locked }))).toThrow(
      expect.objectContaining({ name: 'UserError', message: expect.stringContaining(why) }),
    );
  });

  it.each(['', 'x', '[]', '{}', '{"version":7}', '{"version":99,"nodes":{}}', '{"version":7,"nodes":{"x":1}}'])(
    'refuses a lock file that is %j',
    (text) => {
      expect(() => readLock(text)).toThrow(UserError);
    },
  );

  it('takes groups of a forge, as GitLab has them', () => {
    for (const owner of ['a/b/c', 'a%2Fb', 'a%2fb']) {
      expect(readLock(lockOf({ x: { type: 'gitlab', owner, repo: 'd.e-f_g', rev, narHash } }))).toHaveLength(1);
    }
  });

  it('refuses more inputs than any fleet has, longer ones and deeper ones', () => {
    const x = { type: 'github', owner: 'a', repo: 'b', rev, narHash };
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`x${n}`, x]));
    expect(() => readLock(lockOf(many))).toThrow('more than 200 inputs');
    expect(() => readLock(lockOf({ x: { ...x, more: 'x'.repeat(100_000) } }))).toThrow('more than 96 KiB');
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const lock = lockOf({ x }).replace('"type":"github"', `"type":"github","deep":${deep}`);
    expect(() => readLock(lock)).toThrow('not one that Nix wrote');
  });
});

let inputs = 0;

/** A fleet with one input, which lies on a git server of this machine. No two have the same content, or hash. */
async function aFleetWithInput() {
  const value = `from input ${++inputs} of ${process.pid}`;
  const root = await mkdtemp(join(tmpdir(), 'proxnix-input-'));
  onTestFinished(() => removeTree(root));
  const work = join(root, 'work');
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-C', work, ...args]);
  await execa('git', ['init', '--quiet', '--initial-branch=main', work]);
  await writeFile(join(work, 'value.nix'), JSON.stringify(value));
  await git('add', '-A');
  await git('commit', '--quiet', '--message=An input');
  const rev = (await git('rev-parse', 'HEAD')).stdout;
  const count = 1;
  const at = Number((await git('log', '-1', '--format=%ct')).stdout);
  await execa('git', ['clone', '--quiet', '--bare', work, join(root, 'input.git')]);
  await execa('rm', ['-r', join(work, '.git')]);
  const settings = { env: { NIX_CONFIG: 'extra-experimental-features = nix-command' } };
  const hash = (await execa('nix', ['hash', 'path', '--sri', '--type', 'sha256', work], settings)).stdout;
  const server = await startGitHttp(root);
  onTestFinished(() => server.close());
  const url = `${server.url}/input.git`;
  const original = { type: 'git', url, ref: 'main' };
  const locked = { ...original, rev, revCount: count, lastModified: at, narHash: hash };
  const x = { locked, original, flake: false };
  const lock = JSON.stringify({ nodes: { root: { inputs: { x: 'x' } }, x }, root: 'root', version: 7 });
  const repository = await aSampleRepository();
  await commitFiles(repository, 'An input', {
    'flake.nix': `{ inputs.x = { url = "git+${url}?ref=main"; flake = false; }; outputs = { self, x }: { proxnix = import "\${x}/value.nix"; }; }\n`,
    'flake.lock': lock,
  });
  return { source: { ...(await pinned(repository)), lock }, host: new URL(server.url).host, server, value };
}

describe.skipIf(nix === undefined)('an input', () => {
  it('is fetched before the evaluation, which has no network', async () => {
    const { source, host, server, value } = await aFleetWithInput();
    const builder = new NixBuilder(await nixOptions({ fetchHosts: [host], offline: false }));
    await builder.fetchInputs(source);
    expect(server.requests.length).toBeGreaterThan(0);
    const before = server.requests.length;
    expect(await builder.evaluateFleet(source)).toBe(value);
    expect(server.requests).toHaveLength(before);
  });

  it('is not fetched from a host of the house that nobody named, and the error says which', async () => {
    const { source, host, server } = await aFleetWithInput();
    const builder = new NixBuilder(await nixOptions({ offline: false }));
    await expect(builder.fetchInputs(source)).rejects.toMatchObject({
      message: expect.stringMatching(/^The input x cannot be fetched/),
      details: expect.arrayContaining([`${host} is not reached: its address is not public (the bot's own machine).`]),
      next: expect.stringContaining('NIX_EVAL_HOSTS'),
    });
    expect(server.requests).toEqual([]);
  });

  it('that was not fetched is missed by the evaluation, which says so', async () => {
    const { source, host } = await aFleetWithInput();
    const builder = new NixBuilder(await nixOptions({ fetchHosts: [host], offline: false }));
    await expect(builder.evaluateFleet(source)).rejects.toThrow(UserError);
  });

  it('is refused without a request when it lies on the machine', async () => {
    const { source } = await aFleetWithInput();
    const lock = lockOf({ x: { type: 'path', path: '/etc', narHash } });
    const builder = new NixBuilder(await nixOptions());
    await expect(builder.fetchInputs({ ...source, lock })).rejects.toMatchObject({
      message: 'The input "x" of flake.lock is a path of the bot\'s machine, outside of the repository.',
      next: expect.stringContaining('github'),
    });
  });
});
