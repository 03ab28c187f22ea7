import type { ClusterMonitor, ImageFile, Precondition } from '../cluster/cluster.ts';
import { liveDataDisks, liveDiskAt } from '../core/data-disk-changes.ts';
import { UserError } from '../core/errors.ts';
import { hasConfig } from '../core/goal.ts';
import { type DesiredGuest, guestLabel, imageHash } from '../core/guest.ts';
import {
  factsOf,
  type GuestFacts,
  type IncomingRoot,
  withFacts,
  withoutFacts,
  withoutRoot,
  withWanted,
} from '../core/guest-facts.ts';
import { checkOf, seesOnlyRunning } from '../core/health.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { type RetainedDisk, retainedBy, retainedDiskFor, withRetained } from '../core/retained-disks.ts';
import type { ApplyingRun, StepState } from '../core/run.ts';
import { groupKey } from '../core/run.ts';
import type { GuestStep, Step } from '../core/steps.ts';
import { attachedVolumes, readTags } from '../core/tags.ts';
import { sizeText } from '../lib/text.ts';
import type { Store } from '../store/store.ts';
import { isUndoable, needsAutomaticRollback, rollback, type Undoable, UnhealthyGuest } from './automatic-rollback.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Runs } from './runs.ts';

/** The outcome of an apply that did not fail. */
export type ApplyEnd = 'applied' | 'cancelled';

/** What a step leaves in the journal beside its end. */
type Seen = Partial<Pick<StepState, 'onlyRunning' | 'backup' | 'bytes'>>;

/** How many uploaded images are remembered; the oldest are forgotten, and their files stay. */
const mostUploads = 1000;

/** Runs the steps of one apply, one after the other, and reports each to its run. */
export class StepRunner {
  readonly #fleet: Fleet;
  readonly #runId: string;
  readonly #runs: Runs;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cancelled: AbortSignal;
  /** The precondition of each guest, by VMID: its state after the last reading or write. */
  readonly #preconditions = new Map<number, Precondition>();
  readonly #files = new Map<string, ImageFile>();
  /** The changes that can be rolled back, by VMID. */
  readonly #undoable: ReadonlyMap<number, Undoable>;
  /** The guests whose agent answered in this apply, by VMID. */
  readonly #answered = new Set<number>();
  /** The step that removes the incomplete guest when the current guest fails. */
  #discard: GuestStep | undefined;

  constructor(options: {
    readonly fleet: Fleet;
    readonly runId: string;
    readonly plan: Plan;
    readonly runs: Runs;
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
    /** Aborted when a person cancels the run. A build stops at once; other steps stop only between two guests. */
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
    this.#undoable = new Map(
      runnable(options.plan)
        .filter(isUndoable)
        .map((change) => [change.vmid, change]),
    );
  }

