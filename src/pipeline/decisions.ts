import type { Answer } from '../chat/chat.ts';
import { driftDigest, withAcknowledged } from '../core/acknowledged-drift.ts';
import { IllegalTransition } from '../core/advance.ts';
import type { Refusal } from '../core/identity.ts';
import { type Plan, planIdPattern } from '../core/plan.ts';
import {
  type Actor,
  type Circumstances,
  confirmationFor,
  isConfirmed,
  type Lock,
  mayAct,
  mayApprove,
  mayReject,
} from '../core/policy.ts';
import { type PlannedRun, planOf, type Run } from '../core/run.ts';
import type { AuditEntry, Store } from '../store/store.ts';
import { confirmForm, rejectForm } from '../views/forms.ts';
import { whichPlanCard } from '../views/plan-card.ts';
import type { ShownPlans } from './access.ts';
import { answerOf } from './access.ts';
import { provenanceOf } from './commits.ts';
import { planAgain, planAnew } from './plan-run.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Runs } from './runs.ts';

/** How long an ignored drift is not shown again. */
const ignoredMs = 24 * 60 * 60_000;

type Provenance = Promise<Pick<Circumstances, 'onBranch' | 'authorship'>>;

/** The outcome of a decision: a private answer, and whether an apply may begin now. */
export interface Decision {
  readonly answer: Answer;
  readonly begins: boolean;
}

/** What decisions need. */
export interface DecisionPorts {
  readonly runs: Runs;
  readonly shown: ShownPlans;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: (text: string) => string;
}

/**
 * Approves, rejects and cancels runs: checks who may, what must be typed, and whether the cluster still matches the
 * plan.
 */
export class Decisions {
  readonly #ports: DecisionPorts;
  /** Presses at the same time share one reading of the cluster. */
  readonly #plannings = new Map<string, Promise<void>>();
  /** Presses at the same time share one question to git. */
  readonly #provenances = new Map<string, Provenance>();

  constructor(ports: DecisionPorts) {
    this.#ports = ports;
  }

