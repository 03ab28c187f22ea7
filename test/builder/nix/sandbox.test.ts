import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { checkSandbox, inSandbox, type SandboxUse } from '../../../src/builder/nix/sandbox.ts';
import { type NixOptions, nixSettings } from '../../../src/builder/nix/settings.ts';
import { UserError } from '../../../src/core/errors.ts';
import { commitFiles } from '../../../src/demo/repository.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { aFlake, aSampleRepository, nix, nixOptions, pinned } from './here.ts';

const secret = 'canary-of-the-machine';

/** A folder of the machine that no fleet may read, with a file `secret`. */
async function aPrivateFolder() {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'proxnix-private-')));
  onTestFinished(() => removeTree(dir));
  await writeFile(join(dir, 'secret'), secret);
  return { dir, narHash: await narHashOf(dir) };
}

async function narHashOf(path: string): Promise<string> {
  const settings = { env: { NIX_CONFIG: 'extra-experimental-features = nix-command' } };
  return (await execa('nix', ['hash', 'path', '--sri', '--type', 'sha256', path], settings)).stdout;
}

/** An HTTP server of this machine that counts who comes. */
async function aServer(text: string) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A lock file with the one input `x`, which is no flake. */
function lockOf(original: object, locked: object): string {
  const x = { original, locked: { ...original, ...locked }, flake: false };
  return JSON.stringify({ nodes: { root: { inputs: { x: 'x' } }, x }, root: 'root', version: 7 });
}

/** What an evaluation gave, or why it gave nothing: all of it that a person sees. */
async function shown(evaluating: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await evaluating);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [error.message, error.next, ...error.details].join('\n');
  }
}

