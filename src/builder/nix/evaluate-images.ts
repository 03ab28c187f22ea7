import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { ImageRequest } from '../../core/guest.ts';
import { imageKey, imageTitle } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { oneLine } from '../../lib/text.ts';
import type { EvaluatedImage } from '../builder.ts';
import { type EvaluationOptions, evaluate } from './evaluate.ts';
import { flakeError, type ImageProblem, imageErrors } from './evaluation-errors.ts';
import type { EvaluationFailure } from './evaluation-failure.ts';
import { imagesExpression } from './expression.ts';
import { readFacts } from './facts.ts';
import type { NixSettings } from './settings.ts';
import { namePattern } from './settings.ts';
import { drvPathPattern, storePathPattern } from './store.ts';

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
    firmware: z.enum(['uefi', 'bios']).nullish(),
    facts: z.unknown().optional(),
  }),
]);
const Batch = z.object({ known: z.array(z.string()), images: z.array(z.unknown()) });

type Found = EvaluatedImage | { readonly problem: ImageProblem };

/**
 * Distinct images with their facts, in the order asked, in a process for each batch. An image that fails is named by the
 * trace of its error: it is reported, and the rest of its batch goes on without it. So a batch takes one evaluation, and one
 * more for each image that fails.
 *
 * Facts never make an image fail: what fails because of them, or without naming an image, is evaluated again without them.
 * A warning says of which images they are not known.
 */
export async function evaluateImages(
  settings: NixSettings,
  source: Source,
  wanted: readonly ImageRequest[],
  options: EvaluationOptions = {},
): Promise<readonly EvaluatedImage[]> {
  if (wanted.length === 0) return [];
  let known: readonly string[] | undefined;
  const found = new Map<string, Found>();
  const fails = (request: ImageRequest, error: EvaluationFailure) =>
    found.set(imageKey(request), { problem: { request, why: 'fails', error } });
  /** Images that are evaluated without their facts, by `imageKey`, with the reason. */
  const bare = new Map<string, string>();
  const ask = async (batch: readonly ImageRequest[], caught: boolean): Promise<EvaluationFailure | undefined> => {
    const withFacts = batch.filter((request) => !bare.has(imageKey(request)));
    const again = (without: readonly ImageRequest[], why: string) => {
      for (const request of without) bare.set(imageKey(request), why);
      return ask(batch, caught);
    };
    let answer: BatchAnswer;
    try {
      answer = await evaluateBatch(settings, source, batch, { caught, bare }, options);
    } catch (error) {
      const isOurs = !(error instanceof UserError) || options.signal?.aborted === true;
      if (isOurs || withFacts.length === 0) throw error;
      return again(withFacts, error.message);
    }
    if ('error' in answer) {
      const without = brokenFacts(batch, withFacts, answer.error);
      return without.length === 0 ? answer.error : again(without, answer.error.text);
    }
    known = answer.known;
    for (const [index, request] of batch.entries()) {
      const entry = answer.found[index];
      if (entry !== undefined) found.set(imageKey(request), entry);
    }
    return undefined;
  };
  const tell = async (request: ImageRequest) => {
    const error = await ask([request], false);
    if (error !== undefined) fails(request, error);
  };
  const work = async (batch: readonly ImageRequest[]): Promise<void> => {
    const error = await ask(batch, true);
    if (error === undefined) {
      // What was caught tells its message only when it is not.
      for (const request of batch) if (isThrow(found.get(imageKey(request)))) await tell(request);
      return;
    }
    const broken = batch.find((request) => imageTitle(request) === error.image);
    if (broken !== undefined) {
      fails(broken, error);
      const rest = batch.filter((request) => request !== broken);
      if (rest.length > 0) await work(rest);
    } else if (error.traced === true) {
      throw flakeError(source, error);
    } else if (batch.length === 1) {
      for (const request of batch) fails(request, error);
    } else if (error.outOfMemory === true) {
      const half = Math.ceil(batch.length / 2);
      await work(batch.slice(0, half));
      await work(batch.slice(half));
    } else {
      for (const request of batch) await tell(request);
    }
  };
  const askable = wanted.filter(({ type }) => namePattern.test(type));
  // An empty batch still tells which types there are.
  await eachOf(askable.length === 0 ? [[]] : batchesOf(askable, settings), settings.workers, work);
  const results = wanted.map(
    (request): Found => found.get(imageKey(request)) ?? { problem: { request, why: 'unknown' } },
  );
  const problems = results.flatMap((result) => ('problem' in result ? [result.problem] : []));
  if (problems.length > 0) throw imageErrors(problems, known);
  for (const request of wanted) {
    const why = bare.get(imageKey(request));
    if (why !== undefined) options.warn?.(`What is inside of ${imageTitle(request)} is not known: ${oneLine(why)}`);
  }
  return results.flatMap((result) => ('image' in result ? [result] : []));
}

