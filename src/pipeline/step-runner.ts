import type { ClusterMonitor, ImageFile, Precondition } from '../cluster/cluster.ts';
import type { Change, ReplaceChange, RollbackChange } from '../core/change.ts';
import { UserError } from '../core/errors.ts';
import { guestLabel, imageHash } from '../core/guest.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { type RetainedDisk, retainedBy, withRetained } from '../core/retained-disks.ts';
import type { ApplyingRun } from '../core/run.ts';
import { groupKey } from '../core/run.ts';
import type { GuestStep, Step } from '../core/steps.ts';
import { sizeText } from '../lib/text.ts';
import type { Store } from '../store/store.ts';
import { needsAutomaticRollback, rollback, UnhealthyGuest } from './automatic-rollback.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Runs } from './runs.ts';

/** How an apply ended when it did not fail. */
export type ApplyEnd = 'applied' | 'cancelled';

/** Runs the steps of one apply, one after the other, and reports each to its run. */
export class StepRunner {
  readonly #fleet: Fleet;
  readonly #runId: string;
  readonly #runs: Runs;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cancelled: AbortSignal;
  /** Each guest as the last look or write left it. */
  readonly #preconditions = new Map<number, Precondition>();
  readonly #files = new Map<string, ImageFile>();
  /** The guests whose root disk is swapped, by VMID. */
  readonly #replaces: ReadonlyMap<number, ReplaceChange | RollbackChange>;
  /** What must be cleared up when the guest at work fails. */
  #undo: GuestStep | undefined;

  constructor(options: {
    readonly fleet: Fleet;
    readonly runId: string;
    readonly plan: Plan;
    readonly runs: Runs;
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
    /** Aborted when a person asks to stop: ends a build at once, anything else between two guests. */
    readonly cancelled: AbortSignal;
  }) {
    this.#fleet = options.fleet;
    this.#runId = options.runId;
    this.#runs = options.runs;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#cancelled = options.cancelled;
    for (const precondition of preconditionsOf(options.plan)) this.#preconditions.set(precondition.vmid, precondition);
    this.#replaces = new Map(runnable(options.plan).flatMap((change) => swapOf(change)));
  }

