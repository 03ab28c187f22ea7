import type { WarningSink } from '../builder/builder.ts';
import { backupStorages } from '../core/backup.ts';
import { type Commit, shortSha } from '../core/commit.ts';
import { stayingPaths } from '../core/declared.ts';
import { fleetBackupOf, parseDesired } from '../core/desired.ts';
import { errorFacts, toFailure, UserError } from '../core/errors.ts';
import { type Goal, onlyGuest, ownerOf, withKnown } from '../core/goal.ts';
import { type GuestSpec, type ImageRequest, imageHash } from '../core/guest.ts';
import { factsOf, type GuestFacts, withWanted } from '../core/guest-facts.ts';
import type { KnownImage } from '../core/image-facts.ts';
import type { LiveState } from '../core/live.ts';
import { didYouMean } from '../core/nearest.ts';
import { createPlan, type Plan, runnable } from '../core/plan.ts';
import { planDifferences } from '../core/plan-differences.ts';
import { isOffBranch, needsBranch } from '../core/policy.ts';
import type { RetainedDisk } from '../core/retained-disks.ts';
import { isPreview, type PlannedRun, planOf, type QueuedRun, type Run, type RunEvent } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Signals } from './queues.ts';
import { reviewOf } from './review.ts';
import type { Runs } from './runs.ts';

/** What planning needs. */
export interface PlanPorts {
  readonly runs: Runs;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when a newer commit replaces the one that is being evaluated. */
  readonly signals: Signals;
}

/** How many times the bot may stop while it plans one commit. */
const mostAttempts = 2;

/**
 * Plans a run: it leaves the phase `planning` with the result. Evaluates only: nothing is built or changed. Never
 * throws: an error ends the run as failed.
 */
export async function planRun(fleet: Fleet, runId: string, ports: PlanPorts): Promise<void> {
  const { runs, clock, log } = ports;
  for (;;) {
    const run = runs.get(runId);
    if (run?.phase !== 'planning') return;
    const sha = run.commit?.sha;
    const signal = ports.signals.renew(runId);
    try {
      if ((run.attempts ?? 0) >= mostAttempts) throw endedTheBot();
      await runs.apply(runId, { type: 'planning-begun' });
      const { goal, images } = await evaluate(fleet, runId, ports, signal);
      const plan = await compare(fleet, goal, runId, ports);
      const mayBeApplied = !isPreview(run) && !isOffBranch(run, goal, fleet.policy);
      const review = await reviewOf(fleet, plan, { images, mayBeApplied }, ports);
      await runs.apply(runId, { type: 'reviewed', review });
      if (await (isPreview(run) ? show(fleet, runId, plan, ports) : settle(fleet, runId, plan, ports))) return;
    } catch (error) {
      const event = { type: 'failed', failure: toFailure(error), at: clock.now() } as const;
      if (!(await runs.fail(runId, event, (now) => isOvertaken(now, sha)))) continue;
      log.warn({ run: runId, fleet: fleet.name, ...errorFacts(error) }, 'no plan could be made');
      return;
    }
  }
}

/**
 * Plans a run again from its goal against the cluster's current state.
 * @returns `undefined` when the plan is the same, else the event that puts the new plan on the card
 */
export async function planAgain(
  fleet: Fleet,
  run: PlannedRun | QueuedRun,
  clock: Clock,
): Promise<Extract<RunEvent, { type: 'planned' | 'in-sync' | 'blocked' }> | undefined> {
  const live = await readFor(fleet, run.plan.goal);
  const plan = createPlan(run.plan.goal, live, run.plan);
  if (plan.digest === run.plan.digest) return undefined;
  return outcomeOf(fleet, plan, clock, planDifferences(run.plan, plan));
}

/**
 * Plans an open run of the head again, as a new run of the same commit would: with what the store knows of the guests now.
 * @returns `undefined` when the plan is the same, else the event that puts the new plan on the card
 */
