import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Source } from '../../git/git.ts';
import { isDeeperThan } from '../../lib/json.ts';
import { evaluationArguments, fetchArguments } from './arguments.ts';
import { type EvaluationFailure, flakeError, readEvaluationFailure } from './evaluation-errors.ts';
import { fleetExpression, sourceExpression } from './expression.ts';
import type { NixResult } from './process.ts';
import { runSandboxed } from './sandboxed-run.ts';
import type { NixSettings } from './settings.ts';

const Fleet = z.object({ proxnix: z.unknown(), rev: z.string() });
/** The answer of an evaluation: a fleet of 10,000 guests is some MiB. */
const maxAnswer = 8 * 1024 * 1024;
const deepestAnswer = 32;

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

/** What an evaluation came to: its JSON, or what Nix says against the flake. */
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
  const started = settings.now();
  const missing = source === undefined ? undefined : await bringSource(settings, source, what, signal);
  if (missing !== undefined) return { ok: false, error: missing };
  const { evalHosts } = settings;
  const use = {
    purpose: 'evaluate',
    reads: source === undefined ? [] : [source.mirror],
    ...(evalHosts.length === 0 ? {} : { egress: { hosts: evalHosts, publicHosts: false } }),
  } as const;
  const { result, said, refused } = await runSandboxed(settings, use, {
    args: (store) => evaluationArguments(settings, expression, store),
    timeoutMs: settings.evalTimeoutMs,
    maxOutput: maxAnswer,
    signal,
  });
  const facts = { what, ms: settings.now() - started, exitCode: result.exitCode, ended: result.ended };
  settings.log.debug(facts, 'evaluated');
  if (result.ended !== undefined) throw endedEarly(result.ended, what, settings);
  // Nix 2.8 writes JSON as it goes: after a failure a broken piece of it is there.
  if (result.exitCode !== 0) {
    // The collector may have taken it: it is brought anew next time.
    if (source !== undefined) brought.get(settings)?.delete(`${source.mirror} ${source.rev}`);
    return { ok: false, error: withRefusals(readEvaluationFailure(said), refused) };
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
  const use = { purpose: 'source', reads: [source.mirror] } as const;
  const { result, said } = await runSandboxed(settings, use, {
    args: (store) => fetchArguments(settings, sourceExpression(source), store),
    timeoutMs: settings.evalTimeoutMs,
    signal,
  });
  const { exitCode, ended } = result;
  if (ended !== undefined) throw endedEarly(ended, what, settings);
  if (exitCode !== 0) return readEvaluationFailure(said);
  known.add(key);
  return undefined;
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
