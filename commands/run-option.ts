import type { CommandOption } from '../src/chat/chat.ts';

/** Names a run: `r-41`, or just `41`. */
const run = { name: 'run', description: 'The run, e.g. r-41', required: true } as const;

/** Names a run whose plan waits for a decision. */
export const openRun = { ...run, complete: 'open-run' } as const satisfies CommandOption;

/** Names a run that is queued or applying. */
export const workingRun = { ...run, complete: 'working-run' } as const satisfies CommandOption;

/** `r-41` for what people type: `r-41`, `R-41`, `41`. */
export function runId(typed: string): string {
  const [, digits] = /^(?:r-?)?(\d{1,9})$/i.exec(typed.trim()) ?? [];
  return digits === undefined ? typed.trim() : `r-${Number(digits)}`;
}

/** Names a plan of that run: what stands on its card. */
export const planOption = {
  name: 'plan',
  description: 'The plan that you mean, e.g. p-7f3c2a (default: the one that you were shown last)',
  required: false,
  complete: 'plan',
} as const satisfies CommandOption;

/** A plan id for what people type. One that is not whole stays as it is, and is refused. */
export function planId(typed: string | undefined): string | undefined {
  return typed?.trim().toLowerCase();
}
