import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { UserError } from '../../core/errors.ts';
import { removeTree } from '../../lib/system.ts';
import { socketFolder, withStore } from './daemon.ts';
import { type Egress, type EgressPolicy, startEgress } from './egress.ts';
import type { NixSettings } from './settings.ts';
import { evaluationEnvironment, nixEnvironment } from './settings.ts';

/** The purpose of a sandbox. */
export interface SandboxUse {
  /**
   * `evaluate`: code of a push runs in there, as another user where the bot is root, without a secret in its reach, without
   * git, and with a HOME of its own: nothing that it leaves there is seen again.
   * `source`: only our own code runs, as the same user; it brings the repository into the store.
   * `fetch`: only our own code runs, with the tokens and ssh keys that inputs need.
   */
  readonly purpose: 'evaluate' | 'source' | 'fetch';
  /** Paths of the machine to see, beside programs and the store; read-only. */
  readonly reads: readonly string[];
  /** The hosts to connect to; absent: none. */
  readonly egress?: EgressPolicy;
}

/** How a Nix program is called inside. */
export interface Sandbox {
  /** For `--store`; absent: Nix's own choice. */
  readonly store?: string;
  /** The arguments before the program. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Connections that were refused, each one sentence. */
  refused(): readonly string[];
}

/** The user that an evaluation runs as where the bot is root: it owns nothing outside. */
const nobody = { uid: 65_534, gid: 65_534 } as const;
/** Paths inside the sandbox, where no path of the machine can be. */
const inside = {
  home: '/run/proxnix/home',
  tmp: '/run/proxnix/tmp',
  egress: '/run/proxnix/egress',
  relay: '/run/proxnix/relay.mjs',
  node: '/run/proxnix/node',
  port: 3128,
} as const;
const relay = fileURLToPath(new URL('./relay.mjs', import.meta.url));

/** Folders of a Linux system with programs and libraries, and nothing that is somebody's. */
const systemFolders = [
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib',
  '/usr/lib32',
  '/usr/lib64',
  '/usr/libexec',
  '/usr/share/git-core',
];
const programs = ['nix', 'setpriv'];
/**
 * Programs that Nix runs to fetch. A repository that a push has put together runs whatever its own settings say
 * (gitattributes(5), "filter"), so an evaluation has none of them: what it needs is in the store.
 */
const fetchers = ['git', 'ssh', 'hg'];
/** What the fetch of inputs reads of the machine: its certificates and Nix's own settings. */
const fetchFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/ssl/certs/ca-bundle.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/nix/nix.conf',
  '/etc/nix/nix.custom.conf',
];

/**
 * Gives `use` a sandbox of bubblewrap: a file system with the programs of the system, the Nix store, `reads`, a HOME and
 * a `/tmp` of its own; no network but `egress`; no other process; and no way to write to the store but its daemon. With
 * the sandbox switched off in the settings the programs run as they are.
 */
export async function inSandbox<T>(
  settings: NixSettings,
  what: SandboxUse,
  use: (sandbox: Sandbox) => Promise<T>,
): Promise<T> {
  if (!settings.evalSandbox) {
    const store = settings.store === undefined ? {} : { store: settings.store };
    return use({ ...store, command: [], env: nixEnvironment(settings), refused: () => [] });
  }
  const user = what.purpose !== 'fetch' && process.getuid?.() === 0 ? nobody : undefined;
  const run = socketFolder(settings);
  await mkdir(settings.tmpDir, { recursive: true });
  const tmp = await mkdtemp(join(settings.tmpDir, 'tmp-'));
  let egress: Egress | undefined;
  try {
    await ownFolder(tmp, user);
    const isEvaluation = what.purpose === 'evaluate';
    const home = await ownFolder(isEvaluation ? join(run, 'home') : join(settings.dir, what.purpose), user);
    const caches = isEvaluation ? await copyCache(join(settings.dir, 'source'), home, user) : [];
    if (what.egress !== undefined) egress = await startEgress(join(run, 'egress'), what.egress);
    if (egress !== undefined && user !== undefined) await chown(join(run, 'egress'), user.uid, user.gid);
    const passwd = join(run, 'passwd');
    await writeFile(passwd, passwdOf(what.purpose, user));
    const config = join(run, 'gitconfig');
    await writeFile(config, gitConfig(what.reads));
    const found = await findPrograms(settings, what.purpose);
    return await withStore(settings, (store) => {
      const mounts: readonly Mount[] = [
        ...found.mounts,
        ...what.reads.map((path) => ({ path })),
        { path: store.files },
        { path: store.socket.inside, from: store.socket.outside },
        { path: inside.home, from: home, writable: true },
        { path: `${inside.home}/.gitconfig`, from: config },
        ...caches,
        { path: inside.tmp, from: tmp, writable: true },
        { path: '/etc/passwd', from: passwd },
        ...(what.purpose === 'fetch' ? found.forFetch : []),
        ...(egress === undefined
          ? []
          : [
              { path: inside.egress, from: join(run, 'egress') },
              { path: inside.relay, from: relay },
              { path: inside.node, from: process.execPath },
            ]),
      ];
      const network = egress === undefined ? [] : relayCommand;
      return use({
        store: store.uri,
        command: [
          found.bubblewrap,
          ...bubblewrapArguments(mounts, user),
          ...(user === undefined ? [] : becoming(user)),
          ...network,
        ],
        env: environment(settings, what.purpose, found.path, egress !== undefined),
        refused: () => egress?.refused() ?? [],
      });
    });
  } finally {
    await egress?.close();
    await removeTree(tmp);
    await removeTree(run);
  }
}

