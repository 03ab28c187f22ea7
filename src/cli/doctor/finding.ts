import { toFailure, UserError } from '../../core/errors.ts';

/** How a check came out; `skip`: it could not be made, and the text says why. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** What one check found. */
export interface Finding {
  readonly status: Status;
  /** The service or the part of the set-up: `Proxmox`, `Slack`, `git`. */
  readonly area: string;
  /** One line; may hold text from outside, which the report makes harmless. */
  readonly text: string;
  /** The line that mends it: a command, a variable with its value, or a sentence that says where to click. */
  readonly fix?: string;
}

/** Makes the findings of one area. */
export interface Findings {
  readonly ok: (text: string) => Finding;
  readonly warn: (text: string, fix?: string) => Finding;
  readonly fail: (text: string, fix?: string) => Finding;
  readonly skip: (text: string) => Finding;
}

export function findingsOf(area: string): Findings {
  const make =
    (status: Status) =>
    (text: string, fix?: string): Finding => ({ status, area, text, ...(fix === undefined ? {} : { fix }) });
  return { ok: make('ok'), warn: make('warn'), fail: make('fail'), skip: make('skip') };
}

/** The checks of one area. What they throw is a finding too, so that one service that is down hides no other. */
export async function examined(area: string, checks: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await checks();
  } catch (error) {
    return [failureOf(area, error)];
  }
}

/** An error as a finding: its sentence with the details behind it, and what it says to do next. */
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
