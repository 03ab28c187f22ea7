import { z } from 'zod';
import type { Failure } from '../core/errors.ts';
import type { AccessChange, FactChange, FactsDifference } from '../core/facts-difference.ts';
import type { LockedInput } from '../core/flake-lock.ts';
import { imageFacts } from '../core/image-facts.ts';
import type { Cost, ImageReview, NewImage, Review } from '../core/review.ts';
import type { Approval, GuestNow, Run, StepState, Trigger, Who } from '../core/run.ts';
import { StoredCommit, StoredPlan, StoredStep } from './plan-schema.ts';
import { amount, lenient, list, name, optional, reads, strict, table, text, time, vmid } from './shape.ts';

/** A person as the store holds one. */
export const StoredWho = reads<Who>()(lenient({ chat: name, id: name, name: text }));

const StoredTrigger = reads<Trigger>()(
  z.discriminatedUnion('kind', [
    strict({ kind: z.enum(['push', 'poll', 'start']) }),
    strict({ kind: z.literal('drift') }),
    strict({ kind: z.enum(['command', 'plan-again']), by: StoredWho }),
    strict({ kind: z.literal('rollback'), by: StoredWho, vmid: optional(vmid) }),
    strict({ kind: z.literal('adopt'), by: StoredWho, guest: text }),
    strict({ kind: z.literal('pull'), number: amount, by: optional(StoredWho) }),
  ]),
);

const StoredApproval = reads<Approval>()(lenient({ by: StoredWho, at: time }));

const StoredFailure = reads<Failure>()(
  lenient({
    message: text,
    next: optional(text),
    details: list(text),
    log: optional(text),
    mayPass: optional(z.literal(true)),
    rolledBack: optional(lenient({ vmid, name: text, imageHash: optional(name), settings: optional(z.literal(true)) })),
  }),
);

const StoredStepState = reads<StepState>()(
  lenient({
    step: StoredStep,
    state: z.enum(['waiting', 'running', 'done', 'failed', 'not-started']),
    startedAt: optional(time),
    endedAt: optional(time),
    upid: optional(name),
    progress: optional(lenient({ fraction: optional(z.number().min(0).max(1)), text })),
    onlyRunning: optional(z.literal(true)),
    backup: optional(name),
    bytes: optional(amount),
    output: list(text),
  }),
);

const StoredInput = reads<LockedInput>()(lenient({ rev: name, at: optional(time) }));

const StoredCost = reads<Cost>()(
  lenient({
    downtimeMs: optional(table(amount)),
    like: optional(lenient({ run: name, ms: amount })),
    uploadBytes: optional(amount),
  }),
);

const turn = z.enum(['added', 'removed']);

const StoredAccessChange = reads<AccessChange>()(
  z.discriminatedUnion('what', [
    lenient({ what: z.enum(['user', 'wheel', 'password']), change: turn, user: text }),
    lenient({ what: z.literal('key'), change: z.enum(['added', 'removed', 'changed']), user: text, key: text }),
    lenient({ what: z.literal('key-files'), user: text, from: amount, to: amount }),
    lenient({ what: z.literal('firewall'), change: z.enum(['on', 'off']) }),
    lenient({
      ...{ what: z.literal('port'), change: turn, protocol: z.enum(['tcp', 'udp']) },
      ...{ from: amount, to: amount, on: optional(text) },
    }),
    lenient({ what: z.literal('trusted'), change: turn, on: text }),
    lenient({ what: z.literal('untold'), fact: z.enum(['users', 'firewall']) }),
  ]),
);

const StoredFactChange = reads<FactChange>()(
  lenient({
    what: z.enum(['mount', 'host', 'service', 'timer', 'socket', 'release', 'kernel']),
    ...{ name: text, from: optional(text), to: optional(text) },
  }),
);

const StoredDifference = reads<FactsDifference>()(
  lenient({
    access: list(StoredAccessChange),
    changes: list(StoredFactChange),
    packages: lenient({
      changed: list(lenient({ name: text, from: optional(text), to: optional(text) })),
      all: amount,
    }),
    unknown: list(imageFacts.keyof()),
  }),
);

