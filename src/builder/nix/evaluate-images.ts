import { z } from 'zod';
import type { Image } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { evaluate } from './evaluate.ts';
import type { EvaluationFailure } from './evaluation-failure.ts';
import { imagesExpression } from './expression.ts';
import { type ImageProblem, imageErrors } from './image-errors.ts';
import { drvPathPattern, namePattern, storePathPattern } from './names.ts';
import type { NixSettings } from './settings.ts';

const Entry = z.union([
  z.object({ error: z.literal('unknown') }),
  z.object({ error: z.literal('throws') }),
  z.object({ error: z.literal('lacks'), attribute: z.string() }),
  z.object({
    drv: z.string().regex(drvPathPattern),
    out: z.string().regex(storePathPattern),
    file: z.string().nullable(),
  }),
]);
const Batch = z.object({ known: z.array(z.string()), images: z.array(z.unknown()) });

type Found = { readonly image: Image } | { readonly problem: ImageProblem };

/**
 * The images of distinct types, in the order asked: batches in bounded processes, then one call for each image that
 * failed, which gives it its own message.
 */
export async function evaluateImages(
  settings: NixSettings,
  source: Source,
  types: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Image[]> {
  if (types.length === 0) return [];
  let known: readonly string[] | undefined;
  const askable = types.filter((type) => namePattern.test(type));
  // An empty batch still tells which types there are.
  const batches = askable.length === 0 ? [[]] : chunks(askable, settings.batchSize);
  const found = new Map<string, Found>();
  const ask = async (batch: readonly string[], caught: boolean) => {
    const answer = await evaluateBatch(settings, source, batch, caught, signal);
    if ('error' in answer) return answer.error;
    known = answer.known;
    for (const [type, entry] of answer.found) found.set(type, entry);
    return undefined;
  };
  await eachOf(batches, settings.workers, async (batch) => {
    const failed = (await ask(batch, true)) !== undefined;
    const again = batch.filter((type) => failed || isThrow(found.get(type)));
    for (const type of again) {
      const error = await ask([type], false);
      if (error !== undefined) found.set(type, { problem: { type, kind: 'fails', error } });
    }
  });
  const results = types.map((type): Found => found.get(type) ?? { problem: { type, kind: 'unknown' } });
  const problems = results.flatMap((result) => ('problem' in result ? [result.problem] : []));
  if (problems.length > 0) throw imageErrors(source, problems, known);
  return results.flatMap((result) => ('image' in result ? [result.image] : []));
}

type BatchAnswer =
  | { readonly known: readonly string[]; readonly found: readonly (readonly [string, Found])[] }
  | { readonly error: EvaluationFailure };

async function evaluateBatch(
  settings: NixSettings,
  source: Source,
  types: readonly string[],
  caught: boolean,
  signal: AbortSignal | undefined,
): Promise<BatchAnswer> {
  const expression = imagesExpression(source, settings.attribute, types, caught);
  const outcome = await evaluate(settings, expression, types.join(', '), signal);
  if (!outcome.ok) return { error: outcome.error };
  const { known, images } = Batch.parse(outcome.json);
  return { known, found: types.map((type, index) => [type, readEntry(settings, type, images[index])]) };
}

function readEntry(settings: NixSettings, type: string, json: unknown): Found {
  const parsed = Entry.safeParse(json);
  // `drvPath` and `outPath` are what the flake says they are.
  if (!parsed.success) return { problem: { type, kind: 'no-derivation' } };
  const entry = parsed.data;
  const attr = ['nixosConfigurations', type, ...settings.attribute].join('.');
  if ('error' in entry) {
    if (entry.error === 'lacks') return { problem: { type, kind: 'lacks', attr, attribute: entry.attribute } };
    return { problem: { type, kind: entry.error } };
  }
  const { drv, out, file } = entry;
  return { image: { kind: 'vm', type, attr, drvPath: drv, storePath: out, ...(file === null ? {} : { file }) } };
}

function isThrow(found: Found | undefined): boolean {
  return found !== undefined && 'problem' in found && found.problem.kind === 'throws';
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
