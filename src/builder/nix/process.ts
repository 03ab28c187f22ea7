import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { readLines } from '../../lib/streams.ts';
import { signalGroup } from '../../lib/system.ts';
import { cleanText, cut } from '../../lib/text.ts';
import type { Sandbox } from './sandbox.ts';
import { type NixSettings, nixEnvironment } from './settings.ts';

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
  /** The reason why the program was ended early. */
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
  // There is no `await` between this check and the listener, so no abort is missed.
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
    // When a stream broke, the exit code means nothing.
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

/**
 * A shell sets the limits and then becomes the program. The limit of processor time ends a program that a killed bot
 * left behind.
 */
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

/** Bytes of one text of an event. A stack overflow alone is said in 4 MB. */
const longestText = 16 * 1024;

/** One frame of an error's trace, or the place of the error itself, without colours. */
export interface Frame {
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** What a line of `--log-format internal-json` says, as far as it matters here. Ids are text: they pass 2^53. */
export type NixEvent =
  | { readonly kind: 'text'; readonly text: string }
  /** A flake's `builtins.trace`, or a warning of a flake or of nixpkgs (`warnings`, `lib.warn`, `builtins.warn`). */
  | { readonly kind: 'trace' | 'warning'; readonly text: string }
  | {
      readonly kind: 'message';
      /** 0: an error, 1: a warning of Nix itself, 3: information. */
      readonly level: number;
      readonly text: string;
      readonly at: Frame;
      readonly trace: readonly Frame[];
    }
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly type: number;
      readonly fields: readonly (string | number)[];
    }
  | {
      readonly kind: 'result';
      readonly id: string;
      readonly type: number;
      readonly fields: readonly (string | number)[];
    }
  | { readonly kind: 'stop'; readonly id: string };

const Fields = z.array(z.union([z.string(), z.number()])).catch([]);
const Id = z.union([z.string(), z.number().transform(String)]);
const Place = { file: z.string().nullish(), line: z.number().nullish(), column: z.number().nullish() };
const Line = z.discriminatedUnion('action', [
  z.object({
    action: z.literal('msg'),
    level: z.number().catch(3),
    msg: z.string().catch(''),
    raw_msg: z.string().optional(),
    ...Place,
    trace: z.array(z.object({ raw_msg: z.string().catch(''), ...Place })).catch([]),
  }),
  z.object({ action: z.literal('start'), id: Id, type: z.number(), fields: Fields }),
  z.object({ action: z.literal('result'), id: Id, type: z.number(), fields: Fields }),
  z.object({ action: z.literal('stop'), id: Id }),
]);

/**
 * Reads one line of Nix's stderr; `undefined` for an action that is not known. Lines that are no JSON are text. Of a
 * message that was cut the beginning is read; other actions that were cut say nothing.
 */
export function parseLine(line: string): NixEvent | undefined {
  if (!line.startsWith('@nix ')) return { kind: 'text', text: shown(line) };
  const wasCut = line.endsWith('…');
  const json = wasCut ? cutMessage(line.slice('@nix '.length, -1)) : parseJson(line.slice('@nix '.length));
  if (json === undefined) return wasCut ? undefined : { kind: 'text', text: shown(line) };
  const parsed = Line.safeParse(json);
  if (!parsed.success) return undefined;
  const event = parsed.data;
  switch (event.action) {
    case 'msg': {
      const text = shown(event.raw_msg ?? event.msg).replace(/^error:\s*/, '');
      const said = evaluationSays(event.level, text, shown(event.msg), event.raw_msg === undefined);
      if (said !== undefined) return said;
      // Nix writes some of its own warnings at the level of errors, without `raw_msg`; an error begins with its word.
      const isError = event.raw_msg !== undefined || /^error:/.test(shown(event.msg));
      return {
        kind: 'message',
        level: event.level === 0 && !isError ? 1 : event.level,
        text,
        at: frame(text, event),
        trace: event.trace.map((part) => frame(shown(part.raw_msg), part)),
      };
    }
    case 'start':
      return { kind: 'start', id: event.id, type: event.type, fields: event.fields };
    case 'result':
      return { kind: 'result', id: event.id, type: event.type, fields: event.fields };
    case 'stop':
      return { kind: 'stop', id: event.id };
  }
}