/** Makes a sandbox once. @throws UserError when there can be none on this machine */
export async function checkSandbox(settings: NixSettings): Promise<void> {
  if (!settings.evalSandbox) return;
  // Where the bot is root, nobody owns a folder in here: other processes of that user must not get at it.
  await mkdir(settings.dir, { recursive: true });
  await chmod(settings.dir, 0o700);
  // Files that a killed process left are removed.
  await removeTree(settings.tmpDir);
  const result = await inSandbox(settings, { purpose: 'evaluate', reads: [] }, ({ command, env }) => {
    const [file = 'bwrap', ...args] = command;
    return execa(file, [...args, 'nix', '--version'], { reject: false, extendEnv: false, env, stdin: 'ignore' });
  });
  if (result.exitCode === 0) return;
  const why = result.stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  throw new UserError(`The sandbox of an evaluation cannot be made: ${why || result.shortMessage}`, {
    next: `Allow user namespaces (in a container of Proxmox: features nesting=1; on Ubuntu: an AppArmor profile for bwrap). ${otherwise}`,
  });
}

const otherwise = 'NIX_EVAL_SANDBOX=off goes on without it: then a push can read whatever the bot can read.';

/** A path of the machine that is visible inside the sandbox; without `from` at the same path. */
interface Mount {
  readonly path: string;
  readonly from?: string;
  readonly writable?: boolean;
  /** A symbolic link with this target in place of a mount. */
  readonly link?: string;
}

function bubblewrapArguments(mounts: readonly Mount[], user: typeof nobody | undefined): readonly string[] {
  // A real root needs no user namespace, and only without one it can become another user.
  const asRoot = user !== undefined || process.getuid?.() === 0;
  return [
    ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    ...(asRoot ? [] : ['--unshare-user']),
    '--die-with-parent',
    ...['--proc', '/proc', '--dev', '/dev'],
    // Folders that bubblewrap makes by itself are closed to other users.
    ...foldersAbove(mounts).flatMap((dir) => ['--dir', dir]),
    ...mounts.flatMap(({ path, from = path, writable, link }) => {
      if (link !== undefined) return ['--symlink', link, path];
      return [writable === true ? '--bind' : '--ro-bind', from, path];
    }),
    ...['--remount-ro', '/', '--chdir', '/', '--cap-drop', 'ALL'],
    ...(user === undefined ? [] : ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((cap) => ['--cap-add', cap])),
    '--',
  ];
}

