import { Newest } from '../lib/streams.ts';
import { cut } from '../lib/text.ts';

/** Bytes of what an error says and a run keeps: texts of others stand in it, and each run is written with each save. */
const longest = { message: 1500, next: 1500, detail: 500, details: 6000 } as const;
const mostDetails = 100;

/**
 * An error that is safe to show in a chat and says what to do next. Everything else that is thrown is a bug: it is
 * logged and shown only as "unexpected" with the run's id.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** What the reader can do about it. */
  readonly next: string | undefined;
  /** Lines of somebody else's text that belong to it (Nix's last lines, a task's log), oldest first; the newest ones. */
  readonly details: readonly string[];

  constructor(message: string, options: { next?: string; details?: readonly string[]; cause?: unknown } = {}) {
    super(cut(message, longest.message), options.cause === undefined ? undefined : { cause: options.cause });
    this.next = options.next === undefined ? undefined : cut(options.next, longest.next);
    this.details = newestLines(options.details ?? []);
  }
}

/** As many of the last lines as an error may hold; what is left out is said before them. */
function newestLines(lines: readonly string[]): readonly string[] {
  const kept = new Newest<string>({ count: mostDetails, bytes: longest.details });
  for (const line of lines.slice(-mostDetails)) {
    const short = cut(line, longest.detail);
    kept.add(short, Buffer.byteLength(short));
  }
  const left = lines.length - kept.items().length;
  return left === 0 ? kept.items() : [`… ${left} more ${left === 1 ? 'line' : 'lines'} before these`, ...kept.items()];
}

/** The facts of an error for the log: a sentence for what is meant for people, everything for a bug. */
export function errorFacts(error: unknown): { readonly why: string } | { readonly err: unknown } {
  return error instanceof UserError ? { why: error.message } : { err: error };
}

/** A guest whose old root disk was put back after its replacement failed. */
export interface RolledBack {
  readonly vmid: number;
  readonly name: string;
  /** The image it runs again; absent when no tag told it. */
  readonly imageHash?: string;
}

/** The failure of a replacement that was undone: the guest is as it was before. */
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

/** What a run keeps of an error: plain data, safe to show, at most some KiB. */
export interface Failure {
  readonly message: string;
  readonly next?: string;
  readonly details: readonly string[];
  readonly rolledBack?: RolledBack;
}

/** The showable form of anything thrown; a bug shows only that it happened, its text stays in the log. */
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
    ...(error instanceof RolledBackError ? { rolledBack: error.rolledBack } : {}),
  };
}