export async function planAnew(
  fleet: Fleet,
  run: PlannedRun,
  { clock, store }: Pick<PlanPorts, 'clock' | 'store'>,
): Promise<Extract<RunEvent, { type: 'planned' | 'in-sync' | 'blocked' }> | undefined> {
  const wanted = goalOf(fleet, run.plan.goal);
  const live = await readFor(fleet, wanted);
  const plan = createPlan(withKnown(wanted, live, store.fleet(fleet.name)), live, run.plan);
  return plan.digest === run.plan.digest ? undefined : outcomeOf(fleet, plan, clock, planDifferences(run.plan, plan));
}

function endedTheBot(): UserError {
  return new UserError(
    `The bot stopped ${mostAttempts} times while it planned this commit, so it is not tried again.`,
    {
      next: 'Look into the log of the machine for what ended it (memory, most often). Then press Plan again, or push a commit that needs less.',
    },
  );
}

async function evaluate(fleet: Fleet, runId: string, ports: PlanPorts, signal: AbortSignal): Promise<EvaluatedGoal> {
  const { runs } = ports;
  const { commit, trigger } = runs.get(runId) ?? {};
  if (commit === undefined) throw new Error(`run ${runId} has no commit to plan`);
  const note = (activity: 'fetching' | 'evaluating' | 'images') => runs.note(runId, { type: 'progressed', activity });
  const warnings = new Set<string>();
  const warn = (text: string) => void warnings.add(text);
  const { goal, images } = await evaluateGoal(fleet, commit, { pin: runId, note, signal, warn });
  for (const text of leftTheFlake(goal, ports.store.fleet(fleet.name).guests)) warn(text);
  if (warnings.size > 0) await runs.apply(runId, { type: 'evaluated', warnings: [...warnings] });
  if (trigger?.kind === 'adopt') return { goal: adopting(goal, trigger.guest), images };
  if (trigger?.kind !== 'rollback') return { goal, images };
  return { goal: rollingBack(goal, trigger.vmid, ports.store.fleet(fleet.name).retainedDisks), images };
}

/** Says once what the flake named of a guest before and does not name any more: it is left as it is. */
function leftTheFlake({ guests }: Goal, facts: readonly GuestFacts[] | undefined): readonly string[] {
  return guests.flatMap((guest) => {
    const left = stayingPaths(guest, factsOf(facts, guest.vmid).declared ?? []);
    if (left.length === 0) return [];
    return [
      `${guest.name}: ${left.join(', ')} left the flake and ${left.length === 1 ? 'stays as it is' : 'stay as they are'}`,
    ];
  });
}

/** The goal of a rollback. It holds the retained disks, so that planning again does not need the store. */
function rollingBack(goal: Goal, vmid: number | undefined, retained: readonly RetainedDisk[] = []): Goal {
  if (vmid === undefined) return { ...goal, rollback: { retained } };
  if (goal.guests.some((one) => one.vmid === vmid)) return { ...goal, rollback: { vmid, retained } };
  throw new UserError(`Commit ${shortSha(goal.commit.sha)}, which was applied last, wants no guest ${vmid}.`, {
    next: 'Roll back to a commit that wants it.',
  });
}

/** The goal of adopting a guest that the flake declares. */
function adopting(goal: Goal, name: string): Goal {
  return { ...goal, adopt: declaredGuest(goal.guests, name).vmid };
}

/**
 * The guests of a commit that was evaluated before: from a plan of it, else evaluated alone, which is cheap then.
 * `undefined` for another commit, whose evaluation may take minutes.
 */
export async function declaredGuests(
  fleet: Fleet,
  commit: Commit,
  runs: readonly Run[],
): Promise<readonly GuestSpec[] | undefined> {
  const ofCommit = runs.filter((run) => run.fleet === fleet.name && run.commit?.sha === commit.sha);
  const known = ofCommit.map(planOf).findLast((plan) => plan !== undefined);
  if (known !== undefined) return known.goal.guests;
  if (!ofCommit.some(({ phase }) => phase === 'in-sync')) return undefined;
  const source = await fleet.git.pin(commit.sha, 'declared');
  try {
    await fleet.builder.fetchInputs(source);
    return parseDesired(await fleet.builder.evaluateFleet(source));
  } finally {
    await fleet.git.unpin('declared');
  }
}

