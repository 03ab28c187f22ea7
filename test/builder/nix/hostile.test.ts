import { createHash } from 'node:crypto';
import { mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { UserError } from '../../../src/core/errors.ts';
import type { Source } from '../../../src/git/git.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { nix, nixOptions } from './here.ts';

const canary = 'canary-of-the-machine';
/** More than any person reads; the card cuts it further. */
const mostShown = 64 * 1024;

/** What there is on the machine that a push may want, made once. */
interface World {
  /** A folder with the file `secret` and the folder `flake`, and what Nix makes of each. */
  readonly dir: string;
  readonly narHash: string;
  readonly fileHash: string;
  readonly flakeHash: string;
  /** The mirror of another fleet. */
  readonly mirror: string;
  readonly rev: string;
  readonly url: string;
  readonly sha256: string;
}
let world: World;
const requests: string[] = [];
let count = 0;
const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  response.end(canary);
});

beforeAll(async () => {
  if (nix === undefined) return;
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'proxnix-hostile-')));
  const folder = join(dir, 'private');
  const git = (cwd: string, ...args: string[]) =>
    execa('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-C', cwd, ...args]);
  await execa('mkdir', ['-p', join(folder, 'flake'), join(dir, 'work'), join(dir, 'other')]);
  await writeFile(join(folder, 'secret'), canary);
  await writeFile(join(folder, 'flake', 'flake.nix'), `{ outputs = { self }: { secret = "${canary}"; }; }`);
  await writeFile(join(dir, 'other', 'secret'), canary);
  for (const name of ['work', 'other']) await git(join(dir, name), 'init', '--quiet', '--initial-branch=main');
  await git(join(dir, 'other'), 'add', '-A');
  await git(join(dir, 'other'), 'commit', '--quiet', '--message=Secret');
  await execa('git', ['clone', '--quiet', '--bare', join(dir, 'other'), join(dir, 'other.git')]);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sri = async (...args: string[]) =>
    (
      await execa('nix', ['hash', ...args], { env: { NIX_CONFIG: 'extra-experimental-features = nix-command' } })
    ).stdout.trim();
  world = {
    dir,
    narHash: await sri('path', folder),
    fileHash: await sri('path', join(folder, 'secret')),
    flakeHash: await sri('path', join(folder, 'flake')),
    mirror: join(dir, 'other.git'),
    rev: (await git(join(dir, 'other'), 'rev-parse', 'HEAD')).stdout,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sha256: createHash('sha256').update(canary).digest('hex'),
  };
  vi.stubEnv('PROXNIX_CANARY', canary);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  if (world !== undefined) await removeTree(world.dir);
});

