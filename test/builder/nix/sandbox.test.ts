import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { evaluationEnvironment } from '../../../src/builder/nix/arguments.ts';
import { parseLine } from '../../../src/builder/nix/log-stream.ts';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { checkSandbox, inSandbox } from '../../../src/builder/nix/sandbox.ts';
import { type NixOptions, nixSettings } from '../../../src/builder/nix/settings.ts';
import { UserError } from '../../../src/core/errors.ts';
import { commitFiles } from '../../../src/demo/repository.ts';
import { removeTree } from '../../../src/lib/remove-tree.ts';
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
    const env = evaluationEnvironment(nixSettings({ ...options, config }));
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