  /**
   * `planId` is the plan the person means, absent when they typed only the run: then it is the one that they were shown
   * last; `typed` what they confirmed with.
   */
  async approve(
    fleet: Fleet,
    runId: string,
    planId: string | undefined,
    actor: Actor,
    typed?: string,
  ): Promise<Decision> {
    const { runs, clock } = this.#ports;
    const open = await this.#open(fleet, runId, planId, actor, 'approve');
    if ('answer' in open) return open;
    const provenance = await this.#provenance(fleet, open.run);
    const check = (run: Run) => {
      const circumstances = { ...provenance, now: clock.now(), lock: this.#lock(fleet) };
      return mayApprove(run, open.meant, actor, fleet.policy, circumstances);
    };
    const run = this.#run(runId);
    const refused = check(run);
    if (refused !== undefined || run.phase !== 'planned') return this.#refuse(refused ?? decided(run), run, actor);
    const wanted = confirmationFor(run.plan, fleet.policy);
    if (wanted !== undefined && typed === undefined) {
      return { answer: { kind: 'form', form: confirmForm(run, wanted) }, begins: false };
    }
    if (wanted !== undefined && typed !== undefined && !isConfirmed(typed, wanted)) {
      const code = 'needs-confirmation';
      await this.#audit('refused', actor, run.id, run.plan.digest, code);
      return { answer: { kind: 'invalid', field: 'names', text: `Type ${wanted}`, code }, begins: false };
    }
    await this.#planAgain(fleet, runId);
    const looked = this.#run(runId);
    if (looked.phase === 'in-sync' || looked.phase === 'blocked') return this.#refuse(movedOn, looked, actor);
    const approval = { by: { chat: actor.chat, id: actor.id, name: actor.name }, at: clock.now() };
    const outcome = await runs.decide(runId, (now) => {
      const still = check(now);
      if (still !== undefined) return { refused: still };
      const first = () => this.#audit('approved', actor, runId, run.plan.digest);
      return { event: { type: 'approved', approval }, first };
    });
    if ('refused' in outcome) return this.#refuse(outcome.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: outcome.run.phase === 'queued' };
  }

  /** Plans an open run of the head again; its card shows what differs. @returns the run as it is then */
  async renew(fleet: Fleet, runId: string): Promise<Run> {
    await this.#planNow(runId, (run) => planAnew(fleet, run, this.#ports));
    return this.#run(runId);
  }

  async reject(
    fleet: Fleet,
    runId: string,
    planId: string | undefined,
    actor: Actor,
    reason?: string,
  ): Promise<Decision> {
    const { runs, clock } = this.#ports;
    const open = await this.#open(fleet, runId, planId, actor, 'reject');
    if ('answer' in open) return open;
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    const outcome = await runs.decide(runId, (run) => {
      const refused = mayReject(run, open.meant, actor, fleet.policy, clock.now());
      if (refused !== undefined) return { refused };
      const at = clock.now();
      const plan = 'plan' in run ? run.plan?.digest : undefined;
      const first = async () => {
        await this.#audit('rejected', actor, runId, plan, reason);
        if (run.trigger.kind === 'drift' && run.phase === 'planned') await this.#ignore(fleet, run.plan, at);
      };
      return { event: { type: 'rejected', by, at, ...(reason === undefined ? {} : { reason }) }, first };
    });
    if ('refused' in outcome) return this.#refuse(outcome.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: false };
  }

  /** Rejects a plan. A chat that can show a form asks for the reason first. */
  async askReason(fleet: Fleet, runId: string, planId: string, actor: Actor): Promise<Decision> {
    const open = await this.#open(fleet, runId, planId, actor, 'reject');
    return 'answer' in open ? open : { answer: { kind: 'form', form: rejectForm(open.run) }, begins: false };
  }

  /** Stops an apply between two guests, or takes a queued run out of the queue. */
  async cancel(fleet: Fleet, runId: string, actor: Actor): Promise<Decision> {
    const { runs, clock } = this.#ports;
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    const first = () => this.#audit('cancelled', actor, runId);
    const outcome = await runs.decide<Refusal>(runId, (run) => {
      const refused = mayAct(actor, fleet.policy);
      if (refused !== undefined) return { refused };
      if (run.phase === 'queued') {
        return { event: { type: 'rejected', by, at: clock.now(), reason: 'cancelled before it began' }, first };
      }
      if (run.phase === 'applying' && run.cancelledBy === undefined) {
        return { event: { type: 'cancel-asked', by }, first };
      }
      return {
        refused: { code: 'already-decided', text: `Run ${run.id} is ${run.phase}: there is nothing to cancel.` },
      };
    });
    if ('refused' in outcome) return this.#refuse(outcome.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: false };
  }

  /** Locks a fleet (`lock` given) or unlocks it. */
  async setLock(fleet: Fleet, actor: Actor, lock: Lock | undefined): Promise<void> {
    const { store, clock, gate } = this.#ports;
    await store.audit({
      ...{ at: clock.now(), action: lock === undefined ? 'unlocked' : 'locked', who: `${actor.chat}:${actor.id}` },
      detail: lock === undefined ? fleet.name : gate(`${fleet.name}: ${lock.reason}`),
    });
    await store.saveFleet(fleet.name, { lock });
  }

  /**
   * The open run that a person decides about, and the plan of it. Refuses a plan id that is cut off, and one that is no
   * longer the run's plan. Asks the person when it is not known which plan they mean.
   */
  async #open(
    fleet: Fleet,
    runId: string,
    planId: string | undefined,
    actor: Actor,
    verb: 'approve' | 'reject',
  ): Promise<Decision | { readonly run: PlannedRun; readonly meant: string }> {
    const { clock, shown } = this.#ports;
    const run = this.#run(runId);
    const now = planOf(run)?.id ?? '';
    const meant = planId ?? shown.last(actor, runId);
    if (meant !== undefined && !planIdPattern.test(meant)) {
      return this.#refuse(mayAct(actor, fleet.policy) ?? needsPlan(run, verb), run, actor);
    }
    const refused = mayReject(run, meant ?? now, actor, fleet.policy, clock.now());
    if (refused !== undefined || run.phase !== 'planned') return this.#refuse(refused ?? decided(run), run, actor);
    if (meant !== undefined) return { run, meant };
    shown.onAnswer(actor, runId, run.plan.id);
    return { answer: { kind: 'card', card: whichPlanCard(run, verb) }, begins: false };
  }

