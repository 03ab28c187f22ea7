import { toFailure, UserError } from './errors.ts';

/** How a check came out. `skip`: it could not be made, and the text says why. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** What one check of `proxnix doctor` found. */
export interface Finding {
  readonly status: Status;
  /** The service or the part of the set-up: `Proxmox`, `Slack`, `git`. */
  readonly area: string;
  /** One line. It may hold text from outside; the report makes that harmless. */
  readonly text: string;
  /** The line that mends it: a command, a variable with its value, or a sentence that says where to click. */
  readonly fix?: string;
}

/** What the Date header of one answer said. The header counts whole seconds. */
export interface ClockSample {
  /** Whose clock it is: `Proxmox`, `Slack`. */
  readonly from: string;
  /** Milliseconds by which that clock is ahead of this machine's. */
  readonly aheadMs: number;
}

/** What a service said of itself, and of the time. */
export interface Examined {
  readonly findings: readonly Finding[];
  readonly clock: readonly ClockSample[];
}

/** Makes the findings of one area. */
export interface Findings {
  readonly ok: (text: string) => Finding;
  readonly warn: (text: string, fix?: string) => Finding;
  readonly fail: (text: string, fix?: string) => Finding;
  readonly skip: (text: string) => Finding;
}

/** @param area the service or the part of the set-up */
export function findingsOf(area: string): Findings {
  const make =
    (status: Status) =>
    (text: string, fix?: string): Finding => ({ status, area, text, ...(fix === undefined ? {} : { fix }) });
  return { ok: make('ok'), warn: make('warn'), fail: make('fail'), skip: make('skip') };
}

/** Runs the checks of one area. What they throw becomes a finding, so that one service that is down hides no other. */
export async function examined(area: string, checks: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await checks();
  } catch (error) {
    return [failureOf(area, error)];
  }
}

/** An error as a finding: its sentence with at most five details behind it, and what it says to do next. */
export function failureOf(area: string, error: unknown): Finding {
  const { fail } = findingsOf(area);
  if (!(error instanceof UserError)) return fail(`this check failed unexpectedly: ${reasonOf(error)}`);
  const { message, details, next } = toFailure(error);
  const fresh = details.filter((line) => !message.includes(line.replace(/^\w+: /, '')));
  return fail([message, ...fresh.slice(0, 5)].join(' | '), next);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
