import { constants } from 'node:fs';
import { access, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { UserError } from '../../core/errors.ts';
import { signalGroup } from '../../signal-group.ts';
import { nixEnvironment } from './arguments.ts';
import type { NixSettings } from './settings.ts';

/** A Nix store as it is reached from inside a sandbox: through a daemon, so nothing in there writes to it. */
export interface StoreAccess {
  /** For `--store`. */
  readonly uri: string;
  /** The daemon's socket on the machine and inside. */
  readonly socket: { readonly outside: string; readonly inside: string };
  /** The folder with the store's files. */
  readonly files: string;
}

const machine = {
  files: '/nix/store',
  database: '/nix/var/nix/db',
  socket: '/nix/var/nix/daemon-socket/socket',
} as const;
const ownSocket = '/run/nix/socket';
const startsWithinMs = 10_000;

/**
 * Gives `use` a store to evaluate against. Who may write the store itself (root, the owner of a private or single-user
 * one) gets a daemon of its own for as long as `use` takes; everybody else the machine's.
 */
export async function withStore<T>(settings: NixSettings, use: (store: StoreAccess) => Promise<T>): Promise<T> {
  if (settings.store === undefined && !(await isWritable(machine.database))) {
    const socket = { outside: machine.socket, inside: machine.socket };
    return use({ uri: 'daemon', socket, files: machine.files });
  }
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-store-'));
  const outside = join(dir, 'socket');
  const daemon = startDaemon(settings, outside);
  try {
    await daemon.ready;
    const root = settings.store === undefined ? '' : `?root=${settings.store}`;
    return await use({
      uri: `unix://${ownSocket}${root}`,
      socket: { outside, inside: ownSocket },
      files: settings.store ?? machine.files,
    });
  } finally {
    await daemon.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

function startDaemon(settings: NixSettings, socket: string) {
  const program = settings.binDir === undefined ? 'nix-daemon' : join(settings.binDir, 'nix-daemon');
  const store = settings.store === undefined ? [] : ['--store', settings.store];
  // The kernel ends it with the bot, however the bot ends.
  const child = execa('setpriv', ['--pdeathsig', 'TERM', program, ...store], {
    detached: true,
    stdin: 'ignore',
    stdout: 'ignore',
    extendEnv: false,
    env: { ...nixEnvironment(settings), NIX_DAEMON_SOCKET_PATH: socket },
    reject: false,
    maxBuffer: { stderr: 64 * 1024 },
  });
  let ended = false;
  const end = child.then((result) => {
    ended = true;
    return result;
  });
  const ready = async () => {
    const until = Date.now() + startsWithinMs;
    while (!(await isListening(socket))) {
      if (ended || Date.now() > until) {
        signalGroup(child.pid, 'SIGTERM');
        const { stderr, shortMessage } = await end;
        throw new UserError(`The daemon of the Nix store cannot be started: ${lastLine(stderr) ?? shortMessage}`, {
          next: 'Nix with nix-daemon and setpriv (util-linux) must be on PATH.',
        });
      }
      await setTimeout(2);
    }
  };
  return {
    ready: ready(),
    async stop() {
      signalGroup(child.pid, 'SIGTERM');
      await end;
    },
  };
}

/** Nix makes the socket for itself, opens it to all, and listens. */
async function isListening(socket: string): Promise<boolean> {
  const found = await stat(socket).catch(() => undefined);
  return found !== undefined && (found.mode & 0o777) === 0o666;
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function lastLine(text: string | undefined): string | undefined {
  return text?.trim().split('\n').at(-1)?.slice(0, 300) || undefined;
}
