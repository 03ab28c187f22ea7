import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Source } from '../../git/git.ts';
import { isDeeperThan } from '../../lib/json.ts';
import { Newest } from '../../lib/newest.ts';
import { evaluationArguments, fetchArguments } from './arguments.ts';
import { type EvaluationFailure, readEvaluationFailure } from './evaluation-failure.ts';
import { fleetExpression, sourceExpression } from './expression.ts';
import { type NixEvent, parseLine } from './log-stream.ts';
import { type NixResult, runNix } from './process.ts';
import { inSandbox } from './sandbox.ts';
import type { NixSettings } from './settings.ts';

const Fleet = z.object({ proxnix: z.unknown(), rev: z.string() });
/** The answer of an evaluation: a fleet of 10,000 guests is some MiB. */
const maxAnswer = 8 * 1024 * 1024;
const deepestAnswer = 32;
/** An evaluation may print without end (`builtins.trace`); errors come last. */
const keptEvents = { count: 200, bytes: 2 * 1024 * 1024 };

/** The flake's output `proxnix`. */
export async function evaluateFleet(settings: NixSettings, source: Source, signal?: AbortSignal): Promise<unknown> {
  const outcome = await evaluate(
    settings,
    source,
    { expression: fleetExpression(source), what: 'the VM list' },
    signal,
  );
  if (!outcome.ok) throw flakeError(source, outcome.error);
  const { proxnix, rev } = Fleet.parse(outcome.json);
  if (rev !== source.rev) throw new Error(`Nix evaluated ${rev} instead of ${source.rev}`);
  return proxnix;
}

/** The error of a flake that cannot be read at all. */
export function flakeError(source: Source, error: EvaluationFailure): UserError {
  return new UserError(`The flake of commit ${source.rev.slice(0, 7)} does not evaluate: ${reason(error)}`, {
    details: error.lines,
    ...(error.next === undefined ? {} : { next: error.next }),
  });
}

/** Nix's own words as the end of a sentence, with the place in the flake. */
export function reason(error: EvaluationFailure): string {
  const text = error.text.replace(/[.:]$/, '');
  return error.place === undefined ? `${text}.` : `${text} (${error.place}).`;
}

export type Outcome =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly error: EvaluationFailure };

/**
 * Evaluates one expression to JSON, in its sandbox. What Nix says against it is a result; running out of time, being
 * cancelled and a missing Nix are errors.
 * @param source the only repository it can read; absent: none
 * @param what for the message of an evaluation that takes too long
 */
export async function evaluate(
  settings: NixSettings,
  source: Source | undefined,
  { expression, what }: { readonly expression: string; readonly what: string },
  signal?: AbortSignal,
): Promise<Outcome> {
  const events = new Newest<NixEvent>(keptEvents);
  const started = settings.now();
  const missing = source === undefined ? undefined : await bringSource(settings, source, what, signal);
  if (missing !== undefined) return { ok: false, error: missing };
  const { evalHosts } = settings;
  const use = {
    purpose: 'evaluate',
    reads: source === undefined ? [] : [source.mirror],
    ...(evalHosts.length === 0 ? {} : { egress: { hosts: evalHosts, publicHosts: false } }),
  } as const;
  const { result, refused } = await inSandbox(settings, use, async (sandbox) => ({
    result: await runNix(settings, {
      program: 'nix',
      args: evaluationArguments(settings, expression, sandbox.store),
      sandbox,
      signal,
      maxOutput: maxAnswer,
      limits: { timeoutMs: settings.evalTimeoutMs, memoryBytes: settings.evalMemoryBytes },
      onLine: (line) => addWords(events, line),
    }),
    refused: sandbox.refused(),
  }));
  const facts = { what, ms: settings.now() - started, exitCode: result.exitCode, ended: result.ended };
  settings.log.debug(facts, 'evaluated');
  if (result.ended !== undefined) throw endedEarly(result.ended, what, settings);
  // Nix 2.8 writes JSON as it goes: after a failure a broken piece of it is there.
  if (result.exitCode !== 0) {
    // The collector may have taken it: it is brought anew next time.
    if (source !== undefined) brought.get(settings)?.delete(`${source.mirror} ${source.rev}`);
    return { ok: false, error: withRefusals(readEvaluationFailure(events.items()), refused) };
  }
  if (isDeeperThan(result.stdout, deepestAnswer)) {
    throw new UserError(`The evaluation of ${what} gave values nested deeper than ${deepestAnswer}.`);
  }
  return { ok: true, json: JSON.parse(result.stdout) };
}

/** The commits that are in the store since this process began, by builder. */
const brought = new WeakMap<NixSettings, Set<string>>();

/**
 * Brings a commit into the store, by an expression of ours: the evaluation itself has no git. @returns what Nix says against
 * it; `undefined` when it is there
 */
async function bringSource(
  settings: NixSettings,
  source: Source,
  what: string,
  signal: AbortSignal | undefined,
): Promise<EvaluationFailure | undefined> {
  if (!settings.evalSandbox) return undefined;
  const known = brought.get(settings) ?? new Set();
  brought.set(settings, known);
  const key = `${source.mirror} ${source.rev}`;
  if (known.has(key)) return undefined;
  const events = new Newest<NixEvent>(keptEvents);
  const { exitCode, ended } = await inSandbox(settings, { purpose: 'source', reads: [source.mirror] }, (sandbox) =>
    runNix(settings, {
      program: 'nix',
      args: fetchArguments(settings, sourceExpression(source), sandbox.store),
      sandbox,
      signal,
      limits: { timeoutMs: settings.evalTimeoutMs, memoryBytes: settings.evalMemoryBytes },
      onLine: (line) => addWords(events, line),
    }),
  );
  if (ended !== undefined) throw endedEarly(ended, what, settings);
  if (exitCode !== 0) return readEvaluationFailure(events.items());
  known.add(key);
  return undefined;
}

/** Keeps what Nix says to people, and none of its progress. */
function addWords(events: Newest<NixEvent>, line: string): void {
  const event = parseLine(line);
  if (event?.kind === 'text' || event?.kind === 'message') events.add(event, line.length);
}

/** A program is told that a connection failed, not that it is forbidden. */
function withRefusals(error: EvaluationFailure, refused: readonly string[]): EvaluationFailure {
  return refused.length === 0 ? error : { ...error, lines: [...error.lines, ...new Set(refused)] };
}

function endedEarly(ended: NonNullable<NixResult['ended']>, what: string, settings: NixSettings): UserError {
  switch (ended) {
    case 'cancelled':
      return new UserError('The evaluation was cancelled.');
    case 'timeout':
      return new UserError(
        `The evaluation of ${what} took longer than ${settings.evalTimeoutMs / 1000} s and was stopped.`,
        {
          next: 'Look for an endless recursion in the flake, or raise the time limit of an evaluation.',
        },
      );
    case 'too-much-output':
      return new UserError(`The evaluation of ${what} gave more than ${maxAnswer / 1024 / 1024} MiB.`);
  }
}
