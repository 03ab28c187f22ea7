import { z } from 'zod';
import type { Failure } from '../core/errors.ts';
import type { Approval, Run, StepState, Trigger, Who } from '../core/run.ts';
import { StoredCommit, StoredPlan, StoredStep } from './plan-schema.ts';
import { acted, amount, list, name, optional, reads, table, text, time, told, vmid } from './shape.ts';

export const StoredWho = reads<Who>()(told({ chat: name, id: name, name: text }));

const StoredTrigger = reads<Trigger>()(
  z.discriminatedUnion('kind', [
    acted({ kind: z.enum(['push', 'poll', 'start']) }),
    acted({ kind: z.literal('drift') }),
    acted({ kind: z.enum(['command', 'plan-again']), by: StoredWho }),
    acted({ kind: z.literal('roll-back'), by: StoredWho, vmid: optional(vmid) }),
    acted({ kind: z.literal('adopt'), by: StoredWho, guest: text }),
  ]),
);

const StoredApproval = reads<Approval>()(told({ by: StoredWho, at: time }));

const StoredFailure = reads<Failure>()(
  told({
    message: text,
    next: optional(text),
    details: list(text),
    rolledBack: optional(told({ vmid, name: text, imageHash: optional(name) })),
  }),
);

const StoredStepState = reads<StepState>()(
  told({
    step: StoredStep,
    state: z.enum(['waiting', 'running', 'done', 'failed', 'not-started']),
    startedAt: optional(time),
    endedAt: optional(time),
    upid: optional(name),
    progress: optional(told({ fraction: optional(z.number().min(0).max(1)), text })),
    output: list(text),
  }),
);

const base = {
  id: z.string().regex(/^r-\d{1,9}$/),
  fleet: name,
  branch: name,
  trigger: StoredTrigger,
  startedAt: time,
  commit: optional(StoredCommit),
  ref: optional(text),
  offBranch: optional(z.literal(true)),
};
const withPlan = { ...base, commit: StoredCommit, plan: StoredPlan };
const approvals = list(StoredApproval);
const decided = { ...withPlan, approvals };
const begun = { ...decided, appliedFrom: time, steps: list(StoredStepState) };
const ended = { ...begun, endedAt: time };

/** A run, by its phase. The frame of each phase is `told`; what is acted on stands in `plan` and `steps`. */
export const StoredRun = reads<Run>()(
  z.discriminatedUnion('phase', [
    told({
      ...base,
      phase: z.literal('planning'),
      attempts: optional(amount),
      activity: z.enum(['waiting', 'fetching', 'evaluating', 'images', 'comparing']),
    }),
    told({ ...base, phase: z.literal('in-sync'), endedAt: time, standing: optional(name) }),
    told({ ...withPlan, phase: z.literal('blocked'), endedAt: time }),
    told({
      ...decided,
      phase: z.literal('planned'),
      plannedAt: time,
      expiresAt: time,
      needed: amount,
      moved: optional(list(text)),
    }),
    told({ ...decided, phase: z.literal('queued'), needed: amount, queuedAt: time }),
    told({ ...begun, phase: z.literal('applying'), cancelledBy: optional(StoredWho) }),
    told({ ...ended, phase: z.literal('applied'), addresses: table(text) }),
    told({
      ...base,
      phase: z.literal('failed'),
      endedAt: time,
      failure: StoredFailure,
      applying: optional(told({ plan: StoredPlan, appliedFrom: time, approvals })),
      steps: list(StoredStepState),
    }),
    told({ ...ended, phase: z.literal('cancelled'), cancelledBy: StoredWho }),
    told({ ...ended, phase: z.literal('interrupted'), notes: list(text) }),
    told({ ...withPlan, phase: z.literal('rejected'), endedAt: time, by: StoredWho, reason: optional(text) }),
    told({ ...base, phase: z.literal('superseded'), endedAt: time, plan: optional(StoredPlan), byRun: name }),
    told({ ...withPlan, phase: z.literal('expired'), endedAt: time }),
  ]),
);
