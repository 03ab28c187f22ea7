import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { StoreData } from './data.ts';

const phases = [
  'planning',
  'in-sync',
  'blocked',
  'planned',
  'queued',
  'applying',
  'applied',
  'failed',
  'cancelled',
  'interrupted',
  'rejected',
  'superseded',
  'expired',
] as const;

/** What is deleted one day is told exactly. */
const Kept = z.looseObject({ vmid: z.int(), uuid: z.string(), volid: z.string(), since: z.number() });

/** The frame of what a store holds; a run's own fields are as `core/run.ts` wrote them. */
const Stored = z.object({
  version: z.literal(1),
  runs: z.array(
    z.object({
      run: z.looseObject({
        id: z.string().regex(/^r-\d+$/),
        fleet: z.string(),
        branch: z.string(),
        phase: z.enum(phases),
        startedAt: z.number(),
      }),
      messages: z.record(z.string(), z.string()),
    }),
  ),
  fleets: z.record(
    z.string(),
    z.looseObject({ lastSeen: z.string().optional(), applied: z.string().optional(), kept: z.array(Kept).optional() }),
  ),
});

const Newer = z.object({ version: z.int().min(2) });

/** A store that makes no sense: to be set aside, never overwritten. */
export class DamagedStore extends UserError {}

/** Reads the text of a store. Throws `DamagedStore`, or a `UserError` when a newer proxnix has written it. */
export function parseStore(text: string, file: string): StoreData {
  const problem = (why: string) =>
    new DamagedStore(`The store ${file} cannot be read: ${why}.`, {
      next: 'It was set aside. The cluster and the flake are the truth: the bot can start without it.',
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw problem('it is no JSON');
  }
  const newer = Newer.safeParse(json);
  if (newer.success) {
    throw new UserError(`The store ${file} was written by a newer proxnix (version ${newer.data.version}).`, {
      next: 'Update this proxnix, or give it another STATE_DIR.',
    });
  }
  const stored = Stored.safeParse(json);
  if (!stored.success) throw problem(z.prettifyError(stored.error).split('\n')[0] ?? 'it has another shape');
  // The frame is checked; what is inside a run was written by this program from its own types.
  return json as StoreData;
}