describe.skipIf(nix === undefined)('an evaluation', () => {
  const evaluate = async (outputs: string, more?: string) =>
    shown(new NixBuilder(await nixOptions()).evaluateFleet(await aFlake(outputs, more)));

  it('cannot read a file of the machine by a locked path', async () => {
    const { dir, narHash } = await aPrivateFolder();
    const tree = `builtins.fetchTree { type = "path"; path = "${dir}"; narHash = "${narHash}"; }`;
    expect(await evaluate(`{ proxnix = builtins.readFile "\${${tree}}/secret"; }`)).not.toContain(secret);
  });

  it('cannot read a file of the machine by an input of its lock file', async () => {
    const { dir, narHash } = await aPrivateFolder();
    const repository = await aSampleRepository();
    await commitFiles(repository, 'A path', {
      'flake.nix': `{ inputs.x = { url = "path:${dir}"; flake = false; }; outputs = { self, x }: { proxnix = builtins.readFile "\${x}/secret"; }; }`,
      'flake.lock': lockOf({ type: 'path', path: dir }, { narHash, lastModified: 1 }),
    });
    const text = await shown(new NixBuilder(await nixOptions()).evaluateFleet(await pinned(repository)));
    expect(text).not.toContain(secret);
  });

  it('cannot read the mirror of another fleet', async () => {
    const other = await aSampleRepository();
    await commitFiles(other, 'Secret', { secret });
    const { mirror, rev, ref } = await pinned(other);
    const tree = `builtins.fetchGit { url = "file://${mirror}"; rev = "${rev}"; ref = "${ref}"; }`;
    expect(await evaluate(`{ proxnix = builtins.readFile "\${${tree}}/secret"; }`)).not.toContain(secret);
  });

  it('does not tell the hash of what it may not read', async () => {
    const { dir, narHash } = await aPrivateFolder();
    const wrong = `sha256-${createHash('sha256').update('another').digest('base64')}`;
    const tree = `builtins.fetchTree { type = "path"; path = "${dir}"; narHash = "${wrong}"; }`;
    expect(await evaluate(`{ proxnix = "\${${tree}}"; }`)).not.toContain(narHash);
  });

  it('reaches no server, also for what has a hash', async () => {
    const { url, requests } = await aServer('public');
    const sha256 = createHash('sha256').update('public').digest('hex');
    await evaluate(`{ proxnix = builtins.fetchurl { url = "${url}/${secret}"; sha256 = "${sha256}"; }; }`);
    expect(requests).toEqual([]);
  });

  it('has no secret of the settings in its environment', async () => {
    const options = await nixOptions();
    const config = { ...options.config, cores: '3', 'access-tokens': `example.org=${secret}`, 'netrc-file': '/secret' };
    const settings = nixSettings({ ...options, config });
    const env = await inSandbox(settings, { purpose: 'evaluate', reads: [] }, async (sandbox) => sandbox.env);
    expect(env['NIX_CONFIG']).toContain('cores = 3');
    expect(JSON.stringify(env)).not.toMatch(/canary|secret/);
  });

  it('is refused where there is no bubblewrap, unless the settings say otherwise', async () => {
    const options = await nixOptions();
    const bin = join(options.dir, 'bin');
    await mkdir(bin);
    for (const program of ['nix', 'nix-store', 'nix-daemon', 'git', 'setpriv', 'sh']) {
      const { stdout: real } = await execa('sh', ['-c', `command -v ${program}`]);
      await symlink(real, join(bin, program));
    }
    const source = await aFlake('{ proxnix = 7; }');
    vi.stubEnv('PATH', bin);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(new NixBuilder(options).evaluateFleet(source)).rejects.toMatchObject({
      message: 'The sandbox of an evaluation needs bubblewrap, which is not installed.',
      next: expect.stringMatching(/apt-get install bubblewrap\. NIX_EVAL_SANDBOX=off/),
    });
    expect(await new NixBuilder({ ...options, evalSandbox: false }).evaluateFleet(source)).toBe(7);
  });

  it('is refused where bubblewrap may make no sandbox, with its words', async () => {
    const options = await nixOptions();
    const bin = join(options.dir, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: setting up uid map: Permission denied" >&2\nexit 1\n');
    await chmod(join(bin, 'bwrap'), 0o755);
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(new NixBuilder(options).evaluateFleet(await aFlake('{ proxnix = 7; }'))).rejects.toMatchObject({
      message: 'The sandbox of an evaluation cannot be made: bwrap: setting up uid map: Permission denied',
      next: expect.stringContaining('user namespaces'),
    });
  });

  it.skipIf(process.getuid?.() !== 0)('runs as nobody where the bot is root, and writes nothing outside', async () => {
    const settings = nixSettings(await nixOptions());
    const script = 'id -u; grep CapEff /proc/self/status; touch /x /etc/x /usr/bin/x 2>&1; ls /';
    const stdout = await inSandbox(settings, { purpose: 'evaluate', reads: [] }, async ({ command, env }) => {
      const [file = '', ...args] = command;
      return (await execa(file, [...args, 'sh', '-c', script], { env, extendEnv: false, reject: false })).stdout;
    });
    expect(stdout).toMatch(/^65534\nCapEff:\t0{16}\n/);
    expect(stdout.match(/cannot touch/g)).toHaveLength(3);
    expect(stdout).not.toMatch(/^(?:root|home|srv|work|var)$/m);
  });

  /** Runs a shell in the sandbox of an evaluation. */
  const inside = (options: NixOptions, script: string) =>
    inSandbox(nixSettings(options), { purpose: 'evaluate', reads: [] }, async ({ command, env }) => {
      const [file = '', ...args] = command;
      return (await execa(file, [...args, 'sh', '-c', script], { env, extendEnv: false, reject: false })).stdout;
    });

  it('has no program that fetches: a repository that a push puts together would run what it names', async () => {
    const script = 'for name in git ssh hg; do $name --version >/dev/null 2>&1 && echo "has $name"; done; echo end';
    expect(await inside(await nixOptions(), script)).toBe('end');
  });

  it('leaves nothing behind for the next one', async () => {
    const options = await nixOptions();
    const source = await aFlake('{ proxnix = 7; }');
    expect(await new NixBuilder(options).evaluateFleet(source)).toBe(7);
    expect(
      await inside(options, 'mkdir -p "$HOME/.cache/nix" && touch "$HOME/.cache/nix/left" "$HOME/left" && echo made'),
    ).toBe('made');
    expect(
      await inside(options, 'ls "$HOME" "$HOME/.cache/nix"; touch "$HOME/.cache/nix/gitv3/x" || echo closed'),
    ).toMatch(/^(?![\s\S]*left)[\s\S]*fetcher-cache/);
  });

  it('tells neither the hash nor the store path of what does not fit', () => {
    const path = '/nix/store/lcc0i6h1aaaaaaaaaaaaaaaaaaaaaaaa-source';
    const msg = `NAR hash mismatch in input 'github:a/b' (/srv/store${path}), expected 'sha256-AAAA=', got 'sha256-BBBB='`;
    const event = parseLine(`@nix ${JSON.stringify({ action: 'msg', level: 0, msg })}`);
    expect(event).toMatchObject({
      text: "NAR hash mismatch in input 'github:a/b' ((not shown)), expected '(not shown)', got '(not shown)'",
    });
  });

  it('tells that a commit cannot be had in the words of git, not that there is no git', async () => {
    const source = { ...(await aFlake('{ proxnix = 7; }')), rev: '1'.repeat(40) };
    const text = await shown(new NixBuilder(await nixOptions()).evaluateFleet(source));
    expect(text).toMatch(/1{40}/);
    expect(text).not.toMatch(/Permission denied|executing/);
  });

  it('works where the path of the state is long', async () => {
    const options = await nixOptions();
    const dir = join(options.dir, 'x'.repeat(100));
    expect(await new NixBuilder({ ...options, dir }).evaluateFleet(await aFlake('{ proxnix = 7; }'))).toBe(7);
  });

  it('closes the folder of its caches to every other user', async () => {
    const options = await nixOptions();
    await chmod(options.dir, 0o755);
    await checkSandbox(nixSettings(options));
    expect((await stat(options.dir)).mode & 0o077).toBe(0);
  });

  it('sees nothing of another fleet that has a store of its own', async () => {
    const options = await nixOptions();
    const storeOf = (name: string) => join(options.dir, name, 'store');
    const fleet = (name: string) =>
      new NixBuilder({ ...options, dir: join(options.dir, name, 'nix'), store: storeOf(name) });
    const other = await aFlake(`{ proxnix = "${secret}"; }`);
    await fleet('other').evaluateFleet(other);
    const [source = ''] = (await readdir(join(storeOf('other'), 'nix', 'store'))).filter((name) =>
      name.endsWith('-source'),
    );
    // Nix takes a path with a rev for a locked one, whatever it is.
    const tree = (path: string) => `builtins.fetchTree { type = "path"; path = "${path}"; rev = "${'1'.repeat(40)}"; }`;
    for (const path of [join(storeOf('other'), 'nix', 'store'), join(storeOf('other'), 'nix', 'store', source)]) {
      const read = await aFlake(`{ proxnix = builtins.readDir "\${${tree(path)}}"; }`);
      expect(await shown(fleet('own').evaluateFleet(read)), path).toMatch(/No such file|does not exist/);
    }
  });
});

describe.skipIf(nix === undefined)('a sandbox', () => {
  const isRoot = process.getuid?.() === 0;

  /** What a shell script says in there. */
  async function said(use: SandboxUse, script: string): Promise<string> {
    return inSandbox(nixSettings(await nixOptions()), use, async ({ command, env }) => {
      const [file = '', ...args] = command;
      const { stdout, stderr } = await execa(file, [...args, 'sh', '-c', script], {
        env,
        extendEnv: false,
        reject: false,
      });
      return [stdout, stderr].filter((text) => text !== '').join('\n');
    });
  }

  /** Two folders beside each other, open to everybody of the machine. */
  async function openFolders() {
    const top = await realpath(await mkdtemp(join(tmpdir(), 'proxnix-open-')));
    onTestFinished(() => removeTree(top));
    await chmod(top, 0o755);
    const [own, other] = [join(top, 'own.git'), join(top, 'other.git')];
    for (const dir of [own, other]) {
      await mkdir(dir);
      await chmod(dir, 0o777);
      await writeFile(join(dir, 'text'), dir === own ? 'ours' : secret);
    }
    return { own, other };
  }

  it('shows what is to be read and nothing beside it, and lets nobody write to it', async () => {
    const { own, other } = await openFolders();
    const script = `cat ${own}/text ${other}/text; touch ${own}/x`;
    for (const purpose of ['evaluate', 'fetch'] as const) {
      const text = await said({ purpose, reads: [own] }, script);
      expect(text).toContain('ours');
      expect(text).not.toContain(secret);
      expect(text).toMatch(/Read-only file system/);
    }
  });

  it('lets git reach only what each purpose needs', async () => {
    const { own } = await openFolders();
    const asked = (url: string) => `git ls-remote '${url}'`;
    const fetching = await said({ purpose: 'fetch', reads: [own] }, asked(`file://${own}`));
    expect(fetching).toContain("transport 'file' not allowed");
    const bringing = await said({ purpose: 'source', reads: [own] }, asked('ssh://git@127.0.0.1/x'));
    expect(bringing).toContain("transport 'ssh' not allowed");
  });

  it('shows no other process', async () => {
    const text = await said({ purpose: 'evaluate', reads: [] }, `ls -d /proc/self /proc/${process.pid}`);
    expect(text).toMatch(/^\/proc\/self$/m);
    expect(text).not.toMatch(new RegExp(`^/proc/${process.pid}$`, 'm'));
  });

  it('has no capability and gains none, and nothing is written to its own root', async () => {
    const script = 'grep -E "Cap(Eff|Bnd)|NoNewPrivs" /proc/self/status; touch /x';
    const fetching = await said({ purpose: 'fetch', reads: [] }, script);
    expect(fetching).toMatch(/^CapEff:\t0{16}$/m);
    expect(fetching).toMatch(/Read-only file system/);
    const evaluating = await said({ purpose: 'evaluate', reads: [] }, script);
    expect(evaluating).toMatch(/^NoNewPrivs:\t1$/m);
    if (isRoot) expect(evaluating).toMatch(/^CapBnd:\t0{16}$/m);
  });

  it('shows keys of the bot to the fetch of inputs alone', async () => {
    const home = await realpath(await mkdtemp(join(tmpdir(), 'proxnix-home-')));
    onTestFinished(() => removeTree(home));
    await mkdir(join(home, '.ssh'));
    await writeFile(join(home, '.ssh/id_test'), secret);
    for (const dir of [home, join(home, '.ssh')]) await chmod(dir, 0o755);
    vi.stubEnv('HOME', home);
    onTestFinished(() => void vi.unstubAllEnvs());
    const script = `cat ${home}/.ssh/id_test`;
    expect(await said({ purpose: 'fetch', reads: [] }, script)).toBe(secret);
    expect(await said({ purpose: 'evaluate', reads: [] }, script)).toContain('No such file');
  });

  it('ends with the process that made it', async () => {
    const settings = nixSettings(await nixOptions());
    const marker = `3599.${process.pid}`;
    const isThere = async () => (await execa('ps', ['-eo', 'args'])).stdout.includes(`sleep ${marker}`);
    await inSandbox(settings, { purpose: 'evaluate', reads: [] }, async ({ command, env }) => {
      const script = ['sh', '-c', `echo begun; sleep ${marker}`];
      const parent = execa('sh', ['-c', '"$@" & wait', 'sh', ...command, ...script], {
        env,
        extendEnv: false,
        reject: false,
      });
      await once(parent.stdout, 'data');
      expect(await isThere()).toBe(true);
      parent.kill('SIGKILL');
      await vi.waitFor(async () => expect(await isThere()).toBe(false), { timeout: 20_000, interval: 50 });
    });
  });
});