/** The images to evaluate without facts after an error: none where it is an image's own, or smaller batches tell more. */
function brokenFacts(
  batch: readonly ImageRequest[],
  withFacts: readonly ImageRequest[],
  error: EvaluationFailure,
): readonly ImageRequest[] {
  const named = withFacts.filter((request) => imageTitle(request) === error.facts);
  if (named.length > 0) return named;
  if (batch.some((request) => imageTitle(request) === error.image)) return [];
  return error.traced === true || batch.length === 1 ? withFacts : [];
}

type BatchAnswer =
  | { readonly known: readonly string[]; readonly found: readonly Found[] }
  | { readonly error: EvaluationFailure };

async function evaluateBatch(
  settings: NixSettings,
  source: Source,
  batch: readonly ImageRequest[],
  { caught, bare }: { readonly caught: boolean; readonly bare: ReadonlyMap<string, string> },
  options: EvaluationOptions,
): Promise<BatchAnswer> {
  const places = batch.map((request) => ({
    title: imageTitle(request),
    type: request.type,
    attribute: settings.images[request.kind].attribute,
    facts: !bare.has(imageKey(request)),
  }));
  const expression = imagesExpression(source, places, caught);
  const what = batch.map(imageTitle).join(', ');
  const outcome = await evaluate(settings, source, { expression, what }, options);
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
  const { drv, out } = entry;
  const file = settings.images[kind].file ?? entry.file;
  const firmware = kind === 'vm' ? firmwareOf(settings.images[kind].attribute, entry.firmware) : undefined;
  return {
    image: {
      ...{ kind, type, attr, drvPath: drv, storePath: out },
      ...(file === null ? {} : { file }),
      ...(firmware === undefined ? {} : { firmware }),
    },
    ...(entry.facts === undefined ? {} : { facts: readFacts(entry.facts) }),
  };
}

/**
 * The firmware that an image boots by. Those of `config.system.build.images` are made of a configuration of their own,
 * whose name tells it (`qemu-efi`, `raw-efi`: nixos/modules/image/images.nix of nixpkgs 25.05).
 */
function firmwareOf(
  attribute: readonly string[],
  told: 'uefi' | 'bios' | null | undefined,
): EvaluatedImage['image']['firmware'] {
  if (attribute.at(-2) !== 'images') return told ?? undefined;
  return attribute.at(-1)?.endsWith('-efi') === true ? 'uefi' : undefined;
}

function isThrow(found: Found | undefined): boolean {
  return found !== undefined && 'problem' in found && found.problem.why === 'throws';
}

/**
 * Batches for all workers: images of different types share almost nothing in one process, so fewer in each cost no more
 * work and less memory. Both kinds of a type share most of their evaluation, and stay together.
 */
function batchesOf(
  requests: readonly ImageRequest[],
  { batchSize, workers }: NixSettings,
): readonly (readonly ImageRequest[])[] {
  const byType = new Map<string, ImageRequest[]>();
  for (const request of requests) byType.set(request.type, [...(byType.get(request.type) ?? []), request]);
  const size = Math.min(batchSize, Math.ceil(requests.length / workers));
  const batches: ImageRequest[][] = [];
  for (const group of [...byType.values()].flatMap((both) =>
    both.length > batchSize ? both.map((one) => [one]) : [both],
  )) {
    const last = batches.at(-1);
    if (last === undefined || last.length + group.length > size) batches.push([...group]);
    else last.push(...group);
  }
  return batches;
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
