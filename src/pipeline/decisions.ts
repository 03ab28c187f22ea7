import type { Answer } from '../chat/chat.ts';
import { IllegalTransition } from '../core/advance.ts';
import { driftDigest, withKnown } from '../core/known-drift.ts';
import type { Plan } from '../core/plan.ts';
import {
  type Actor,
  confirmationFor,
  isConfirmed,
  type Lock,
  mayAct,
  mayApprove,
  mayReject,
  type Refusal,
} from '../core/policy.ts';
import type { Run } from '../core/run.ts';
import type { AuditEntry, Store } from '../store/store.ts';
import { confirmForm, rejectForm } from '../views/forms.ts';
import type { Clock, Fleet, Log } from './deps.ts';
import { planAgain } from './plan-run.ts';
import type { Runs } from './runs.ts';

/** How long a drift that somebody ignores stays unsaid. */
const ignoredMs = 24 * 60 * 60_000;

/** What came of a wish to decide: a private answer, and whether an apply may begin now. */
export interface Decision {
  readonly answer: Answer;
  readonly begins: boolean;
}

export interface DecisionDeps {
  readonly runs: Runs;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: (text: string) => string;
}

/** Approve, reject and cancel: who may, what must be typed, and what the cluster says at that moment. */
export class Decisions {
  readonly #deps: DecisionDeps;
  /** A thousand presses at once look at the cluster once. */
  readonly #looks = new Map<string, Promise<void>>();

  constructor(deps: DecisionDeps) {
    this.#deps = deps;
  }

  /** `planId` is the plan the person saw, absent when they named only the run; `typed` what they confirmed with. */
  async approve(
    fleet: Fleet,
    runId: string,
    planId: string | undefined,
    actor: Actor,
    typed?: string,
  ): Promise<Decision> {
    const { runs, clock } = this.#deps;
    const check = (run: Run) => mayApprove(run, planId, actor, fleet.policy, this.#lock(fleet), clock.now());
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
    const seen = run.plan.id;
    await this.#lookAgain(fleet, runId);
    const looked = this.#run(runId);
    if (looked.phase === 'in-sync' || looked.phase === 'blocked') return this.#refuse(movedOn, looked, actor);
    const approval = { by: { chat: actor.chat, id: actor.id, name: actor.name }, at: clock.now() };
    const moved = await runs.decide(runId, (now) => {
      const still = mayApprove(now, seen, actor, fleet.policy, this.#lock(fleet), clock.now());
      if (still !== undefined) return { refused: still };
      const first = () => this.#audit('approved', actor, runId, run.plan.digest);
      return { event: { type: 'approved', approval }, first };
    });
    if ('refused' in moved) return this.#refuse(moved.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: moved.run.phase === 'queued' };
  }

  async reject(
    fleet: Fleet,
    runId: string,
    planId: string | undefined,
    actor: Actor,
    reason?: string,
  ): Promise<Decision> {
    const { runs, clock } = this.#deps;
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    const moved = await runs.decide(runId, (run) => {
      const refused = mayReject(run, planId, actor, fleet.policy, clock.now());
      if (refused !== undefined) return { refused };
      const at = clock.now();
      const plan = 'plan' in run ? run.plan?.digest : undefined;
      const first = async () => {
        await this.#audit('rejected', actor, runId, plan, reason);
        if (run.trigger.kind === 'drift' && run.phase === 'planned') await this.#ignore(fleet, run.plan, at);
      };
      return { event: { type: 'rejected', by, at, ...(reason === undefined ? {} : { reason }) }, first };
    });
    if ('refused' in moved) return this.#refuse(moved.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: false };
  }

  /** Asks for the reason first where the chat can show a form. */
  askReason(fleet: Fleet, runId: string, planId: string | undefined, actor: Actor): Answer {
    const run = this.#run(runId);
    const refused = mayReject(run, planId, actor, fleet.policy, this.#deps.clock.now());
    return refused === undefined ? { kind: 'form', form: rejectForm(run, planId) } : note(refused);
  }

  /** Stops an apply between two guests, or takes a queued run out of the lane. */
  async cancel(fleet: Fleet, runId: string, actor: Actor): Promise<Decision> {
    const { runs, clock } = this.#deps;
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    const first = () => this.#audit('cancelled', actor, runId);
    const moved = await runs.decide<Refusal>(runId, (run) => {
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
    if ('refused' in moved) return this.#refuse(moved.refused, this.#run(runId), actor);
    return { answer: { kind: 'none' }, begins: false };
  }

  /** At the click the state is read anew; a plan that would differ takes the place of the one that was shown. */
  #lookAgain(fleet: Fleet, runId: string): Promise<void> {
    const look = this.#looks.get(runId) ?? this.#look(fleet, runId).finally(() => this.#looks.delete(runId));
    this.#looks.set(runId, look);
    return look;
  }

  async #look(fleet: Fleet, runId: string): Promise<void> {
    const { runs, clock, log } = this.#deps;
    const run = this.#run(runId);
    if (run.phase !== 'planned') return;
    const event = await planAgain(fleet, run, clock);
    if (event === undefined) return;
    try {
      await runs.decide(runId, (now) =>
        now.phase === 'planned' && now.plan.digest === run.plan.digest ? { event } : { refused: 'moved on' as const },
      );
    } catch (error) {
      if (!(error instanceof IllegalTransition)) throw error;
      log.debug({ run: runId, err: error }, 'a run was decided while it was looked at');
    }
  }

  async #refuse(refusal: Refusal, run: Run, actor: Actor): Promise<Decision> {
    const plan = 'plan' in run ? run.plan?.digest : undefined;
    await this.#audit('refused', actor, run.id, plan, refusal.code);
    return { answer: note(refusal), begins: false };
  }

  /** A drift that is rejected is not shown again for a while. */
  async #ignore(fleet: Fleet, plan: Plan, at: number): Promise<void> {
    const { store } = this.#deps;
    const ignored = { digest: driftDigest(plan), until: at + ignoredMs };
    await store.saveFleet(fleet.name, { drifts: withKnown(store.fleet(fleet.name).drifts ?? [], ignored, at) });
  }

  #lock(fleet: Fleet): Lock | undefined {
    return this.#deps.store.fleet(fleet.name).lock;
  }

  #run(id: string): Run {
    const run = this.#deps.runs.get(id);
    if (run === undefined) throw new Error(`there is no run ${id}`);
    return run;
  }

  #audit(action: AuditEntry['action'], actor: Actor, run: string, plan?: string, detail?: string): Promise<void> {
    return this.#deps.store.audit({
      ...{ at: this.#deps.clock.now(), action, who: `${actor.chat}:${actor.id}`, run },
      ...(plan === undefined ? {} : { plan }),
      ...(detail === undefined ? {} : { detail: this.#deps.gate(detail) }),
    });
  }
}

/** The look at the click left nothing that could be approved. */
const movedOn: Refusal = {
  code: 'plan-drifted',
  text: 'The cluster moved, and nothing is left to approve. The card says how it stands.',
};

function note(refusal: Refusal): Answer {
  return { kind: 'note', text: refusal.text, code: refusal.code };
}

function decided(run: Run): Refusal {
  return { code: 'already-decided', text: `Run ${run.id} is ${run.phase}.` };
}