/**
 * What a flake prints while it is evaluated. `builtins.trace` is a message of level 0, the level of errors, without
 * `raw_msg`; the `warnings` of NixOS are such traces too, or messages of level 1 whose `msg` alone says so (Nix 2.23 and
 * newer).
 */
function evaluationSays(level: number, text: string, msg: string, isPlain: boolean): NixEvent | undefined {
  const evaluation = 'evaluation warning:';
  if (level === 1 && msg.startsWith(evaluation)) {
    return { kind: 'warning', text: text.replace(evaluation, '').trim() };
  }
  const traced = level === 0 && isPlain ? /^trace: (?:((?:evaluation )?warning: ))?/.exec(text) : null;
  if (traced === null) return undefined;
  return { kind: traced[1] === undefined ? 'trace' : 'warning', text: text.slice(traced[0].length).trim() };
}

/**
 * Removes the hashes from a message about a hash mismatch. Otherwise a person who pushes a wrong hash would learn the
 * right one, and could then evaluate or fetch content that they had to guess. Versions of Nix disagree about which of
 * the two is "got".
 */
export function withoutFoundHashes(text: string): string {
  if (!/mismatch|\bgot\b/i.test(text)) return text;
  const without = text.replace(hashes, '(not shown)');
  return /mismatch/i.test(text) ? without.replace(storePaths, '(not shown)') : without;
}

/**
 * The hash of a store path is made of the hash of what lies there, and tells whoever guesses that they are right. That of
 * a derivation is made of its text, which the push knows.
 */
const storePaths = /(?:\/[^\s'"«»():]*)?\/nix\/store\/[a-z0-9]{32}-(?![^\s'"«»()]*\.drv\b)[^\s'"«»()]*/g;

/** `sha256-…=` (also percent-encoded), `sha256:…`, and a bare hash of 128 bits or more behind "got". */
const hashes =
  /\b(?:md5|sha1|sha256|sha512|blake3)[-:][A-Za-z0-9+/=%_.-]+|(?<=\bgot:?\s{1,8}['"]?)[A-Za-z0-9+/=]{32,}/gi;

function shown(text: string): string {
  return withoutFoundHashes(cleanText(cut(text, longestText)));
}

/**
 * The beginning of a message whose line was cut, in the form of a whole one. Nix sorts keys, so the place and the level
 * stand before `msg`, where the frames of the trace come first and the error itself last.
 */
function cutMessage(text: string): unknown {
  const key = ',"msg":"';
  const at = text.indexOf(key);
  if (at < 0) return undefined;
  const head = parseJson(`${text.slice(0, at)}}`);
  // Without an escape that was cut in two.
  const [letters = ''] = /^(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))*/.exec(text.slice(at + key.length)) ?? [];
  const msg = parseJson(`"${letters}"`);
  if (typeof head !== 'object' || typeof msg !== 'string') return undefined;
  const words = shown(msg.slice(Math.max(0, msg.lastIndexOf('error:')))).replace(/^error:\s*/, '');
  // Only frames: the error itself stood behind what was cut.
  const error = words.startsWith('…')
    ? `an error with a trace without end, as of an endless recursion\n${words}`
    : words;
  // Newer Nix writes the outermost frames first, so what an image or an input is named by comes before the cut.
  const named = /^ *… (proxnix \w+ [^\n]{1,200})$/m.exec(shown(msg.slice(0, longestText)))?.[1];
  return { ...head, raw_msg: error, ...(named === undefined ? {} : { trace: [{ raw_msg: named }] }) };
}

/** Ids are process number times 2^32: as numbers, neighbours would become one. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/"(id|parent)":(\d+)/g, '"$1":"$2"'));
  } catch {
    return undefined;
  }
}

interface Position {
  readonly file?: string | null | undefined;
  readonly line?: number | null | undefined;
  readonly column?: number | null | undefined;
}

function frame(text: string, place: Position): Frame {
  return {
    text,
    ...(typeof place.file === 'string' ? { file: place.file } : {}),
    ...(typeof place.line === 'number' ? { line: place.line } : {}),
    ...(typeof place.column === 'number' ? { column: place.column } : {}),
  };
}