/** The guest that a person names by its name, key or VMID. @throws UserError when the flake declares none */
export function declaredGuest(guests: readonly GuestSpec[], name: string): GuestSpec {
  const guest = guests.find((one) => [one.name, one.key, String(one.vmid)].includes(name));
  if (guest !== undefined) return guest;
  const names = guests.map((one) => one.name);
  // The name comes from a person and is shown to everybody in the channel, so it is cut.
  throw new UserError(`The flake declares no guest "${name.slice(0, 80)}"${didYouMean(name, names) || '.'}`, {
    next: 'Declare it in the flake with its VMID first: only what the flake declares is taken over.',
  });
}

/** The goal of a commit, and beside it what is known of the inside of its images. */
interface EvaluatedGoal {
  readonly goal: Goal;
  readonly images: readonly KnownImage[];
}

/** The guests that a commit declares. Evaluates only. `pin` is the name under which the commit is pinned. */
export async function evaluateGoal(
  fleet: Fleet,
  commit: Commit,
  options: {
    readonly pin: string;
    readonly note?: (activity: 'fetching' | 'evaluating' | 'images') => void;
    readonly signal?: AbortSignal;
    readonly warn?: WarningSink;
  },
): Promise<EvaluatedGoal> {
  const { pin, note, signal, warn } = options;
  note?.('fetching');
  const source = await fleet.git.pin(commit.sha, pin);
  await fleet.builder.fetchInputs(source, signal);
  note?.('evaluating');
  const output = await fleet.builder.evaluateFleet(source, signal, warn);
  const specs = parseDesired(output);
  note?.('images');
  const wanted = imagesOf(specs);
  const evaluated = wanted.length === 0 ? [] : await fleet.builder.evaluateImages(source, wanted, signal, warn);
  const guests = specs.map((spec) => {
    const found = evaluated.find(({ image: { kind, type } }) => kind === spec.kind && type === spec.imageType);
    const image = found?.image;
    if (image === undefined) {
      throw new UserError(`The image ${spec.imageType} of ${spec.key} was not evaluated.`, { next: 'Plan again.' });
    }
    return { ...spec, image };
  });
  const images = evaluated.flatMap(({ image, facts }) =>
    facts === undefined ? [] : [{ imageHash: imageHash(image), drvPath: image.drvPath, facts }],
  );
  return { goal: goalOf(fleet, { commit, guests, ...backupOf(output) }), images };
}

/** Each image once, however many guests run it. */
function imagesOf(specs: readonly GuestSpec[]): readonly ImageRequest[] {
  const requests = specs.map(({ kind, imageType }) => [`${kind} ${imageType}`, { kind, type: imageType }] as const);
  return [...new Map(requests).values()];
}

/** The goal of a whole fleet: these guests, as a commit declares them. */
export function goalOf(fleet: Fleet, { commit, guests, backup }: Pick<Goal, 'commit' | 'guests' | 'backup'>): Goal {
  return { ...ownerOf(fleet), commit, guests, ...(backup === undefined ? {} : { backup }) };
}

function backupOf(output: unknown): Pick<Goal, 'backup'> {
  const backup = fleetBackupOf(output);
  return backup === undefined ? {} : { backup };
}

async function compare(fleet: Fleet, goal: Goal, runId: string, ports: PlanPorts): Promise<Plan> {
  ports.runs.note(runId, { type: 'progressed', activity: 'comparing' });
  const live = await readFor(fleet, goal);
  return createPlan(withKnown(goal, live, ports.store.fleet(fleet.name)), live);
}

/** Ends the planning of a preview, which changes nothing else. @returns false when another commit replaced the planned one */
async function show(fleet: Fleet, runId: string, plan: Plan, { runs, clock }: PlanPorts): Promise<boolean> {
  const event = { type: 'previewed', plan, expiresAt: clock.now() + fleet.planExpiryMs } as const;
  const shown = await runs.decide(runId, (run) =>
    run.phase !== 'planning' || isOvertaken(run, plan.goal.commit.sha) ? { refused: 'overtaken' } : { event },
  );
  return !('refused' in shown);
}

