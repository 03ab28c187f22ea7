import { BuildError } from '../builder/builder.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { hasEnded } from '../core/advance.ts';
import { errorFacts, toFailure } from '../core/errors.ts';
import { onlyGuest } from '../core/goal.ts';
import { withWanted } from '../core/guest-facts.ts';
import { type Plan, runnable } from '../core/plan.ts';
import type { ApplyingRun, Run, RunEvent, StepState } from '../core/run.ts';
import { planSteps } from '../core/steps.ts';
import type { Store } from '../store/store.ts';
import { type CutOff, cutOffNote, stoppedBetween } from '../views/parts.ts';
import { buildLogReply } from '../views/run-card.ts';
import { appliedPin, refuseOtherBranch } from './commits.ts';
import { imagesToKeep } from './garbage-collection.ts';
import { guestNow } from './guest-now.ts';
import { planAgain } from './plan-run.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Signals } from './queues.ts';
import type { Runs } from './runs.ts';
import { type ApplyEnd, StepRunner } from './step-runner.ts';

/** What an apply needs. */
export interface ApplyPorts {
  readonly runs: Runs;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when somebody cancels the run. */
  readonly signals: Signals;
}

/**
 * Applies an approved run: reads the cluster and plans once more, then runs the steps. Never throws: every apply ends
 * in a run that says what happened.
 */
export async function applyRun(fleet: Fleet, runId: string, ports: ApplyPorts): Promise<void> {
  const { runs, store, clock, log } = ports;
  const run = runs.get(runId);
  if (run?.phase !== 'queued') return;
  // The fleet was locked after the approval: the run stays queued, and `unlock` puts it into the queue again.
  if (store.fleet(fleet.name).lock !== undefined) return;
  try {
    await refuseOtherBranch(fleet, run, log);
    const changed = await planAgain(fleet, run, clock);
    const begun = await runs.decide(runId, (now) => {
      // A person may have cancelled the run or locked the fleet while the cluster was read.
      if (now.phase !== 'queued' || store.fleet(fleet.name).lock !== undefined) return { refused: 'decided' as const };
      return { event: changed ?? { type: 'started', steps: planSteps(run.plan), at: clock.now() } };
    });
    if ('refused' in begun || begun.run.phase !== 'applying') return;
    await rememberBefore(fleet, run.plan, store);
    await store.audit({ at: clock.now(), action: 'started', who: 'proxnix', run: runId, plan: run.plan.digest });
    const runner = new StepRunner({ ...ports, fleet, runId, plan: run.plan, cancelled: ports.signals.of(runId) });
    const end = await runSteps(runner, begun.run, () => rememberStarted(fleet, runs.get(runId), ports));
    if (end === 'cancelled') {
      const seen = await guestNow(runs.get(runId), fleet.cluster, ports);
      await runs.apply(runId, { type: 'cancelled', at: clock.now(), ...seen });
    } else await applied(fleet, runId, ports);
  } catch (error) {
    log.warn({ run: runId, fleet: fleet.name, ...errorFacts(error) }, 'an apply failed');
    const seen = await guestNow(runs.get(runId), fleet.cluster, ports);
    await runs.fail(runId, { type: 'failed', failure: toFailure(error), at: clock.now(), ...seen });
    if (error instanceof BuildError) await replyWithLogs(fleet, runId, error, ports);
  }
  const ended = runs.get(runId);
  if (ended === undefined || !hasEnded(ended)) return;
  await store
    .audit({ at: clock.now(), action: 'ended', who: 'proxnix', run: runId, detail: ended.phase })
    .catch((error: unknown) => log.error({ run: runId, err: error }, 'the end of an apply could not be audited'));
}

/** @param remember is called before the end is shown: a guest may stop as soon as the run has ended. */
async function runSteps(runner: StepRunner, { steps }: ApplyingRun, remember: () => Promise<void>): Promise<ApplyEnd> {
  try {
    return await runner.run(steps);
  } finally {
    await remember();
  }
}

/** A card holds the end of a log; the whole of it is posted below the card, once. */
async function replyWithLogs(
  { builder }: Fleet,
  runId: string,
  { broken }: BuildError,
  { runs, log }: Pick<ApplyPorts, 'runs' | 'log'>,
): Promise<void> {
  const logs: { readonly derivation: string; readonly text: string }[] = [];
  for (const { drvPath, name } of broken.slice(0, mostLogs)) {
    try {
      const text = await builder.log(drvPath);
      if (text !== undefined) logs.push({ derivation: name, text });
    } catch (error) {
      log.warn({ run: runId, derivation: name, err: error }, 'the log of a failed build could not be read');
    }
  }
  if (logs.length > 0) runs.reply(runId, buildLogReply(logs));
}

/** Each may have megabytes. */
const mostLogs = 5;

