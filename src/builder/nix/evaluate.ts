import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Image, ImageRequest } from '../../core/guest.ts';
import { imageKey, imageTitle } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { Newest } from '../../lib/streams.ts';
import { isDeeperThan } from '../../lib/text.ts';
import {
  type EvaluationFailure,
  flakeError,
  type ImageProblem,
  imageErrors,
  readEvaluationFailure,
} from './evaluation-errors.ts';
import { fleetExpression, imagesExpression, sourceExpression } from './expression.ts';
import { type NixEvent, type NixResult, parseLine, runNix } from './process.ts';
import { inSandbox, type SandboxUse } from './sandbox.ts';
import type { NixSettings } from './settings.ts';
import { evaluationArguments, fetchArguments, namePattern } from './settings.ts';
import { drvPathPattern, storePathPattern } from './store.ts';

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
    // Nix's garbage collector may have deleted the commit's source: the next evaluation fetches it again.
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
 * Fetches a commit into the store with an expression of ours, because the evaluation itself has no git.
 * @returns Nix's error; `undefined` when the commit is in the store
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
          next: 'Look for an endless recursion in the flake, or raise the time limit of an evaluation.',
        },
      );
    case 'too-much-output':
      return new UserError(`The evaluation of ${what} gave more than ${maxAnswer / 1024 / 1024} MiB.`);
  }
}

/** Longer ones are no path of Linux. */
const longestPath = 4096;

const Entry = z.union([
  z.object({ error: z.literal('unknown') }),
  z.object({ error: z.literal('throws') }),
  z.object({ error: z.literal('lacks'), attribute: z.string() }),
  z.object({
    drv: z.string().regex(drvPathPattern),
    out: z.string().regex(storePathPattern),
    file: z.string().max(longestPath).nullable(),
  }),
]);
const Batch = z.object({ known: z.array(z.string()), images: z.array(z.unknown()) });

type Found = { readonly image: Image } | { readonly problem: ImageProblem };

/**
 * Distinct images, in the order asked: batches in bounded processes, then one call for each image that failed, which
 * gives it its own message.
 */
export async function evaluateImages(
  settings: NixSettings,
  source: Source,
  wanted: readonly ImageRequest[],
  signal?: AbortSignal,
): Promise<readonly Image[]> {
  if (wanted.length === 0) return [];
  let known: readonly string[] | undefined;
  const askable = besideEachOther(wanted.filter(({ type }) => namePattern.test(type)));
  // An empty batch still tells which types there are.
  const batches = askable.length === 0 ? [[]] : chunks(askable, settings.batchSize);
  const found = new Map<string, Found>();
  const ask = async (batch: readonly ImageRequest[], caught: boolean) => {
    const answer = await evaluateBatch(settings, source, batch, caught, signal);
    if ('error' in answer) return answer.error;
    known = answer.known;
    for (const [index, request] of batch.entries()) {
      const entry = answer.found[index];
      if (entry !== undefined) found.set(imageKey(request), entry);
    }
    return undefined;
  };
  await eachOf(batches, settings.workers, async (batch) => {
    const failed = (await ask(batch, true)) !== undefined;
    const again = batch.filter((request) => failed || isThrow(found.get(imageKey(request))));
    for (const request of again) {
      const error = await ask([request], false);
      if (error !== undefined) found.set(imageKey(request), { problem: { request, why: 'fails', error } });
    }
  });
  const results = wanted.map(
    (request): Found => found.get(imageKey(request)) ?? { problem: { request, why: 'unknown' } },
  );
  const problems = results.flatMap((result) => ('problem' in result ? [result.problem] : []));
  if (problems.length > 0) throw imageErrors(source, problems, known);
  return results.flatMap((result) => ('image' in result ? [result.image] : []));
}

type BatchAnswer =
  | { readonly known: readonly string[]; readonly found: readonly Found[] }
  | { readonly error: EvaluationFailure };

async function evaluateBatch(
  settings: NixSettings,
  source: Source,
  batch: readonly ImageRequest[],
  caught: boolean,
  signal: AbortSignal | undefined,
): Promise<BatchAnswer> {
  const places = batch.map(({ kind, type }) => ({ type, attribute: settings.images[kind].attribute }));
  const expression = imagesExpression(source, places, caught);
  const what = batch.map(imageTitle).join(', ');
  const outcome = await evaluate(settings, source, { expression, what }, signal);
  if (!outcome.ok) return { error: outcome.error };
  const { known, images } = Batch.parse(outcome.json);
  return { known, found: batch.map((request, index) => readEntry(settings, request, images[index])) };
}

function readEntry(settings: NixSettings, request: ImageRequest, json: unknown): Found {
  const parsed = Entry.safeParse(json);
  // `drvPath` and `outPath` are what the flake says they are.
  if (!parsed.success) return { problem: { request, why: 'no-derivation' } };
  const entry = parsed.data;
  const { kind, type } = request;
  const attr = ['nixosConfigurations', type, ...settings.images[kind].attribute].join('.');
  if ('error' in entry) {
    if (entry.error === 'lacks') return { problem: { request, why: 'lacks', attr, attribute: entry.attribute } };
    return { problem: { request, why: entry.error } };
  }
  const { drv, out, file } = entry;
  return { image: { kind, type, attr, drvPath: drv, storePath: out, ...(file === null ? {} : { file }) } };
}

function isThrow(found: Found | undefined): boolean {
  return found !== undefined && 'problem' in found && found.problem.why === 'throws';
}

/** Both kinds of a type in one process share most of its evaluation. */
function besideEachOther(requests: readonly ImageRequest[]): readonly ImageRequest[] {
  const byType = new Map<string, ImageRequest[]>();
  for (const request of requests) byType.set(request.type, [...(byType.get(request.type) ?? []), request]);
  return [...byType.values()].flat();
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** Runs `work` over the items, `workers` at a time; the first failure stops what has not begun. */
async function eachOf<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  let failed = false;
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined && !failed; item = waiting.shift()) {
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** How much of Nix's messages is kept: an evaluation may print without end (`builtins.trace`), and errors come last. */
const saidLimits = { count: 200, bytes: 2 * 1024 * 1024 };

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
        if (event?.kind === 'text' || event?.kind === 'message') said.add(event, line.length);
      },
    });
    return { result, said: said.items(), refused: sandbox.refused() };
  });
}