function becoming({ uid, gid }: typeof nobody): readonly string[] {
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return ['setpriv', ...ids, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
}

const relayCommand = [inside.node, inside.relay, 'run', inside.egress, String(inside.port)];

/** Every folder above the mounts, outer ones first. */
function foldersAbove(mounts: readonly Mount[]): readonly string[] {
  const above = (path: string): readonly string[] => {
    const parent = dirname(path);
    return parent === '/' ? [] : [...above(parent), parent];
  };
  return [...new Set(mounts.flatMap(({ path }) => above(path)))];
}

function environment(settings: NixSettings, purpose: SandboxUse['purpose'], path: string, network: boolean) {
  const base = purpose === 'fetch' ? nixEnvironment(settings) : evaluationEnvironment(settings);
  const proxy = `http://127.0.0.1:${inside.port}`;
  const proxyCommand = [inside.node, inside.relay, 'connect', inside.egress, '%h', '%p'].join(' ');
  return {
    ...base,
    PATH: path,
    HOME: inside.home,
    TMPDIR: inside.tmp,
    GIT_CONFIG_NOSYSTEM: '1',
    // An input must not name a program, or a repository of the machine, as its transport.
    GIT_ALLOW_PROTOCOL: purpose === 'fetch' ? 'http:https:ssh' : 'file',
    ...(network
      ? {
          http_proxy: proxy,
          https_proxy: proxy,
          GIT_SSH_COMMAND: `ssh -oBatchMode=yes -oProxyCommand='${proxyCommand}'`,
        }
      : {}),
  };
}

/** The programs of the sandbox: what must be mounted for them, and the PATH that finds them. */
async function findPrograms(settings: NixSettings, purpose: SandboxUse['purpose']) {
  const system = (await Promise.all(systemFolders.map(mountOf))).flat();
  const find = async (names: readonly string[]) =>
    (await Promise.all(names.map((name) => locate(name, settings.path)))).filter((path) => path !== undefined);
  const found = await find(fetchers);
  const real = [...(await find(programs)), ...(purpose === 'evaluate' ? [] : found)];
  const dirs = [...new Set([...(settings.binDir === undefined ? [] : [settings.binDir]), ...real.map(dirname)])];
  const covered = (dir: string) => system.some(({ path }) => dir === path || dir.startsWith(`${path}/`));
  const inStore = dirs.some((dir) => dir.startsWith('/nix/store/')) || process.execPath.startsWith('/nix/store/');
  const others = dirs.filter((dir) => !covered(dir) && !dir.startsWith('/nix/store/'));
  const ssh = join(homedir(), '.ssh');
  const bubblewrap = await locate('bwrap', settings.path);
  if (bubblewrap === undefined) {
    throw new UserError('The sandbox of an evaluation needs bubblewrap, which is not installed.', {
      next: `Install it, on Debian: apt-get install bubblewrap. ${otherwise}`,
    });
  }
  return {
    bubblewrap,
    path: [...dirs, '/usr/bin', '/bin'].join(delimiter),
    mounts: [
      ...system,
      ...(inStore ? [{ path: '/nix/store' }] : []),
      ...others.map((path) => ({ path })),
      // They lie beside programs that are needed, where a PATH would find them.
      ...(purpose === 'evaluate' ? found.filter(covered).map((path) => ({ path, from: '/dev/null' })) : []),
    ],
    forFetch: (await Promise.all([...fetchFiles, ssh].map(fileMount))).flat(),
  };
}

/** Where a program really is: on NixOS a PATH is made of links into the store. */
async function locate(name: string, path: string): Promise<string | undefined> {
  for (const dir of path.split(delimiter)) {
    if (!dir.startsWith('/')) continue;
    const found = await realpath(join(dir, name)).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function mountOf(path: string): Promise<readonly Mount[]> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return [];
  return found.isSymbolicLink() ? [{ path, link: await readlink(path) }] : [{ path }];
}

async function fileMount(path: string): Promise<readonly Mount[]> {
  const from = await realpath(path).catch(() => undefined);
  return from === undefined ? [] : [{ path, from }];
}

/**
 * Gives an evaluation the fetcher caches of the repository: the index of Nix's fetchers as a copy, and their clones
 * read-only. Only `source` writes them, so no commit can decide what another commit is taken for.
 */
async function copyCache(from: string, home: string, user: typeof nobody | undefined): Promise<readonly Mount[]> {
  const [cache, copy] = [from, home].map((dir) => join(dir, '.cache', 'nix'));
  if (cache === undefined || copy === undefined) return [];
  await mkdir(copy, { recursive: true, mode: 0o700 });
  const mounts: Mount[] = [];
  for (const entry of await readdir(cache, { withFileTypes: true }).catch(() => [])) {
    const [source, target] = [join(cache, entry.name), join(copy, entry.name)];
    if (entry.isFile() && entry.name.startsWith('fetcher-cache')) await copyFile(source, target);
    else if (entry.isDirectory() && /^(?:gitv|tarball-cache)/.test(entry.name)) {
      await mkdir(target);
      mounts.push({ path: `${inside.home}/.cache/nix/${entry.name}`, from: source });
    }
  }
  if (user === undefined) return mounts;
  for (const path of [join(home, '.cache'), copy, ...(await readdir(copy)).map((name) => join(copy, name))]) {
    await chown(path, user.uid, user.gid);
  }
  return mounts;
}

async function ownFolder(path: string, user: typeof nobody | undefined): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return path;
}

/** Git and ssh want to know who they are. */
function passwdOf(purpose: SandboxUse['purpose'], user: typeof nobody | undefined): string {
  const uid = user?.uid ?? process.getuid?.() ?? nobody.uid;
  const gid = user?.gid ?? process.getgid?.() ?? nobody.gid;
  return `proxnix:x:${uid}:${gid}::${purpose === 'fetch' ? homedir() : inside.home}:/bin/sh\n`;
}

/** The mirror belongs to the bot, so git needs `safe.directory` to read it as another user. */
function gitConfig(repositories: readonly string[]): string {
  return repositories.map((path) => `[safe]\n\tdirectory = ${JSON.stringify(path)}\n`).join('');
}