/**
 * Remembers the guests that run before the apply touches them: one that an interrupted apply leaves stopped is started. One
 * that HA holds stopped is not, although it ran once.
 */
async function rememberBefore(fleet: Fleet, plan: Plan, store: Store): Promise<void> {
  const changes = runnable(plan);
  const held = changes.flatMap((change) => ('heldStopped' in change && change.heldStopped ? [change.vmid] : []));
  const { running = [] } = store.fleet(fleet.name);
  const left = running.filter((vmid) => !held.includes(vmid));
  if (left.length < running.length) await store.saveFleet(fleet.name, { running: left });
  const run = changes.filter((change) => 'live' in change && change.live.status === 'running');
  await rememberRunning(
    fleet,
    run.map(({ vmid }) => vmid),
    store,
  );
}

async function rememberRunning(fleet: Fleet, vmids: readonly number[], store: Store): Promise<void> {
  const { running = [] } = store.fleet(fleet.name);
  const all = [...new Set([...running, ...vmids])];
  if (all.length > running.length) await store.saveFleet(fleet.name, { running: all });
}

async function applied(fleet: Fleet, runId: string, { runs, store, clock, log }: ApplyPorts): Promise<void> {
  const run = runs.get(runId);
  if (run?.phase !== 'applying') return;
  const { goal } = run.plan;
  // A run for a single guest does not apply the whole commit.
  const whole = onlyGuest(goal) === undefined;
  if (whole) {
    const blocked = new Set(run.plan.changes.flatMap((change) => (change.blocked === undefined ? [] : [change.vmid])));
    const asWanted = goal.guests.filter(({ vmid }) => !blocked.has(vmid));
    const guests = withWanted(store.fleet(fleet.name).guests, asWanted);
    await store.saveFleet(fleet.name, { applied: goal.commit.sha, guests });
    await fleet.git.pin(goal.commit.sha, appliedPin).catch((error: unknown) => {
      log.warn({ run: runId, ...errorFacts(error) }, 'the applied commit could not be pinned');
    });
  }
  const addresses = await addressesOf(fleet, run);
  await runs.apply(runId, { type: 'applied', at: clock.now(), addresses });
  const images = whole ? imagesToKeep(fleet, runs.all(), clock.now()) : undefined;
  if (images === undefined) return;
  // The GC roots protect the deployed images. Without them an image may have to be rebuilt later, so a failure does not
  // fail this run.
  await fleet.builder.keep(images).catch((error: unknown) => {
    log.warn({ run: runId, err: error }, 'the roots of the images could not be renewed');
  });
}

/** A guest that the apply started runs, also when it stops before the first power check. Never rejects. */
export async function rememberStarted(
  fleet: Fleet,
  run: Run | undefined,
  { store, log }: Pick<ApplyPorts, 'store' | 'log'>,
): Promise<void> {
  const done = run !== undefined && 'steps' in run ? run.steps.filter(({ state }) => state === 'done') : [];
  const started = done.flatMap(({ step }) => (step.kind === 'start' || step.kind === 'health' ? [step.vmid] : []));
  await rememberRunning(fleet, started, store).catch((error: unknown) => {
    log.warn({ run: run?.id, ...errorFacts(error) }, 'the guests that an apply started could not be remembered');
  });
}

async function addressesOf(fleet: Fleet, run: ApplyingRun): Promise<Record<string, string>> {
  const finished = run.steps.flatMap(({ step }) => (step.kind === 'finish' ? [step] : []));
  const found = await Promise.all(
    finished.map(async (step) => [String(step.vmid), await fleet.cluster.address(step)] as const),
  );
  return Object.fromEntries(found.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/**
 * Finds out how far an apply came whose bot stopped in the middle. Waits for the task that was running, which continues
 * without the bot, and describes its outcome and the guest as it is then. Runs no step again.
 */
export async function recoverInterrupted(
  run: ApplyingRun,
  cluster: Cluster,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Extract<RunEvent, { type: 'interrupted' }>> {
  const current = run.steps.find((state) => state.state === 'running');
  const note =
    current === undefined ? stoppedBetween(run.steps) : cutOffNote(current.step, await settle(current, cluster, log));
  // What the task did to the guest is read after its end.
  const seen = await guestNow(run, cluster, { clock, log });
  return { type: 'interrupted', at: clock.now(), notes: [note], ...seen };
}

async function settle({ step, upid }: StepState, cluster: Cluster, log: Log): Promise<CutOff> {
  if (step.kind === 'build') return { kind: 'build' };
  if (upid === undefined) return { kind: 'no-task' };
  try {
    const outcome = await cluster.settle(upid);
    return outcome === undefined ? { kind: 'forgotten' } : { kind: 'ended', text: outcome.text };
  } catch (error) {
    log.warn({ upid, err: error }, 'the outcome of a task of an earlier process could not be read');
    return { kind: 'unreachable' };
  }
}