  #provenance(fleet: Fleet, run: PlannedRun): Provenance {
    const { log, store, runs } = this.#ports;
    const asked =
      this.#provenances.get(run.plan.digest) ??
      provenanceOf(fleet, run, { log, store, runs: runs.all() }).finally(() =>
        this.#provenances.delete(run.plan.digest),
      );
    this.#provenances.set(run.plan.digest, asked);
    return asked;
  }

  /**
   * Plans again from the cluster's current state when a person approves; a plan that differs replaces the one that was
   * shown.
   */
  #planAgain(fleet: Fleet, runId: string): Promise<void> {
    const planning =
      this.#plannings.get(runId) ??
      this.#planNow(runId, (run) => planAgain(fleet, run, this.#ports.clock)).finally(() =>
        this.#plannings.delete(runId),
      );
    this.#plannings.set(runId, planning);
    return planning;
  }

  async #planNow(runId: string, plan: (run: PlannedRun) => ReturnType<typeof planAgain>): Promise<void> {
    const { runs, log } = this.#ports;
    const run = this.#run(runId);
    if (run.phase !== 'planned') return;
    const event = await plan(run);
    if (event === undefined) return;
    try {
      await runs.decide(runId, (now) =>
        now.phase === 'planned' && now.plan.digest === run.plan.digest
          ? { event }
          : { refused: 'planned again' as const },
      );
    } catch (error) {
      if (!(error instanceof IllegalTransition)) throw error;
      log.debug({ run: runId, err: error }, 'a run was decided while it was planned again');
    }
  }

  async #refuse(refusal: Refusal, run: Run, actor: Actor): Promise<Decision> {
    const plan = 'plan' in run ? run.plan?.digest : undefined;
    await this.#audit('refused', actor, run.id, plan, refusal.code);
    return { answer: answerOf(refusal), begins: false };
  }

  /** A rejected drift is not shown again for a while. */
  async #ignore(fleet: Fleet, plan: Plan, at: number): Promise<void> {
    const { store } = this.#ports;
    const ignored = { digest: driftDigest(plan), until: at + ignoredMs };
    await store.saveFleet(fleet.name, {
      acknowledgedDrifts: withAcknowledged(store.fleet(fleet.name).acknowledgedDrifts ?? [], ignored, at),
    });
  }

  #lock(fleet: Fleet): Lock | undefined {
    return this.#ports.store.fleet(fleet.name).lock;
  }

  #run(id: string): Run {
    const run = this.#ports.runs.get(id);
    if (run === undefined) throw new Error(`there is no run ${id}`);
    return run;
  }

  #audit(action: AuditEntry['action'], actor: Actor, run: string, plan?: string, detail?: string): Promise<void> {
    return this.#ports.store.audit({
      ...{ at: this.#ports.clock.now(), action, who: `${actor.chat}:${actor.id}`, run },
      ...(plan === undefined ? {} : { plan }),
      ...(detail === undefined ? {} : { detail: this.#ports.gate(detail) }),
    });
  }
}

/** After planning again there is nothing left to approve. */
const movedOn: Refusal = {
  code: 'plan-drifted',
  text: 'The cluster changed, and nothing is left to approve. The card shows the current state.',
};

function needsPlan(run: Run, verb: 'approve' | 'reject'): Refusal {
  const text = `Name the plan that you mean, whole: /proxnix ${verb} ${run.id} p-… as it stands on the card.`;
  return { code: 'needs-plan', text };
}

function decided(run: Run): Refusal {
  return { code: 'already-decided', text: `Run ${run.id} is ${run.phase}.` };
}
