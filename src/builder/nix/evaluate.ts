import { existsSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Source } from '../../git/git.ts';
import { Newest } from '../../lib/streams.ts';
import { isDeeperThan } from '../../lib/text.ts';
import { flakeError } from './evaluation-errors.ts';
import { type EvaluationFailure, readEvaluationFailure, readWarnings } from './evaluation-failure.ts';
import { fleetExpression, sourceExpression } from './expression.ts';
import { type NixEvent, type NixResult, parseLine, runNix } from './process.ts';
import { inSandbox, type SandboxUse } from './sandbox.ts';
import type { NixSettings } from './settings.ts';
import { evaluationArguments, fetchArguments } from './settings.ts';
import { lineOf } from './source-lines.ts';
import type { FlakeFacts } from './sources.ts';
import { realPath, storePathPattern, storeRoot } from './store.ts';

const Fleet = z.object({ proxnix: z.unknown(), rev: z.string() });
/** The answer of an evaluation: a fleet of 10,000 guests is some MiB. */
const maxAnswer = 8 * 1024 * 1024;
const deepestAnswer = 32;

/** What an evaluation takes besides what it evaluates. */
export interface EvaluationOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets each warning of the flake's modules and of NixOS, once for an evaluation. */
  readonly warn?: (text: string) => void;
}

/** The flake's output `proxnix`. */
export async function evaluateFleet(
  settings: NixSettings,
  source: Source,
  options: EvaluationOptions = {},
): Promise<unknown> {
  const outcome = await evaluate(
    settings,
    source,
    { expression: fleetExpression(source), what: 'the VM list' },
    options,
  );
  if (!outcome.ok) throw flakeError(source, outcome.error);
  const { proxnix, rev } = Fleet.parse(outcome.json);
  if (rev !== source.rev) throw new Error(`Nix evaluated ${rev} instead of ${source.rev}`);
  return proxnix;
}

/** The result of an evaluation: its JSON, or Nix's error about the flake. */
export type Outcome =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly error: EvaluationFailure };

/**
 * Evaluates one expression to JSON in a sandbox. Nix's errors about the expression are a result; a time limit, a
 * cancellation and a missing Nix are thrown.
 * @param source the only repository that the expression can read; absent: none
 * @param what the subject for the message of an evaluation that takes too long
 */
export async function evaluate(
  settings: NixSettings,
  source: Source | undefined,
  { expression, what }: { readonly expression: string; readonly what: string },
  { signal, warn }: EvaluationOptions = {},
): Promise<Outcome> {
  const started = settings.now();
  const facts = await bringSource(settings, source, what, signal);
  if ('error' in facts) return { ok: false, error: facts.error };
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
  const { exitCode, ended } = result;
  settings.log.debug({ what, ms: settings.now() - started, exitCode, ended }, 'evaluated');
  for (const event of said)
    if (event.kind === 'trace') settings.log.debug({ what, text: event.text }, 'the flake traced');
  if (ended !== undefined) throw endedEarly(ended, what, settings);
  // Nix 2.8 writes JSON as it goes: after a failure a broken piece of it is there.
  if (exitCode !== 0) {
    const error = await lineOf(readEvaluationFailure(said, facts), facts, settings.store);
    return { ok: false, error: withRefusals(error, refused) };
  }
  for (const warning of readWarnings(said, facts)) warn?.(warning);
  if (isDeeperThan(result.stdout, deepestAnswer)) {
    throw new UserError(`The evaluation of ${what} gave values nested deeper than ${deepestAnswer}.`);
  }
  return { ok: true, json: JSON.parse(result.stdout) };
}

/** Where the commits lie that are in the store since this process began, by builder. */
const brought = new WeakMap<NixSettings, Map<string, string>>();

/**
 * Fetches a commit into the store with an expression of ours, because the evaluation itself has no git.
 * @returns what is known of the flake, or Nix's error
 */
async function bringSource(
  settings: NixSettings,
  source: Source | undefined,
  what: string,
  signal: AbortSignal | undefined,
): Promise<FlakeFacts | { readonly error: EvaluationFailure }> {
  const memory = settings.evalMemoryBytes === undefined ? {} : { memoryBytes: settings.evalMemoryBytes };
  const facts = source === undefined ? memory : { ...memory, source };
  if (source === undefined || !settings.evalSandbox) return facts;
  const known = brought.get(settings) ?? new Map<string, string>();
  brought.set(settings, known);
  const key = `${source.mirror} ${source.rev}`;
  const there = known.get(key);
  // Nix's garbage collector may have deleted it.
  if (there !== undefined && existsSync(realPath(storeRoot(settings.store), there)))
    return { ...facts, storePath: there };
  const use = { purpose: 'source', reads: [source.mirror] } as const;
  const { result, said } = await runSandboxed(settings, use, {
    args: (store) => fetchArguments(settings, sourceExpression(source), store),
    timeoutMs: settings.evalTimeoutMs,
    signal,
  });
  const { exitCode, ended, stdout } = result;
  if (ended !== undefined) throw endedEarly(ended, what, settings);
  if (exitCode !== 0) return { error: readEvaluationFailure(said, facts) };
  const storePath = StorePath.parse(JSON.parse(stdout));
  known.set(key, storePath);
  return { ...facts, storePath };
}

const StorePath = z.string().regex(storePathPattern);

/** Programs see only that a connection failed, so the reason of the refusal is added. */
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
          mayPass: true,
          next: 'Look for an endless recursion in the flake, or raise NIX_EVAL_TIMEOUT.',
        },
      );
    case 'too-much-output':
      return new UserError(`The evaluation of ${what} gave more than ${maxAnswer / 1024 / 1024} MiB.`);
  }
}

/** How much of Nix's messages is kept: an evaluation may print without end (`builtins.trace`), and errors come last. */
const saidLimits = { count: 200, bytes: 2 * 1024 * 1024 };

const kept: ReadonlySet<NixEvent['kind']> = new Set(['text', 'trace', 'warning', 'message']);

/** The result of a run of `nix` in the sandbox. */
interface SandboxedRun {
  readonly result: NixResult;
  /** Nix's messages, without its progress. */
  readonly said: readonly NixEvent[];
  /** The connections that the egress proxy refused, one sentence each. */
  readonly refused: readonly string[];
}

/**
 * Runs `nix` once in a sandbox of its own, with the memory limit of an evaluation.
 * @param args the arguments, given the store as the sandbox reaches it
 */
export async function runSandboxed(
  settings: NixSettings,
  use: SandboxUse,
  run: {
    readonly args: (store: string | undefined) => readonly string[];
    readonly timeoutMs: number;
    /** Bytes of standard output. */
    readonly maxOutput?: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<SandboxedRun> {
  const said = new Newest<NixEvent>(saidLimits);
  const { args, timeoutMs, maxOutput, signal } = run;
  return inSandbox(settings, use, async (sandbox) => {
    const result = await runNix(settings, {
      program: 'nix',
      args: args(sandbox.store),
      sandbox,
      signal,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      limits: { timeoutMs, memoryBytes: settings.evalMemoryBytes },
      onLine: (line) => {
        const event = parseLine(line);
        if (event !== undefined && kept.has(event.kind)) said.add(event, line.length);
      },
    });
    return { result, said: said.items(), refused: sandbox.refused() };
  });
}