  /** Runs all steps. The first failure stops the apply: incomplete guests are removed, then the failure is thrown. */
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
    let seen: Seen = {};
    if (step.kind === 'build') await this.#build(step);
    else if (step.kind === 'upload') seen = await this.#upload(step);
    else if (step.kind === 'health') seen = await this.#health(step);
    else seen = await this.#guest(step);
    await this.#runs.apply(this.#runId, { type: 'step-done', id: step.id, at: this.#clock.now(), ...seen });
  }

  async #build(step: Extract<Step, { kind: 'build' }>): Promise<void> {
    const files = await this.#fleet.builder.build(
      step.images,
      {
        progress: (done, total, running, failed) => {
          const now = running.length === 0 ? '' : `: ${shortList(running)}`;
          const broken = failed.length === 0 ? '' : `, failed: ${shortList(failed)}`;
          const text = total === 0 ? 'nothing to build' : `${done} of ${total} derivations${broken}${now}`;
          this.#progress(step.id, text, total === 0 ? undefined : done / total);
        },
        line: (derivation, text) => this.#line(step.id, `${derivation}> ${text}`),
      },
      this.#cancelled,
    );
    for (const image of step.images) {
      const file = files.find((one) => one.image.storePath === image.storePath);
      // The approval is for this store path. An output at another path is another image, even under the same name.
      if (file === undefined) {
        throw new UserError(`The build of ${image.type} did not give the path that was approved: ${image.storePath}.`, {
          next: 'Nothing was changed. Plan again.',
        });
      }
      this.#files.set(image.storePath, file);
    }
  }

  async #upload(step: Extract<Step, { kind: 'upload' }>): Promise<Seen> {
    const file = this.#files.get(step.image.storePath);
    if (file === undefined) throw new Error(`no file was built for ${step.image.storePath}`);
    const monitor = this.#monitor(step.id);
    let noted: Promise<void> | undefined;
    const note = () => {
      if (noted !== undefined) return;
      noted = this.#noteUpload(imageHash(step.image));
      // It is awaited after the upload, which may take minutes; until then a failure must not count as unhandled.
      noted.catch(() => undefined);
    };
    const noting: ClusterMonitor = {
      ...monitor,
      task(upid) {
        note();
        monitor.task(upid);
      },
      progress(...sent) {
        note();
        monitor.progress(...sent);
      },
    };
    try {
      await this.#fleet.cluster.upload(file, step.node, noting);
    } finally {
      await noted;
    }
    return { bytes: file.size };
  }

  /** Records that the file of an image is ours, from its first byte on. The record is the condition for its deletion. */
  async #noteUpload(hash: string): Promise<void> {
    const { name } = this.#fleet;
    const others = (this.#store.fleet(name).uploadedImages ?? []).filter((one) => one !== hash);
    await this.#store.saveFleet(name, { uploadedImages: [...others, hash].slice(-mostUploads) });
  }

  async #guest(step: GuestStep): Promise<{ readonly backup?: string }> {
    let backup: string | undefined;
    const { guestKind, vmid, name, node } = step;
    const at = { id: 'undo', guestKind, vmid, name, node } as const;
    // A staging guest is recognised by its own marker. A new guest is ours only after its create call has succeeded.
    if (step.kind === 'prepare') this.#discard = { ...at, kind: 'discard', staging: true };
    if (step.kind === 'swap') await this.#retainOld(step.vmid);
    if (step.kind === 'create') {
      await this.#saveFacts(
        withFacts(withoutFacts(this.#facts(), step.vmid), step.vmid, { root: incoming(step.guest) }),
      );
    }
    if (step.kind === 'swap') await this.#rememberRoot(step);
    if (step.kind === 'data-disks') {
      await this.#forgetRetained(step);
      if (step.detach.length > 0) await this.#rememberDetached(step);
    }
    const precondition = await this.#fleet.cluster.perform(step, this.#preconditions.get(step.vmid), {
      ...this.#monitor(step.id),
      backup(volid) {
        backup = volid;
      },
    });
    if (precondition === undefined) this.#preconditions.delete(step.vmid);
    else this.#preconditions.set(step.vmid, precondition);
    if (step.kind === 'destroy') await this.#saveFacts(withoutFacts(this.#facts(), step.vmid));
    if (step.kind === 'data-disks') await this.#forgetRetained(step);
    if (step.kind === 'finish') await this.#rememberWanted(step);
    if (step.kind === 'create' && precondition !== undefined) {
      const root = { ...incoming(step.guest), uuid: precondition.uuid };
      await this.#saveFacts(withFacts(this.#facts(), step.vmid, { root }));
    }
    if (step.kind === 'create') this.#discard = { ...at, kind: 'discard', staging: false };
    // From this step on the guest uses the new disk, and removing it would lose a guest.
    if (step.kind === 'start' || step.kind === 'attach') this.#discard = undefined;
    return backup === undefined ? {} : { backup };
  }

  #facts(): readonly GuestFacts[] {
    return this.#store.fleet(this.#fleet.name).guests ?? [];
  }

  async #saveFacts(guests: readonly GuestFacts[]): Promise<void> {
    if (guests.length === 0 && this.#facts().length === 0) return;
    await this.#store.saveFleet(this.#fleet.name, { guests });
  }

  /** Remembers which check belongs to the image of a guest that is done: it judges a later rollback to that image. */
  async #rememberWanted({ guest, vmid }: Extract<GuestStep, { kind: 'finish' }>): Promise<void> {
    const change = this.#undoable.get(vmid);
    const facts = withoutRoot(this.#facts(), vmid);
    const answered = this.#answered.has(vmid);
    if (change?.action !== 'rollback') return this.#saveFacts(withWanted(facts, [guest], answered));
    const { imageHash: image, health, agent } = change.to ?? {};
    if (image === undefined) return this.#saveFacts(facts);
    const known = { imageHash: image, ...(health === undefined ? {} : { health }) };
    const wanted = { ...known, ...(answered || agent === true ? { agent: true as const } : {}) };
    await this.#saveFacts(withFacts(facts, vmid, { wanted }));
  }

  /** Remembers, before the swap, which volume comes to the root slot and its image: a killed bot finds it there. */
  async #rememberRoot({ guest, vmid, volid }: Extract<GuestStep, { kind: 'swap' }>): Promise<void> {
    const change = this.#undoable.get(vmid);
    const to = change?.action === 'rollback' ? change.to : undefined;
    const image = to === undefined ? imageHash(guest.image) : to.imageHash;
    const live = (await this.#fleet.cluster.readState(new Set([vmid]))).guests.find((one) => one.vmid === vmid);
    const comes = volid ?? attachedVolumes(live?.config?.unused ?? {}).at(-1);
    const { uuid } = live?.config ?? {};
    if (image === undefined || comes === undefined || uuid === undefined) {
      return this.#saveFacts(withoutRoot(this.#facts(), vmid));
    }
    await this.#saveFacts(withFacts(this.#facts(), vmid, { root: { imageHash: image, uuid, volid: comes } }));
  }

  /** Remembers, before they are taken out, which volumes the data disks are that leave the flake: they may come back. */
  async #rememberDetached({ guestKind, vmid, detach }: Extract<GuestStep, { kind: 'data-disks' }>): Promise<void> {
    const live = (await this.#fleet.cluster.readState(new Set([vmid]))).guests.find((one) => one.vmid === vmid);
    const out = detach.flatMap((at) => {
      const volid = liveDiskAt(guestKind, live?.config?.disks ?? {}, at)?.disk.volid;
      return volid === undefined ? [] : [[at, volid] as const];
    });
    const { detached = {} } = factsOf(this.#facts(), vmid);
    await this.#saveFacts(withFacts(this.#facts(), vmid, { detached: { ...detached, ...Object.fromEntries(out) } }));
  }

  /**
   * Drops the records of root disks whose names volumes of data have: Proxmox gives the name of a volume that somebody
   * deleted to the next one. With the record the data would be offered for a rollback, and deleted after its window.
   */
  async #forgetRetained({ guest, vmid }: Extract<GuestStep, { kind: 'data-disks' }>): Promise<void> {
    const { name } = this.#fleet;
    const { retainedDisks = [] } = this.#store.fleet(name);
    if (!retainedDisks.some((disk) => disk.vmid === vmid)) return;
    const live = (await this.#fleet.cluster.readState(new Set([vmid]))).guests.find((one) => one.vmid === vmid);
    const disks = live === undefined || !hasConfig(live) ? {} : liveDataDisks(guest, live);
    const data = new Set(Object.values(disks).map(({ volid }) => volid));
    const left = retainedDisks.filter((disk) => disk.vmid !== vmid || !data.has(disk.volid));
    if (left.length !== retainedDisks.length) await this.#store.saveFleet(name, { retainedDisks: left });
  }

  /** Records the old root disk before the swap: afterwards Proxmox does not tell which volume was the root disk. */
  async #retainOld(vmid: number): Promise<void> {
    const change = this.#undoable.get(vmid);
    const facts = factsOf(this.#facts(), vmid);
    const old = change && change.action !== 'update' ? retainedBy(change, this.#clock.now(), facts) : undefined;
    if (old !== undefined) await this.#retain(old);
  }

  /** Records a retained disk. The record is the condition for its deletion after the rollback window. */
  async #retain(disk: RetainedDisk): Promise<void> {
    const { name } = this.#fleet;
    await this.#store.saveFleet(name, {
      retainedDisks: withRetained(this.#store.fleet(name).retainedDisks ?? [], disk),
    });
  }

  async #health(step: Extract<Step, { kind: 'health' }>): Promise<{ readonly onlyRunning?: true }> {
    const { guest, guestKind, vmid, node, name } = step;
    const { hadAgent: everHadAgent = false } = factsOf(this.#facts(), vmid);
    const change = this.#undoable.get(vmid);
    // A new image is expected to have what an earlier one had; an older one, what it had itself.
    const hadAgent = change?.action === 'rollback' ? change.to?.agent === true : everHadAgent;
    const at = { guestKind, vmid, node, name, hadAgent };
    const watched = { ...at, ...(guest.health === undefined ? {} : { check: guest.health }) };
    const { healthy, checks, agentAnswered } = await this.#fleet.health.check(watched, this.#monitor(step.id));
    for (const { text } of checks) this.#line(step.id, text);
    if (healthy) {
      if (agentAnswered) this.#answered.add(vmid);
      if (agentAnswered && !everHadAgent) await this.#saveFacts(withFacts(this.#facts(), vmid, { hadAgent: true }));
      return seesOnlyRunning(checkOf(guestKind, guest.health), agentAnswered) ? { onlyRunning: true } : {};
    }
    const image = change?.action === 'rollback' ? change.to?.imageHash : imageHash(guest.image);
    const on = image === undefined ? 'its earlier root disk' : `image ${image.slice(0, 8)}`;
    const silent = guestKind === 'vm' && guest.health === undefined && hadAgent && !agentAnswered;
    throw new UnhealthyGuest(`${name} (${vmid}) did not become healthy on ${on}.`, {
      details: checks.map(({ text }) => text),
      ...(silent
        ? { next: 'Its guest agent answered before. For an image without one set `health.agent = false` in the flake.' }
        : {}),
    });
  }

  /** Handles a failure: a guest gets its old root disk or its old settings back, an incomplete guest is removed. */
  async #automaticRollback(step: Step, error: unknown): Promise<unknown> {
    const change = this.#undoable.get('vmid' in step ? step.vmid : 0);
    if (change === undefined || !needsAutomaticRollback(step, error)) return this.#clearUp(error);
    const { cluster, health } = this.#fleet;
    const facts = factsOf(this.#facts(), change.vmid);
    const kept = await this.#keptDisk(change);
    return rollback({
      ...(kept === undefined ? {} : { kept }),
      ...{ change, facts, cluster, health, monitor: this.#monitor(step.id), failure: error },
      retain: (disk) => this.#retain({ ...disk, since: this.#clock.now() }),
    });
  }

  /**
   * The record of the root disk to go back to, where the plan does not tell it: the disk that an interrupted replace took
   * out of the guest, or the image of the one that it had when its tags named none.
   */
  async #keptDisk(change: Undoable): Promise<RetainedDisk | undefined> {
    const { vmid, live, guest } = change;
    const retained = this.#store.fleet(this.#fleet.name).retainedDisks ?? [];
    if (change.action !== 'update') {
      if (readTags(live.tags).imageHash !== undefined) return undefined;
      const volid = live.config.disks[guest.diskSlot]?.volid;
      return retained.find(
        (disk) => disk.uuid === live.config.uuid && disk.volid === volid && disk.imageHash !== undefined,
      );
    }
    if (!change.finishes) return undefined;
    const { guests } = await this.#fleet.cluster.readState(new Set([vmid]));
    const now = guests.find((one) => one.vmid === vmid && one.config?.uuid === live.config.uuid);
    return now === undefined || !hasConfig(now) ? undefined : retainedDiskFor(now, retained);
  }

  /** Removes the incomplete guest that the failure left behind, and adds to the error whether that succeeded. */
  async #clearUp(error: unknown): Promise<unknown> {
    const discard = this.#discard;
    this.#discard = undefined;
    if (discard === undefined) return error;
    const what = discard.kind === 'discard' && discard.staging ? 'staging guest' : 'incomplete guest';
    try {
      await this.#fleet.cluster.perform(discard, this.#preconditions.get(discard.vmid), quietMonitor);
      return withNext(error, `The ${what} was removed again; nothing else was changed on ${guestLabel(discard)}.`);
    } catch (second) {
      this.#log.warn({ run: this.#runId, vmid: discard.vmid, err: second }, 'an incomplete guest could not be removed');
      return withNext(
        error,
        `The ${what} could not be removed; the next plan shows what ${guestLabel(discard)} is now.`,
      );
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
        if (unit === 's') return this.#progress(id, `${done} s of at most ${total} s`, undefined);
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

function shortList(names: readonly string[]): string {
  return [...names.slice(0, 3), ...(names.length > 3 ? [`${names.length - 3} more`] : [])].join(', ');
}

/** The root of a new guest, whose identity is known only after the create call. */
function incoming(guest: DesiredGuest): IncomingRoot {
  return { imageHash: imageHash(guest.image) };
}

const quietMonitor: ClusterMonitor = { task() {}, progress() {}, line() {} };

/** The precondition of each guest's first write: the state that the approved plan is based on. */
function* preconditionsOf(plan: Plan): Generator<Precondition> {
  for (const change of runnable(plan)) {
    // A staging guest has no precondition: it is recognised by its own marker.
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
