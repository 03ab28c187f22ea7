import { cut } from '../lib/text.ts';
import {
  type ApplyingRun,
  type GuestNow,
  isPreview,
  type PlannedRun,
  type PlanningRun,
  type PreviewedRun,
  type QueuedRun,
  type Run,
  type RunEvent,
  type StepState,
} from './run.ts';

/** How many lines of a step's output a run keeps, and how many bytes of one. */
const outputLimit = 30;
const longestLine = 400;
/** The length of a reason for a rejection, in bytes. */
const longestReason = 2000;

/** An event that a run does not take in its phase. A double click causes one, and so does a bug. */
export class IllegalTransition extends Error {
  override readonly name = 'IllegalTransition';

  constructor(run: Run, event: RunEvent) {
    super(`Run ${run.id} is ${run.phase}: it takes no "${event.type}".`);
  }
}

/** The next state of a run. Pure; throws `IllegalTransition`. */
export function advance(run: Run, event: RunEvent): Run {
  const next = step(run, event);
  if (next === undefined) throw new IllegalTransition(run, event);
  return next;
}

const open: readonly Run['phase'][] = ['planning', 'planned', 'previewed', 'queued', 'applying'];

/** Has the run ended? An ended run takes no event. */
export function hasEnded(run: Run): boolean {
  return !open.includes(run.phase);
}

function step(run: Run, event: RunEvent): Run | undefined {
  switch (run.phase) {
    case 'planning':
      return whilePlanning(run, event);
    case 'planned':
      return whilePlanned(run, event);
    case 'previewed':
      return whilePreviewed(run, event);
    case 'queued':
      return whileQueued(run, event);
    case 'applying':
      return whileApplying(run, event);
    default:
      return undefined;
  }
}

function whilePlanning(run: PlanningRun, event: RunEvent): Run | undefined {
  const { phase: _phase, activity: _activity, attempts: _attempts, ...base } = run;
  if (isPreview(run) && ['in-sync', 'blocked', 'planned', 'superseded'].includes(event.type)) return undefined;
  switch (event.type) {
    case 'previewed':
      return isPreview(run) ? previewed(base, event) : undefined;
    case 'closed':
      return isPreview(run) ? { ...base, phase: 'closed', endedAt: event.at } : undefined;
    case 'progressed':
      return { ...run, activity: event.activity };
    case 'planning-begun':
      return { ...run, attempts: (run.attempts ?? 0) + 1 };
    case 'commit-found': {
      // The count begins anew with another commit, which may be planned where the one before made the bot stop.
      const { attempts: _attempts, warnings: _warnings, review: _review, ...rest } = run;
      return { ...rest, commit: event.commit };
    }
    case 'evaluated':
      return { ...run, warnings: event.warnings };
    case 'reviewed':
      return { ...run, review: event.review };
    case 'in-sync':
      return {
        ...base,
        phase: 'in-sync',
        endedAt: event.at,
        ...(event.standing === undefined ? {} : { standing: event.standing }),
      };
    case 'blocked':
      return { ...base, commit: event.plan.goal.commit, phase: 'blocked', plan: event.plan, endedAt: event.at };
    case 'planned':
      return planned(base, event);
    case 'failed':
      return { ...base, phase: 'failed', failure: event.failure, endedAt: event.at, steps: [] };
    case 'superseded':
      return { ...base, phase: 'superseded', byRun: event.byRun, endedAt: event.at };
    default:
      return undefined;
  }
}

type BaseOf<R extends Run> = Pick<
  R,
  'id' | 'fleet' | 'branch' | 'trigger' | 'startedAt' | 'ref' | 'offBranch' | 'warnings' | 'review'
>;

function planned(base: BaseOf<Run>, event: Extract<RunEvent, { type: 'planned' }>): PlannedRun {
  return {
    ...fromStart(base),
    phase: 'planned',
    commit: event.plan.goal.commit,
    plan: event.plan,
    plannedAt: event.at,
    expiresAt: event.expiresAt,
    needed: event.needed,
    approvals: [],
    ...(event.clusterChanges === undefined ? {} : { clusterChanges: event.clusterChanges }),
  };
}

function previewed(base: BaseOf<Run>, event: Extract<RunEvent, { type: 'previewed' }>): PreviewedRun {
  const { plan, expiresAt } = event;
  return { ...fromStart(base), phase: 'previewed', commit: plan.goal.commit, preview: plan, expiresAt };
}

/** Nothing but another commit of the request, and its end. */
function whilePreviewed(run: PreviewedRun, event: RunEvent): Run | undefined {
  const { warnings: _warnings, review: _review, ...base } = fromStart(run);
  switch (event.type) {
    case 'commit-found':
      return { ...base, phase: 'planning', activity: 'waiting', commit: event.commit };
    case 'closed':
      return { ...fromStart(run), commit: run.commit, phase: 'closed', endedAt: event.at };
    default:
      return undefined;
  }
}

/** The fields that a run keeps from its start to its end. */
function fromStart({ id, fleet, branch, trigger, startedAt, ref, offBranch, warnings, review }: BaseOf<Run>) {
  return {
    ...{ id, fleet, branch, trigger, startedAt },
    ...(ref === undefined ? {} : { ref }),
    ...(offBranch === undefined ? {} : { offBranch }),
    ...(warnings === undefined ? {} : { warnings }),
    ...(review === undefined ? {} : { review }),
  };
}