interface Push {
  /** The output `proxnix`, as Nix text. */
  readonly proxnix?: string;
  /** The whole flake.nix, in place of one with that output. */
  readonly flake?: string;
  readonly inputs?: Readonly<Record<string, object>>;
  /** Symbolic links: their targets by name. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Pushes it and plans it as the bot does: everything that a person sees of it. */
async function shown(push: Push): Promise<string> {
  const { proxnix = '"nothing"', inputs = {}, links = {} } = push;
  const work = join(world.dir, 'work');
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=Eve', '-c', 'user.email=eve@example.org', '-C', work, ...args]);
  await git('rm', '-rq', '--ignore-unmatch', '.');
  await writeFile(
    join(work, 'flake.nix'),
    push.flake ?? `{ outputs = { self, ... }@inputs: { proxnix = ${proxnix}; }; }`,
  );
  await writeFile(join(work, 'unique'), String(count++));
  for (const [name, target] of Object.entries(links)) await symlink(target, join(work, name));
  const names = Object.keys(inputs);
  const nodes = Object.fromEntries(
    names.map((name) => [name, { locked: inputs[name], original: inputs[name], flake: false }]),
  );
  const root = { inputs: Object.fromEntries(names.map((name) => [name, name])) };
  const lock = JSON.stringify({ nodes: { root, ...nodes }, root: 'root', version: 7 });
  if (names.length > 0) await writeFile(join(work, 'flake.lock'), lock);
  await git('add', '-A');
  await git('commit', '--quiet', '--message=Push');
  const rev = (await git('rev-parse', 'HEAD')).stdout;
  const mirror = join(world.dir, 'mirror.git');
  await execa('git', ['clone', '--quiet', '--bare', work, mirror]);
  await execa('git', ['--git-dir', mirror, 'update-ref', 'refs/proxnix/r-1', rev]);
  const source: Source = { mirror, ref: 'refs/proxnix/r-1', rev, ...(names.length > 0 ? { lock } : {}) };
  const limits = { evalTimeoutMs: 10_000, killAfterMs: 100, evalMemoryBytes: 800 * 2 ** 20, offline: false };
  const builder = new NixBuilder(await nixOptions(limits));
  try {
    await builder.fetchInputs(source);
    return JSON.stringify(await builder.evaluateFleet(source));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [error.message, error.next, ...error.details].join('\n');
  } finally {
    await removeTree(mirror);
  }
}

const tree = (attributes: string) => `builtins.fetchTree { ${attributes} }`;
const secretOf = (expression: string) => `builtins.readFile "\${${expression}}/secret"`;

/** Each a push that wants what it must not have. */
const pushes: Readonly<Record<string, () => Push>> = {
  // The environment.
  'a variable of the environment': () => ({ proxnix: 'builtins.getEnv "PROXNIX_CANARY"' }),
  'the environment of its process': () => ({ proxnix: 'builtins.readFile /proc/self/environ' }),
  'the environment of the bot by a locked path': () => ({
    proxnix: `builtins.readFile ${tree(`type = "path"; path = "/proc/${process.pid}/environ"; narHash = "${world.fileHash}";`)}`,
  }),
  'the folder of its own process by a locked path': () => ({
    proxnix: secretOf(tree(`type = "path"; path = "/proc/self"; narHash = "${world.narHash}";`)),
  }),
  // Files of the machine.
  'an absolute path': () => ({ proxnix: 'builtins.readFile /etc/passwd' }),
  'an absolute path as text': () => ({ proxnix: `builtins.readFile "${world.dir}/private/secret"` }),
  'a path above the source': () => ({ proxnix: `builtins.readFile ./../../../../..${world.dir}/private/secret` }),
  'a path above the source, put together': () => ({
    proxnix: `builtins.readFile (./. + "/../../../../../../../..${world.dir}/private/secret")`,
  }),
  'a path above its store path as text': () => ({
    proxnix: `builtins.readFile (self + "/../../../../../../../../..${world.dir}/private/secret")`,
  }),
  'the home of a person': () => ({ proxnix: 'builtins.readDir ~/.ssh' }),
  'a path literal of the search path': () => ({ proxnix: 'builtins.readFile <secret>' }),
  'builtins.path': () => ({
    proxnix: secretOf(`builtins.path { path = ${world.dir}/private; name = "x"; sha256 = "${world.narHash}"; }`),
  }),
  'builtins.filterSource': () => ({ proxnix: `builtins.filterSource (p: t: true) ${world.dir}/private` }),
  'builtins.storePath': () => ({ proxnix: `builtins.storePath "${world.dir}/private"` }),
  'builtins.hashFile': () => ({ proxnix: `builtins.hashFile "sha256" ${world.dir}/private/secret` }),
  'builtins.pathExists': () => ({
    proxnix: `if builtins.pathExists ${world.dir}/private/secret then "${canary}" else "no"`,
  }),
  'a relative import that climbs': () => ({ proxnix: 'import ../other/secret' }),
  'a scoped import': () => ({ proxnix: `builtins.scopedImport { } ${world.dir}/private/flake/flake.nix` }),
  // Symbolic links.
  'a symbolic link to a file of the machine': () => ({
    proxnix: 'builtins.readFile ./link',
    links: { link: `${world.dir}/private/secret` },
  }),
  'a symbolic link to a folder of the machine': () => ({
    proxnix: 'builtins.readFile ./link/secret',
    links: { link: `${world.dir}/private` },
  }),
  'a relative symbolic link out of the source': () => ({
    proxnix: 'builtins.readFile ./link',
    links: { link: `../../../../../..${world.dir}/private/secret` },
  }),
  'a flake.lock that is a link': () => ({ links: { 'flake.lock': `${world.dir}/private/secret` } }),
  'a symbolic link read as a folder': () => ({
    proxnix: 'builtins.attrNames (builtins.readDir ./link)',
    links: { link: `${world.dir}/private` },
  }),
  // Locked paths.
  'fetchTree of a locked path': () => ({
    proxnix: secretOf(tree(`type = "path"; path = "${world.dir}/private"; narHash = "${world.narHash}";`)),
  }),
  'fetchTree of a locked path with a wrong hash': () => ({
    proxnix: secretOf(tree(`type = "path"; path = "${world.dir}/private"; narHash = "sha256-${'A'.repeat(43)}=";`)),
  }),
  'fetchTree of a path as a URL': () => ({
    proxnix: secretOf(`builtins.fetchTree "path:${world.dir}/private?narHash=${encodeURIComponent(world.narHash)}"`),
  }),
  'getFlake of a locked path': () => ({
    proxnix: `(builtins.getFlake "path:${world.dir}/private/flake?narHash=${encodeURIComponent(world.flakeHash)}").secret`,
  }),
  'getFlake of an unlocked path': () => ({ proxnix: `(builtins.getFlake "path:${world.dir}/private/flake").secret` }),
  'an input that is a path': () => ({
    proxnix: secretOf('inputs.x'),
    inputs: { x: { type: 'path', path: `${world.dir}/private`, narHash: world.narHash, lastModified: 1 } },
  }),
  'an input that is a path above the repository': () => ({
    proxnix: secretOf('inputs.x'),
    inputs: { x: { type: 'path', path: '../../private', narHash: world.narHash, lastModified: 1 } },
  }),
  'an input that is a file': () => ({
    proxnix: 'builtins.readFile inputs.x',
    inputs: { x: { type: 'file', url: `file://${world.dir}/private/secret`, narHash: world.fileHash } },
  }),
  'an input that is a repository of the machine': () => ({
    proxnix: secretOf('inputs.x'),
    inputs: { x: { type: 'git', url: `file://${world.mirror}`, rev: world.rev, ref: 'main', narHash: world.narHash } },
  }),
  'an input of a transport that runs a program': () => ({
    proxnix: secretOf('inputs.x'),
    inputs: { x: { type: 'git', url: `ext::cat ${world.dir}/private/secret`, rev: world.rev, narHash: world.narHash } },
  }),
  'an input whose host is an option of ssh': () => ({
    proxnix: secretOf('inputs.x'),
    inputs: {
      x: { type: 'git', url: 'ssh://-oProxyCommand=id/x', rev: world.rev, ref: 'main', narHash: world.narHash },
    },
  }),
  // Other repositories.
  'fetchGit of the mirror of another fleet': () => ({
    proxnix: secretOf(`builtins.fetchGit { url = "file://${world.mirror}"; rev = "${world.rev}"; ref = "main"; }`),
  }),
  'fetchTree of the mirror of another fleet': () => ({
    proxnix: secretOf(tree(`type = "git"; url = "file://${world.mirror}"; rev = "${world.rev}"; ref = "main";`)),
  }),
  'getFlake of the mirror of another fleet': () => ({
    proxnix: `(builtins.getFlake "git+file://${world.mirror}?ref=main&rev=${world.rev}").secret`,
  }),
  fetchMercurial: () => ({
    proxnix: `builtins.fetchMercurial { url = "file://${world.mirror}"; rev = "${world.rev}"; }`,
  }),
  // The network.
  'fetchurl with a hash': () => ({
    proxnix: `builtins.readFile (builtins.fetchurl { url = "${world.url}/fetchurl"; sha256 = "${world.sha256}"; })`,
  }),
  'fetchurl without a hash': () => ({ proxnix: `builtins.readFile (builtins.fetchurl "${world.url}/fetchurl")` }),
  'fetchTarball with a hash': () => ({
    proxnix: `"\${builtins.fetchTarball { url = "${world.url}/x.tar.gz"; sha256 = "${world.narHash}"; }}"`,
  }),
  'fetchTree of a tarball': () => ({
    proxnix: `"\${${tree(`type = "tarball"; url = "${world.url}/x.tar.gz"; narHash = "${world.narHash}";`)}}"`,
  }),
  'fetchTree of a file': () => ({
    proxnix: `"\${${tree(`type = "file"; url = "${world.url}/x"; narHash = "${world.narHash}";`)}}"`,
  }),
  'fetchGit over http': () => ({
    proxnix: `"\${builtins.fetchGit { url = "${world.url}/x.git"; rev = "${world.rev}"; }}"`,
  }),
  'fetchTree of a forge on this machine': () => ({
    proxnix: `"\${${tree(`type = "gitlab"; host = "${world.url.slice(7)}"; owner = "a"; repo = "b"; rev = "${world.rev}"; narHash = "${world.narHash}";`)}}"`,
  }),
  'an input from this machine': () => ({
    proxnix: 'builtins.readDir inputs.x',
    inputs: { x: { type: 'tarball', url: `${world.url}/x.tar.gz`, narHash: world.narHash } },
  }),
  'an input from a forge on this machine': () => ({
    proxnix: 'builtins.readDir inputs.x',
    inputs: {
      x: { type: 'gitlab', host: world.url.slice(7), owner: 'a', repo: 'b', rev: world.rev, narHash: world.narHash },
    },
  }),
  // Its own settings, and building.
  'settings by nixConfig': () => ({
    flake: `{ nixConfig = { pure-eval = false; sandbox = false; allow-import-from-derivation = true; extra-sandbox-paths = [ "${world.dir}" ]; post-build-hook = "/bin/sh"; };
      outputs = { self }: { proxnix = builtins.readFile "${world.dir}/private/secret"; }; }`,
  }),
  'import from a derivation': () => ({
    proxnix: `import (derivation { name = "x"; system = "${nix?.system}"; builder = "/bin/sh"; args = [ "-c" "printf '\\"${canary}\\"' > $out" ]; })`,
  }),
  'a builder during evaluation by readFile': () => ({
    proxnix: `builtins.readFile (derivation { name = "x"; system = "${nix?.system}"; builder = "/bin/sh"; args = [ "-c" "printf ${canary} > $out" ]; })`,
  }),
  'builtins.exec': () => ({ proxnix: `builtins.exec [ "cat" "${world.dir}/private/secret" ]` }),
  'builtins.importNative': () => ({ proxnix: `builtins.importNative ${world.dir}/x.so "f"` }),
  // Time, memory, output.
  'time without an end': () => ({
    proxnix:
      "let count = n: if n == 0 then 0 else count (n - 1); in builtins.foldl' (a: n: a + count 1000) 0 (builtins.genList (n: n) 100000000)",
  }),
  'memory without an end': () => ({ proxnix: 'builtins.length (builtins.genList (n: "x" + toString n) 500000000)' }),
  'a recursion without an end': () => ({ proxnix: 'let f = n: 1 + f n; in f 0' }),
  'a value of itself': () => ({ proxnix: 'let x = { inherit x; a = x.b; b = x.a; }; in x.a' }),
  'a deep list': () => ({ proxnix: "builtins.foldl' (a: n: [ a ]) [ ] (builtins.genList (n: n) 100000)" }),
  'an error of megabytes': () => ({
    proxnix: 'throw (builtins.concatStringsSep "/a" (builtins.genList (n: "") 1000000))',
  }),
  'an error of many lines': () => ({
    proxnix: 'throw (builtins.concatStringsSep "\\n" (builtins.genList toString 300000))',
  }),
  'lines of trace without an end': () => ({
    proxnix: `builtins.foldl' (a: n: builtins.trace "${'x'.repeat(200)}" a) 0 (builtins.genList (n: n) 100000)`,
  }),
  'a trace of megabytes': () => ({
    proxnix: 'builtins.trace (builtins.concatStringsSep "/a" (builtins.genList (n: "") 4000000)) (throw "end")',
  }),
};

describe.skipIf(nix === undefined)('a hostile push gets nothing by', () => {
  it.each(Object.keys(pushes))('%s', { timeout: 120_000 }, async (name) => {
    const push = pushes[name]?.();
    if (push === undefined) throw new Error(name);
    requests.length = 0;
    const text = await shown(push);
    // What a push says itself is no secret: the canary in a `throw` or a builder would be.
    const said = text.replaceAll(JSON.stringify(push), '');
    expect(said).not.toContain(canary);
    for (const hash of [world.narHash, world.fileHash, world.flakeHash].filter((one) => !named(push, one))) {
      expect(said).not.toContain(hash);
    }
    expect(requests).toEqual([]);
    expect(text.length).toBeLessThan(mostShown);
  });
});

function named(push: Push, hash: string): boolean {
  return JSON.stringify(push).includes(hash);
}
