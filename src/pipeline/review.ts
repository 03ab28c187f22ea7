import { costOf } from '../core/cost.ts';
import { errorFacts } from '../core/errors.ts';
import { changedInputs } from '../core/flake-lock.ts';
import { onlyGuest } from '../core/goal.ts';
import type { KnownImage } from '../core/image-facts.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { type GuestDeed, type Review, unreadFiles } from '../core/review.ts';
import { rolledBackGuests } from '../core/rolled-back.ts';
import { type ImagePorts, rememberImages, reviewImages } from './image-review.ts';
import { within } from './patience.ts';
import type { Clock, Fleet, Log } from './ports.ts';

/** What a review is made from. */
export interface ReviewPorts extends ImagePorts {
  readonly clock: Clock;
  readonly log: Log;
}

/** What is known of the inside of the images of a plan's goal, and whether the plan may ever be applied. */
interface EvaluatedImages {
  readonly images: readonly KnownImage[];
  readonly mayBeApplied: boolean;
}

/** What the card of a plan says beside it. What cannot be told is left out and logged: it never ends a plan. */
export async function reviewOf(
  fleet: Fleet,
  plan: Plan,
  { images: evaluated, mayBeApplied }: EvaluatedImages,
  ports: ReviewPorts,
): Promise<Review> {
  const [why, images, addresses] = await Promise.all([
    known(fleet, ports, 'commits', () => whyOf(fleet, plan, ports)),
    known(fleet, ports, 'images', async () => {
      // A request could tell anything of an image that guests run, so that a later plan compares with a lie.
      if (mayBeApplied) await rememberImages(fleet, plan, evaluated, ports);
      return reviewImages(fleet, plan, evaluated, ports);
    }),
    addressesOf(fleet, plan, ports.clock),
  ]);
  return { ...why, ...images, ...undoesOf(fleet, plan, ports), ...addresses, ...costIn(fleet, plan, ports) };
}

/** A part of a review, or nothing where it cannot be told. */
async function known<T extends object>(
  { name }: Fleet,
  { log }: Pick<ReviewPorts, 'log'>,
  what: string,
  ask: () => Promise<T>,
): Promise<T | Record<string, never>> {
  try {
    return await ask();
  } catch (error) {
    log.warn({ fleet: name, what, ...errorFacts(error) }, 'a part of a review could not be told');
    return {};
  }
}

/** Where the guests can be reached that the plan destroys. Of one that does not tell in time it is not known. */
async function addressesOf({ cluster }: Fleet, plan: Plan, clock: Clock): Promise<Pick<Review, 'addresses'>> {
  const gone = runnable(plan).flatMap((change) => (change.action === 'destroy' ? [change.live] : []));
  const asked = gone
    .filter(({ status }) => status === 'running')
    .slice(0, mostAsked)
    .map(async ({ kind, vmid, node }): Promise<readonly [string, string][]> => {
      const found = await within(patienceMs, cluster.address({ guestKind: kind, vmid, node }), clock);
      return found === undefined ? [] : [[String(vmid), found]];
    });
  const addresses = Object.fromEntries((await Promise.all(asked)).flat());
  return Object.keys(addresses).length === 0 ? {} : { addresses };
}

/** The agent of a guest that hangs does not hold up a plan. */
const patienceMs = 3000;

/** The rollbacks that a plan of the whole fleet takes back. */
function undoesOf({ name }: Fleet, plan: Plan, { store }: Pick<ReviewPorts, 'store'>): Pick<Review, 'undoes'> {
  const runs = store.runs().flatMap(({ run }) => (run.fleet === name ? [run] : []));
  const replaced = runnable(plan).flatMap((change) => (change.action === 'replace' ? [change.live] : []));
  const undoes = onlyGuest(plan.goal) === undefined ? rolledBackGuests(runs, replaced) : [];
  return undoes.length === 0 ? {} : { undoes };
}

/** What the plan costs, where the runs of the fleet tell anything of it. */
function costIn({ name }: Fleet, plan: Plan, { store }: Pick<ReviewPorts, 'store'>): Pick<Review, 'cost'> {
  const runs = store.runs().flatMap(({ run }) => (run.fleet === name ? [run] : []));
  const cost = costOf(plan, runs);
  return Object.keys(cost).length === 0 ? {} : { cost };
}

/** What the card of a drift says beside its plan: who changed the guests, where the cluster tells it, and what it costs. */
export async function driftReviewOf(
  fleet: Fleet,
  plan: Plan,
  since: number,
  ports: Omit<ReviewPorts, 'runs'>,
): Promise<Review> {
  const guests = plan.changes.slice(0, mostAsked).flatMap((change) => ('live' in change ? [change] : []));
  const asked = guests.map(async ({ live: { kind, vmid, node, name }, ...change }): Promise<readonly GuestDeed[]> => {
    const tasks = await fleet.cluster.tasksOf({ guestKind: kind, vmid, node }, since);
    const isPower = 'fields' in change && change.fields.some(({ field }) => field === 'power');
    return tasks
      .filter(({ power }) => isPower || power !== true)
      .map(({ did, who, at }) => ({ vmid, name, did, who, at }));
  });
  const answers = await Promise.allSettled(asked);
  for (const answer of answers) {
    if (answer.status === 'rejected') {
      ports.log.warn({ fleet: fleet.name, ...errorFacts(answer.reason) }, 'a part of a review could not be told');
    }
  }
  const deeds = answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    .sort((a, b) => b.at - a.at)
    .slice(0, mostDeeds);
  return {
    ...(deeds.length === 0 && answers.some(({ status }) => status === 'rejected') ? {} : { deeds }),
    ...(await known(fleet, ports, 'images', () => reviewImages(fleet, plan, [], ports))),
    ...(await addressesOf(fleet, plan, ports.clock)),
    ...costIn(fleet, plan, ports),
  };
}

/** Of more guests than these it is told without asking for each. */
const mostAsked = 10;
const mostDeeds = 5;

/** Why it changes: what was committed since the last apply. Of a plan for a single guest the commit is not the reason. */
async function whyOf(fleet: Fleet, plan: Plan, { store }: ReviewPorts): Promise<Review> {
  const { goal } = plan;
  const { applied } = store.fleet(fleet.name);
  if (applied === undefined || applied === goal.commit.sha || onlyGuest(goal) !== undefined) return {};
  const { newest, all, files, locks } = await fleet.git.compare(applied, goal.commit.sha);
  const inputs = changedInputs(locks.before, locks.after);
  const unread = unreadFiles(plan, files);
  return {
    commits: { newest, all },
    ...(inputs.length === 0 ? {} : { inputs }),
    ...(unread.length === 0 ? {} : { unreadFiles: unread }),
  };
}