function whilePlanned(run: PlannedRun, event: RunEvent): Run | undefined {
  const { plan } = run;
  switch (event.type) {
    case 'approved': {
      if (run.approvals.some(({ by }) => by.chat === event.approval.by.chat && by.id === event.approval.by.id)) {
        return undefined;
      }
      const approvals = [...run.approvals, event.approval];
      if (approvals.length < run.needed) return { ...run, approvals };
      return { ...baseOf(run), plan, phase: 'queued', approvals, needed: run.needed, queuedAt: event.approval.at };
    }
    case 'expired':
      return { ...baseOf(run), plan, phase: 'expired', endedAt: event.at };
    default:
      return beforeApply(run, event);
  }
}

function whileQueued(run: QueuedRun, event: RunEvent): Run | undefined {
  if (event.type !== 'started') return beforeApply(run, event);
  const { plan, approvals } = run;
  return {
    ...{ ...baseOf(run), plan, approvals, phase: 'applying', appliedFrom: event.at },
    steps: event.steps.map((one) => ({ step: one, state: 'waiting', output: [] })),
  };
}

/** The next state of a planned or queued run whose apply has not begun. */
function beforeApply(run: PlannedRun | QueuedRun, event: RunEvent): Run | undefined {
  const { plan } = run;
  const base = baseOf(run);
  switch (event.type) {
    // The cluster changed: earlier approvals are void, and the new plan needs approvals of its own.
    case 'planned':
      return planned(withoutCost(base), event);
    case 'in-sync':
      return { ...base, phase: 'in-sync', endedAt: event.at };
    case 'blocked':
      return { ...base, phase: 'blocked', plan: event.plan, endedAt: event.at };
    case 'rejected':
      return {
        ...{ ...base, plan, phase: 'rejected', by: event.by, endedAt: event.at },
        ...(event.reason === undefined ? {} : { reason: cut(event.reason, longestReason) }),
      };
    case 'superseded':
      return { ...base, plan, phase: 'superseded', byRun: event.byRun, endedAt: event.at };
    case 'failed':
      return { ...base, phase: 'failed', failure: event.failure, endedAt: event.at, steps: [] };
    default:
      return undefined;
  }
}

/** The fields that a run with a plan keeps to its end. */
function baseOf(run: PlannedRun | QueuedRun) {
  return { ...fromStart(run), commit: run.commit };
}

/** The cost was that of another plan; the rest of the review stays true. */
function withoutCost<Base extends BaseOf<Run>>(base: Base): Base {
  if (base.review?.cost === undefined) return base;
  const { cost: _, ...review } = base.review;
  return { ...base, review };
}

function whileApplying(run: ApplyingRun, event: RunEvent): Run | undefined {
  const { phase: _phase, cancelledBy, ...ended } = run;
  const change = (id: string, next: (state: StepState) => StepState): Run => ({
    ...run,
    steps: run.steps.map((state) => (state.step.id === id ? next(state) : state)),
  });
  switch (event.type) {
    case 'step-started':
      return change(event.id, (state) => ({ ...state, state: 'running', startedAt: event.at }));
    case 'task':
      return change(event.id, (state) => ({ ...state, upid: event.upid }));
    case 'progress':
      return change(event.id, (state) => ({
        ...state,
        progress: {
          text: cut(event.text, longestLine),
          ...(event.fraction === undefined ? {} : { fraction: event.fraction }),
        },
      }));
    case 'output':
      return change(event.id, (state) => ({
        ...state,
        output: [...state.output, cut(event.line, longestLine)].slice(-outputLimit),
      }));
    case 'step-done':
      return change(event.id, (state) => ({
        ...{ ...state, state: 'done', endedAt: event.at },
        ...(event.onlyRunning === undefined ? {} : { onlyRunning: event.onlyRunning }),
        ...(event.backup === undefined ? {} : { backup: event.backup }),
        ...(event.bytes === undefined ? {} : { bytes: event.bytes }),
      }));
    case 'cancel-asked':
      return cancelledBy === undefined ? { ...run, cancelledBy: event.by } : undefined;
    case 'cancelled':
      if (cancelledBy === undefined) return undefined;
      return {
        ...{ ...ended, ...seen(event), phase: 'cancelled', cancelledBy, endedAt: event.at },
        steps: stopped(run.steps, event.at),
      };
    case 'applied':
      if (run.steps.some((state) => state.state !== 'done')) return undefined;
      return { ...ended, phase: 'applied', endedAt: event.at, addresses: event.addresses };
    case 'failed': {
      const { plan, appliedFrom, approvals, steps, ...base } = ended;
      return {
        ...base,
        phase: 'failed',
        failure: event.failure,
        endedAt: event.at,
        applying: { plan, appliedFrom, approvals },
        ...seen(event),
        steps: stopped(steps, event.at),
      };
    }
    case 'interrupted':
      return {
        ...{ ...ended, ...seen(event), phase: 'interrupted', endedAt: event.at, notes: event.notes },
        steps: stopped(run.steps, event.at),
      };
    default:
      return undefined;
  }
}

function seen({ guestNow }: { readonly guestNow?: GuestNow }): { readonly guestNow?: GuestNow } {
  return guestNow === undefined ? {} : { guestNow };
}

/** The steps of an apply that stopped: the running step has failed, waiting steps are not started. */
function stopped(steps: readonly StepState[], at: number): readonly StepState[] {
  return steps.map((state) => {
    if (state.state === 'running') return { ...state, state: 'failed', endedAt: at };
    return state.state === 'waiting' ? { ...state, state: 'not-started' } : state;
  });
}
