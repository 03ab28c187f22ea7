import { constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { UserError } from '../../core/errors.ts';
import { signalGroup } from '../../lib/system.ts';
import type { NixSettings } from './settings.ts';
import { nixEnvironment } from './settings.ts';

/** A Nix store as seen from inside a sandbox: through a daemon, so that code in the sandbox cannot write to it. */
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
/** A plan evaluates twice in a row, and a daemon takes longer to start than an expression to evaluate. */
const lingersMs = 2000;

/** The daemons that the bot has started, one for each builder. */
const daemons = new WeakMap<NixSettings, OwnDaemon>();

/**
 * Gives `use` a store to evaluate against. When the bot may write the store itself (as root, or as the owner of a
 * private or single-user store), it starts a daemon of its own, which ends shortly after its last use, and with the
 * bot. Otherwise the machine's daemon is used.
 */
export async function withStore<T>(settings: NixSettings, use: (store: StoreAccess) => Promise<T>): Promise<T> {
  if (settings.store === undefined && !(await isWritable(machine.database))) {
    const socket = { outside: machine.socket, inside: machine.socket };
    return use({ uri: 'daemon', socket, files: machine.files });
  }
  // Nix makes the rest of the store.
  if (settings.store !== undefined) await mkdir(settings.store, { recursive: true });
  const running = daemons.get(settings);
  const daemon = running === undefined || running.hasEnded ? new OwnDaemon(settings) : running;
  daemons.set(settings, daemon);
  const root = settings.store === undefined ? '' : `?root=${settings.store}`;
  return daemon.during((outside) =>
    use({
      uri: `unix://${ownSocket}${root}`,
      socket: { outside, inside: ownSocket },
      files: settings.store ?? machine.files,
    }),
  );
}

/** The folders of the daemons that run now. */
const folders = new Set<string>();
process.on('exit', () => {
  for (const dir of folders) removeFolder(dir);
});

function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  folders.delete(dir);
}

/** A `nix-daemon` on a socket that only this process can reach. */
class OwnDaemon {
  readonly #dir: string;
  readonly #socket: string;
  readonly #child;
  readonly #ready: Promise<void>;
  #users = 0;
  #farewell: NodeJS.Timeout | undefined;
  hasEnded = false;

  constructor(settings: NixSettings) {
    this.#dir = socketFolder(settings);
    folders.add(this.#dir);
    this.#socket = join(this.#dir, 'socket');
    const program = settings.binDir === undefined ? 'nix-daemon' : join(settings.binDir, 'nix-daemon');
    const store = settings.store === undefined ? [] : ['--store', settings.store];
    // The kernel ends the daemon with the bot, however the bot ends.
    this.#child = execa('setpriv', ['--pdeathsig', 'TERM', program, ...store], {
      detached: true,
      stdin: 'ignore',
      stdout: 'ignore',
      extendEnv: false,
      env: { ...nixEnvironment(settings), NIX_DAEMON_SOCKET_PATH: this.#socket },
      reject: false,
      maxBuffer: { stderr: 64 * 1024 },
    });
    void this.#child.then(() => {
      this.hasEnded = true;
      removeFolder(this.#dir);
    });
    this.#ready = this.#start();
  }

  /** Keeps the daemon running while `use` runs. @throws UserError when the daemon cannot be started */
  async during<T>(use: (socket: string) => Promise<T>): Promise<T> {
    clearTimeout(this.#farewell);
    this.#users++;
    try {
      await this.#ready;
      return await use(this.#socket);
    } finally {
      this.#users--;
      if (this.#users === 0) this.#farewell = setTimeout(() => this.#stop(), lingersMs).unref();
    }
  }

  async #start(): Promise<void> {
    const until = Date.now() + startsWithinMs;
    while (!(await isListening(this.#socket))) {
      if (this.hasEnded || Date.now() > until) {
        this.#stop();
        const { stderr, shortMessage } = await this.#child;
        throw new UserError(`The daemon of the Nix store cannot be started: ${lastLine(stderr) ?? shortMessage}`, {
          next: 'Nix with nix-daemon and setpriv (util-linux) must be on PATH.',
        });
      }
      await sleep(2);
    }
  }

  #stop(): void {
    // From here on the daemon is not reused: a later use starts another one.
    this.hasEnded = true;
    signalGroup(this.#child.pid, 'SIGTERM');
  }
}

/** The longest path of a socket: unix(7). */
const mostPath = 107;

/** A new folder for sockets among the temporary files of the builder, or of the machine where that path is too long. */
export function socketFolder({ tmpDir }: NixSettings): string {
  const parent = tmpDir.length + '/s-XXXXXX/socket'.length <= mostPath ? tmpDir : tmpdir();
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 's-'));
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