const StoredNewImage = reads<NewImage>()(
  lenient({
    image: name,
    facts: optional(imageFacts.pick({ users: true, firewall: true, services: true, release: true, kernel: true })),
  }),
);

const StoredImageReview = reads<ImageReview>()(
  lenient({
    from: name,
    to: name,
    difference: optional(StoredDifference),
    notKnown: optional(z.enum(['from', 'to'])),
  }),
);

const StoredReview = reads<Review>()(
  lenient({
    commits: optional(lenient({ newest: list(StoredCommit), all: amount })),
    inputs: optional(list(lenient({ name: text, from: optional(StoredInput), to: optional(StoredInput) }))),
    undoes: optional(list(lenient({ vmid, name: text, runId: name, by: text }))),
    deeds: optional(list(lenient({ vmid, name: text, did: text, who: text, at: time }))),
    addresses: optional(table(text)),
    cost: optional(StoredCost),
    unreadFiles: optional(list(text)),
    images: optional(list(StoredImageReview)),
    newImages: optional(list(StoredNewImage)),
  }),
);

const StoredGuestNow = reads<GuestNow>()(
  lenient({
    ...{ vmid, name: text, status: z.enum(['running', 'stopped', 'unknown', 'gone']) },
    ...{ imageHash: optional(name), unfinished: optional(z.literal(true)) },
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
  offBranch: optional(z.literal([true, 'unknown'])),
  warnings: optional(list(text)),
  review: optional(StoredReview),
};
const withPlan = { ...base, commit: StoredCommit, plan: StoredPlan };
const approvals = list(StoredApproval);
const decided = { ...withPlan, approvals };
const begun = { ...decided, appliedFrom: time, steps: list(StoredStepState) };
const ended = { ...begun, endedAt: time };

/** A run, by its phase. The frame of each phase is `told`; what is strict on stands in `plan` and `steps`. */
export const StoredRun = reads<Run>()(
  z.discriminatedUnion('phase', [
    lenient({
      ...base,
      phase: z.literal('planning'),
      attempts: optional(amount),
      activity: z.enum(['waiting', 'fetching', 'evaluating', 'images', 'comparing']),
    }),
    lenient({ ...base, phase: z.literal('in-sync'), endedAt: time, standing: optional(name) }),
    lenient({ ...withPlan, phase: z.literal('blocked'), endedAt: time }),
    lenient({
      ...decided,
      phase: z.literal('planned'),
      plannedAt: time,
      expiresAt: time,
      needed: amount,
      clusterChanges: optional(list(text)),
    }),
    lenient({ ...base, phase: z.literal('previewed'), commit: StoredCommit, preview: StoredPlan, expiresAt: time }),
    lenient({ ...base, phase: z.literal('closed'), endedAt: time }),
    lenient({ ...decided, phase: z.literal('queued'), needed: amount, queuedAt: time }),
    lenient({ ...begun, phase: z.literal('applying'), cancelledBy: optional(StoredWho) }),
    lenient({ ...ended, phase: z.literal('applied'), addresses: table(text) }),
    lenient({
      ...base,
      phase: z.literal('failed'),
      endedAt: time,
      failure: StoredFailure,
      applying: optional(lenient({ plan: StoredPlan, appliedFrom: time, approvals })),
      guestNow: optional(StoredGuestNow),
      steps: list(StoredStepState),
    }),
    lenient({ ...ended, phase: z.literal('cancelled'), cancelledBy: StoredWho, guestNow: optional(StoredGuestNow) }),
    lenient({ ...ended, phase: z.literal('interrupted'), notes: list(text), guestNow: optional(StoredGuestNow) }),
    lenient({ ...withPlan, phase: z.literal('rejected'), endedAt: time, by: StoredWho, reason: optional(text) }),
    lenient({ ...base, phase: z.literal('superseded'), endedAt: time, plan: optional(StoredPlan), byRun: name }),
    lenient({ ...withPlan, phase: z.literal('expired'), endedAt: time }),
  ]),
);
