import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { UserError } from '../../core/errors.ts';
import { readLines } from '../../lib/streams.ts';
import { signalGroup } from '../../signal-group.ts';
import { nixEnvironment } from './arguments.ts';
import type { Sandbox } from './sandbox.ts';
import type { NixSettings } from './settings.ts';

/** One call of a program of Nix. */
export interface NixCall {
  readonly program: 'nix' | 'nix-store';
  readonly args: readonly string[];
  /** The sandbox it runs in; absent: none. */
  readonly sandbox?: Pick<Sandbox, 'command' | 'env'>;
  /** Each line of stderr as it comes, of a long one its first MiB and `…`. Empty lines are left out. */
  readonly onLine?: (line: string) => void;
  /** Bytes of stdout; more ends the program. */
  readonly maxOutput?: number;
  readonly signal?: AbortSignal | undefined;
  /** An evaluation is bounded by time and memory and may be killed; without it only TERM is ever sent. */
  readonly limits?: { readonly timeoutMs: number; readonly memoryBytes?: number | undefined };
}

/** How a call ended, with what it wrote to its standard output. */
export interface NixResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Why it ended before its own end. */
  readonly ended?: 'timeout' | 'cancelled' | 'too-much-output';
}

/** A closure of many thousand paths is some MiB. */
const defaultMaxOutput = 64 * 1024 * 1024;
/** Bytes of a line of stderr: traces of a hundred frames are some hundred KiB. */
const longestLine = 1024 * 1024;

/**
 * Runs one Nix program without a shell, in its own process group, with stdin closed and nothing inherited but PATH.
 * Failures of the program are a result, not an error. A computing evaluation ignores TERM, so it is killed; a build
 * never is: without a daemon its builders would live on.
 */
export async function runNix(settings: NixSettings, call: NixCall): Promise<NixResult> {
  await mkdir(settings.home, { recursive: true });
  // From here to the listener nothing waits, so no abort is missed.
  if (call.signal?.aborted === true) return { exitCode: undefined, stdout: '', ended: 'cancelled' };
  const { onLine = () => {}, limits } = call;
  const program = settings.binDir === undefined ? call.program : join(settings.binDir, call.program);
  const bounded = limits === undefined ? [program, ...call.args] : limited(program, call.args, limits);
  const [file = program, ...args] = [...(call.sandbox?.command ?? []), ...bounded];
  const child = execa(file, args, {
    detached: true,
    stdin: 'ignore',
    extendEnv: false,
    env: call.sandbox?.env ?? nixEnvironment(settings),
    reject: false,
    stripFinalNewline: true,
    maxBuffer: { stdout: call.maxOutput ?? defaultMaxOutput },
    buffer: { stderr: false },
  });
  const said = readLines(child.stderr, longestLine, onLine).catch(async (error: unknown) => {
    signalGroup(child.pid, 'SIGKILL');
    await child;
    throw error;
  });

  let ended: NixResult['ended'];
  let killer: NodeJS.Timeout | undefined;
  const end = (why: 'timeout' | 'cancelled') => {
    ended ??= why;
    signalGroup(child.pid, 'SIGTERM');
    if (limits !== undefined) killer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), settings.killAfterMs);
  };
  const timer = limits === undefined ? undefined : setTimeout(() => end('timeout'), limits.timeoutMs);
  const onAbort = () => end('cancelled');
  call.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const [result] = await Promise.all([child, said]);
    if (result.exitCode === 127 || (result.failed && 'code' in result && result.code === 'ENOENT')) throw nixMissing();
    if (result.isMaxBuffer) ended ??= 'too-much-output';
    if (result.signal === 'SIGXCPU') ended ??= 'timeout';
    // A stream that broke: the exit code says nothing then.
    if (result.failed && !result.isMaxBuffer && result.cause !== undefined) throw result.cause;
    return { exitCode: result.exitCode, stdout: result.stdout, ...(ended === undefined ? {} : { ended }) };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    call.signal?.removeEventListener('abort', onAbort);
  }
}

/** The error for a machine without Nix, with how to install it. */
export function nixMissing(): UserError {
  return new UserError('Nix is not installed on the machine of the bot.', {
    next: 'Install it from https://nixos.org/download, or on Debian: apt-get install nix-bin. Then set its folder, or put it on PATH.',
  });
}

/** The limits are set by a shell that becomes the program; processor time ends what a dead bot leaves behind. */
function limited(
  program: string,
  args: readonly string[],
  limits: { readonly timeoutMs: number; readonly memoryBytes?: number | undefined },
): readonly string[] {
  const seconds = Math.ceil(limits.timeoutMs / 1000) * 4;
  const kib = limits.memoryBytes === undefined ? 'unlimited' : String(Math.floor(limits.memoryBytes / 1024));
  const script = 'ulimit -t "$1"; test "$2" = unlimited || ulimit -v "$2"; shift 2; exec "$@"';
  return ['/bin/sh', '-c', script, 'sh', String(seconds), kib, program, ...args];
}
