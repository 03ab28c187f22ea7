import { Newest } from '../lib/streams.ts';
import { cut } from '../lib/text.ts';

/** Length limits in bytes: an error holds texts from outside, and every save of a run writes them. */
const longest = { message: 1500, next: 1500, detail: 500, details: 6000, log: 16 * 1024 } as const;
const mostDetails = 100;

/**
 * An error that is safe to show in a chat and says what to do next. Every other error is a bug: it is logged, and
 * people see "unexpected" with the run's id.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** Advice for the reader. */
  readonly next: string | undefined;
  /** Lines from another program (Nix's last lines, a task's log), oldest first; only the newest are kept. */
  readonly details: readonly string[];
  /** The whole of what the details are cut from, where that is more: shown as a file. Its end is cut. */
  readonly log: string | undefined;
  /** The cause may pass without a change of what was asked: a limit of time or memory, a server that is away. */
  readonly mayPass: boolean;

  constructor(
    message: string,
    options: { next?: string; details?: readonly string[]; log?: string; mayPass?: boolean; cause?: unknown } = {},
  ) {
    super(cut(message, longest.message), options.cause === undefined ? undefined : { cause: options.cause });
    this.next = options.next === undefined ? undefined : cut(options.next, longest.next);
    this.details = newestLines(options.details ?? []);
    this.log = options.log === undefined ? undefined : cut(options.log, longest.log);
    this.mayPass = options.mayPass ?? false;
  }
}

/** The newest lines within the limit, after a line that counts the omitted ones. */
function newestLines(lines: readonly string[]): readonly string[] {
  const kept = new Newest<string>({ count: mostDetails, bytes: longest.details });
  for (const line of lines.slice(-mostDetails)) {
    const short = cut(line, longest.detail);
    kept.add(short, Buffer.byteLength(short));
  }
  const left = lines.length - kept.items().length;
  return left === 0 ? kept.items() : [`… ${left} more ${left === 1 ? 'line' : 'lines'} before these`, ...kept.items()];
}

/** The facts of an error for the log: the sentence of a `UserError`, the whole error of a bug. */
export function errorFacts(error: unknown): { readonly why: string } | { readonly err: unknown } {
  return error instanceof UserError ? { why: error.message } : { err: error };
}

/** A guest that was rolled back automatically after its replacement or update failed. */
export interface RolledBack {
  readonly vmid: number;
  readonly name: string;
  /** The image that the guest runs again; absent when no tag named it. */
  readonly imageHash?: string;
  /** Its old settings were put back; its root disk was never another one. */
  readonly settings?: true;
}

/** The failure of a change after an automatic rollback: the guest is as it was before. */
export class RolledBackError extends UserError {
  readonly rolledBack: RolledBack;

  constructor(
    rolledBack: RolledBack,
    message: string,
    options: { next?: string; details?: readonly string[]; cause?: unknown },
  ) {
    super(message, options);
    this.rolledBack = rolledBack;
  }
}

/** The stored form of an error: plain data, safe to show, at most some KiB. */
export interface Failure {
  readonly message: string;
  readonly next?: string;
  readonly details: readonly string[];
  readonly log?: string;
  readonly mayPass?: true;
  readonly rolledBack?: RolledBack;
}

/** Turns any thrown value into a failure. A bug shows only that it happened; its text is in the log. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof UserError)) {
    return {
      message: 'An unexpected error inside proxnix.',
      next: 'The log of the bot has the whole story.',
      details: [],
    };
  }
  return {
    message: error.message,
    details: error.details,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(error.log === undefined ? {} : { log: error.log }),
    ...(error.mayPass ? { mayPass: true } : {}),
    ...(error instanceof RolledBackError ? { rolledBack: error.rolledBack } : {}),
  };
}