  /** Runs all steps. The first failure stops everything and is thrown; what it left half made is cleared up first. */
  async run(steps: ApplyingRun['steps']): Promise<ApplyEnd> {
    let before: string | undefined;
    for (const { step } of steps) {
      const key = groupKey({ step });
      if (key !== before && this.#cancelled.aborted) return 'cancelled';
      before = key;
      try {
        await this.#one(step);
      } catch (error) {
        if (step.kind === 'build' && this.#cancelled.aborted) return 'cancelled';
        throw await this.#automaticRollback(step, error);
      }
    }
    return 'applied';
  }

  async #one(step: Step): Promise<void> {
    await this.#runs.apply(this.#runId, { type: 'step-started', id: step.id, at: this.#clock.now() });
    if (step.kind === 'build') await this.#build(step);
    else if (step.kind === 'upload') await this.#upload(step);
    else if (step.kind === 'health') await this.#health(step);
    else await this.#guest(step);
    await this.#runs.apply(this.#runId, { type: 'step-done', id: step.id, at: this.#clock.now() });
  }

  async #build(step: Extract<Step, { kind: 'build' }>): Promise<void> {
    const files = await this.#fleet.builder.build(
      step.images,
      {
        progress: (done, total, running) => {
          const now = running.length === 0 ? '' : `: ${running.slice(0, 3).join(', ')}`;
          const text = total === 0 ? 'nothing to build' : `${done} of ${total} derivations${now}`;
          this.#progress(step.id, text, total === 0 ? undefined : done / total);
        },
        line: (derivation, text) => this.#line(step.id, `${derivation}> ${text}`),
      },
      this.#cancelled,
    );
    for (const image of step.images) {
      const file = files.find((one) => one.image.storePath === image.storePath);
      // An approval is for a store path: another one is another image, whatever it is called.
      if (file === undefined) {
        throw new UserError(`The build of ${image.type} did not give the path that was approved: ${image.storePath}.`, {
          next: 'Nothing was changed. Plan again.',
        });
      }
      this.#files.set(image.storePath, file);
    }
  }

  async #upload(step: Extract<Step, { kind: 'upload' }>): Promise<void> {
    const file = this.#files.get(step.image.storePath);
    if (file === undefined) throw new Error(`no file was built for ${step.image.storePath}`);
    await this.#fleet.cluster.upload(file, step.node, this.#monitor(step.id));
  }

  async #guest(step: GuestStep): Promise<void> {
    const { guestKind, vmid, name, node } = step;
    const at = { id: 'undo', guestKind, vmid, name, node } as const;
    // A staging guest is known by its own mark; a new guest is ours only once its create has succeeded.
    if (step.kind === 'prepare') this.#undo = { ...at, kind: 'discard', staging: true };
    if (step.kind === 'swap') await this.#retainOld(step.vmid);
    const precondition = await this.#fleet.cluster.perform(
      step,
      this.#preconditions.get(step.vmid),
      this.#monitor(step.id),
    );
    if (precondition === undefined) this.#preconditions.delete(step.vmid);
    else this.#preconditions.set(step.vmid, precondition);
    if (step.kind === 'create') this.#undo = { ...at, kind: 'discard', staging: false };
    // From here on what was made is in use, and clearing it up would lose a guest.
    if (step.kind === 'start' || step.kind === 'attach') this.#undo = undefined;
  }

  /** Before it is taken out: afterwards nothing tells any more which volume was the root disk. */
  async #retainOld(vmid: number): Promise<void> {
    const change = this.#replaces.get(vmid);
    const old = change && retainedBy(change, this.#clock.now());
    if (old !== undefined) await this.#retain(old);
  }

  /** A retained disk is deleted when its time is up, and never without this record. */
  async #retain(disk: RetainedDisk): Promise<void> {
    const { name } = this.#fleet;
    await this.#store.saveFleet(name, {
      retainedDisks: withRetained(this.#store.fleet(name).retainedDisks ?? [], disk),
    });
  }

  async #health(step: Extract<Step, { kind: 'health' }>): Promise<void> {
    const { guest, guestKind, vmid, node, name } = step;
    const watched = { guestKind, vmid, node, name, ...(guest.health === undefined ? {} : { check: guest.health }) };
    const { healthy, checks } = await this.#fleet.health.check(watched, this.#monitor(step.id));
    for (const { text } of checks) this.#line(step.id, text);
    if (healthy) return;
    throw new UnhealthyGuest(
      `${name} (${vmid}) did not become healthy on image ${imageHash(guest.image).slice(0, 8)}.`,
      {
        details: checks.map(({ text }) => text),
      },
    );
  }

  /** What is done about a failure: a replaced guest gets its old root disk back, a half-made one is removed. */
  async #automaticRollback(step: Step, error: unknown): Promise<unknown> {
    const change = this.#replaces.get('vmid' in step ? step.vmid : 0);
    if (change === undefined || !needsAutomaticRollback(step, error)) return this.#clearUp(error);
    const { cluster, health } = this.#fleet;
    return rollback({
      ...{ change, cluster, health, monitor: this.#monitor(step.id), failure: error },
      retain: (disk) => this.#retain({ ...disk, since: this.#clock.now() }),
    });
  }

  /** Removes what the failed guest left half made, and says so in the error. */
  async #clearUp(error: unknown): Promise<unknown> {
    const undo = this.#undo;
    this.#undo = undefined;
    if (undo === undefined) return error;
    const what = undo.kind === 'discard' && undo.staging ? 'staging guest' : 'incomplete guest';
    try {
      await this.#fleet.cluster.perform(undo, this.#preconditions.get(undo.vmid), quietMonitor);
      return withNext(error, `The ${what} was removed again; nothing else was changed on ${guestLabel(undo)}.`);
    } catch (second) {
      this.#log.warn({ run: this.#runId, vmid: undo.vmid, err: second }, 'a incomplete guest could not be removed');
      return withNext(error, `The ${what} could not be removed; the next plan shows what ${guestLabel(undo)} is now.`);
    }
  }

  #monitor(id: string): ClusterMonitor {
    return {
      task: (upid) => {
        this.#runs.apply(this.#runId, { type: 'task', id, upid }).catch((error: unknown) => {
          this.#log.error({ run: this.#runId, upid, err: error }, 'a task could not be journaled');
        });
      },
      progress: (done, total, unit) => {
        const fraction = total === 0 ? 0 : done / total;
        const percent = `${Math.floor(fraction * 100)} %`;
        this.#progress(id, unit === '%' ? percent : `${sizeText(done)} of ${sizeText(total)} (${percent})`, fraction);
      },
      line: (text) => this.#line(id, text),
    };
  }

  #progress(id: string, text: string, fraction: number | undefined): void {
    this.#runs.note(this.#runId, { type: 'progress', id, text, ...(fraction === undefined ? {} : { fraction }) });
  }

  #line(id: string, line: string): void {
    this.#runs.note(this.#runId, { type: 'output', id, line });
  }
}

const quietMonitor: ClusterMonitor = { task() {}, progress() {}, line() {} };

/** What each guest must still be at its first write: the basis of the plan that was approved. */
function* preconditionsOf(plan: Plan): Generator<Precondition> {
  for (const change of runnable(plan)) {
    // A staging guest is known by its own mark.
    if (change.action === 'create' || (change.action === 'clean-up' && change.orphanVolumes === undefined)) continue;
    const { kind: guestKind, vmid, node, config } = change.live;
    if (config?.uuid !== undefined) yield { guestKind, vmid, node, uuid: config.uuid, digest: config.digest };
  }
}

function withNext(error: unknown, next: string): unknown {
  if (!(error instanceof UserError)) return error;
  const both = error.next === undefined ? next : `${next} ${error.next}`;
  return new UserError(error.message, { next: both, details: error.details, cause: error });
}

/** A change that swaps a root disk, by its VMID. */
function swapOf(change: Change): readonly (readonly [number, ReplaceChange | RollbackChange])[] {
  const swaps = change.action === 'rollback' || (change.action === 'replace' && !change.incomplete);
  return swaps ? [[change.vmid, change]] : [];
}
