import { z } from 'zod';
import type { Image, ImageRequest } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { imageKey, imageTitle } from '../images.ts';
import { evaluate } from './evaluate.ts';
import type { EvaluationFailure } from './evaluation-errors.ts';
import { type ImageProblem, imageErrors } from './evaluation-errors.ts';
import { imagesExpression } from './expression.ts';
import { drvPathPattern, namePattern, storePathPattern } from './names.ts';
import type { NixSettings } from './settings.ts';

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