/**
 * Ends the planning of a run, and supersedes the fleet's older open plans where the new plan replaces them.
 * @returns false when a newer commit replaced the planned one
 */
async function settle(fleet: Fleet, runId: string, plan: Plan, ports: PlanPorts): Promise<boolean> {
  const { runs, clock } = ports;
  const offBranch = runs.get(runId)?.offBranch === true;
  const older = runs
    .open(fleet.name)
    .filter((run): run is PlannedRun => run.phase === 'planned' && run.id !== runId && takesPlaceOf(plan, run.plan));
  // A plan that cannot be approved (its commit is not on the branch) neither replaces a plan that can, nor counts as
  // the same.
  const isBarred = (run: PlannedRun) => isOffBranch(run, run.plan.goal, fleet.policy);
  const barred = offBranch && needsBranch(plan.goal, fleet.policy);
  const open = older.filter((run) => !barred || isBarred(run));
  const stands = older.find(
    (run) => (barred || !isBarred(run)) && run.plan.changesDigest === plan.changesDigest && run.expiresAt > clock.now(),
  );
  const event =
    stands === undefined
      ? outcomeOf(fleet, plan, clock)
      : ({ type: 'in-sync', at: clock.now(), standing: stands.id } as const);
  // Checked in the run's own turn, because a newer commit may be about to be saved.
  const settled = await runs.decide(runId, (run) =>
    isOvertaken(run, plan.goal.commit.sha) ? { refused: 'overtaken' as const } : { event },
  );
  if ('refused' in settled) return false;
  // The cluster matches this commit: from now on drift is measured against it.
  const whole = onlyGuest(plan.goal) === undefined;
  if (stands === undefined && event.type === 'in-sync' && whole && !offBranch) {
    const guests = withWanted(ports.store.fleet(fleet.name).guests, plan.goal.guests);
    await ports.store.saveFleet(fleet.name, { applied: plan.goal.commit.sha, guests });
  }
  for (const { id } of open) {
    if (id === stands?.id) continue;
    // A person may have decided the older run meanwhile; then it is not superseded.
    await runs.decide(id, (run) =>
      run.phase === 'planned'
        ? { event: { type: 'superseded', byRun: runId, at: clock.now() } }
        : { refused: 'decided' as const },
    );
  }
  return true;
}

/**
 * A plan of the whole fleet supersedes every older one; a plan for a single guest supersedes only plans for the same
 * guest.
 */
function takesPlaceOf({ goal }: Plan, older: Plan): boolean {
  const vmid = onlyGuest(goal);
  return vmid === undefined || vmid === onlyGuest(older.goal);
}

/** The event that gives a plan to a run, whether the run has an older plan or none. */
export function outcomeOf(
  fleet: Fleet,
  plan: Plan,
  clock: Clock,
  clusterChanges?: readonly string[],
): Extract<RunEvent, { type: 'planned' | 'in-sync' | 'blocked' }> {
  const at = clock.now();
  if (plan.changes.length === 0) return { type: 'in-sync', at };
  if (runnable(plan).length === 0) return { type: 'blocked', plan, at };
  return {
    ...{ type: 'planned', plan, at, expiresAt: at + fleet.planExpiryMs, needed: fleet.policy.approvals },
    ...(clusterChanges === undefined
      ? {}
      : {
          clusterChanges: clusterChanges.length === 0 ? ['something that the plan rests on changed'] : clusterChanges,
        }),
  };
}

function isOvertaken(run: Run, sha: string | undefined): boolean {
  return run.phase === 'planning' && run.commit?.sha !== sha;
}

/** The state of the cluster with everything that a plan for the goal needs. */
export function readFor({ cluster }: Fleet, goal: Goal): Promise<LiveState> {
  const backups = backupStorages(goal);
  return cluster.readState(vmidsOf(goal), { unused: true, ...(backups.length === 0 ? {} : { backups }) });
}

/** The VMIDs of a goal's guests: a plan needs their configuration. */
export function vmidsOf(goal: Goal): ReadonlySet<number> {
  return new Set(goal.guests.map((guest) => guest.vmid));
}
