import { advance } from '../../src/core/advance.ts';
import type { Commit } from '../../src/core/commit.ts';
import { parseDesired } from '../../src/core/desired.ts';
import type { Goal } from '../../src/core/goal.ts';
import {
  type ContainerSpec,
  type DesiredContainer,
  type DesiredVm,
  type GuestKind,
  type Image,
  imageHash,
  type VmSpec,
} from '../../src/core/guest.ts';
import type {
  KnownContainer,
  KnownVm,
  LiveContainer,
  LiveContainerConfig,
  LiveGuest,
  LiveNode,
  LiveState,
  LiveVm,
  LiveVmConfig,
} from '../../src/core/live.ts';
import { createPlan, type Plan } from '../../src/core/plan.ts';
import type { Actor, Policy } from '../../src/core/policy.ts';
import type { Approval, Phase, PlannedRun, PlanningRun, Run, RunEvent, Who } from '../../src/core/run.ts';
import { rowsOf } from '../../src/core/settings.ts';
import { planSteps } from '../../src/core/steps.ts';
import { finalTags, splitTags } from '../../src/core/tags.ts';
import type { CardContext } from '../../src/views/parts.ts';
import { heldDataDisks, heldFirmware } from './disks.ts';
import { heldSettings } from './settings.ts';

/** Sun 22 Nov 2026, 10:00 UTC: when the story of every test begins. */
export const t0 = 1_795_341_600_000;
export const minute = 60_000;
export const gib = 1024 ** 3;

export const ada: Who = { chat: 'console', id: 'ada', name: 'Ada' };
export const grace: Who = { chat: 'discord', id: '2002', name: 'Grace' };

/**
 * An image whose store hash is one letter, 32 times. `letter` must be one of Nix's base 32.
 */
export function anImage(letter = 'a', kind: GuestKind = 'vm', type: string = imageTypes[kind]): Image {
  return {
    kind,
    type,
    attr: `nixosConfigurations.${type}.config.system.build.${kind === 'vm' ? 'qcow2' : 'tarball'}`,
    drvPath: `/nix/store/${letter.repeat(32)}-nixos-image-${type}.drv`,
    storePath: `/nix/store/${letter.repeat(32)}-nixos-image-${type}`,
  };
}

const imageTypes: Readonly<Record<GuestKind, string>> = { vm: 'build-qcow2-website', container: 'build-lxc-website' };

type Entry = Readonly<Record<string, unknown>>;

/** What an entry must say, as that of `test-website` (823) in the flake of the article says it. */
const demanded: Entry = {
  ...{ name: 'test-website', vm_id: 823, image_type: imageTypes.vm, cores: 2, sockets: 1, memory_mb: 2048 },
  ...{ disk_gb: 20, storage_location: 'local-lvm', cloud_init: 'None', protected: false },
};

/** An entry of the flake: the fields that one of this kind must have, and those given. */
export function aFlakeEntry(kind: GuestKind, fields: Entry = {}): Entry {
  const needed = rowsOf(kind).filter((row) => row.kinds[kind]?.absent === 'refused');
  return { ...Object.fromEntries(needed.map(({ flake }) => [flake, demanded[flake]])), ...fields };
}

/** `test-website` (823) as the flake of the article wants it. */
export function aGuest(overrides: Partial<DesiredVm> = {}): DesiredVm {
  return { ...readVm('website', aFlakeEntry('vm')), image: anImage(), ...overrides };
}

/** `cache` (830), a container. */
export function aContainer(overrides: Partial<DesiredContainer> = {}): DesiredContainer {
  const entry = aFlakeEntry('container', { name: 'cache', vm_id: 830, image_type: 'lxc-cache', disk_gb: 4 });
  return { ...readContainer('cache', entry), image: anImage('c', 'container', 'lxc-cache'), ...overrides };
}

/** An entry of `proxnix.vms` as the program reads it, every default filled in. */
function readVm(key: string, entry: Entry): VmSpec {
  const [guest] = parseDesired({ vms: { [key]: entry } });
  if (guest?.kind !== 'vm') throw new Error(`${key} is no VM`);
  return guest;
}

/** An entry of `proxnix.containers` as the program reads it, every default filled in. */
function readContainer(key: string, entry: Entry): ContainerSpec {
  const [guest] = parseDesired({ containers: { [key]: entry } });
  if (guest?.kind !== 'container') throw new Error(`${key} is no container`);
  return guest;
}

export function aCommit(overrides: Partial<Commit> = {}): Commit {
  return { sha: '9b1f2ad0'.repeat(5), subject: 'website: more memory', author: 'Rowan', at: t0, ...overrides };
}

type LiveOverrides = Partial<Omit<LiveVm, 'config'>> & { readonly config?: Partial<LiveVmConfig> };

/** The guest wanted, live, as an apply leaves it: running, with its final tags. */
export function aLiveGuest(overrides: LiveOverrides = {}, wanted: DesiredVm = aGuest()): KnownVm {
  const { config, ...rest } = overrides;
  const { vmid, name, diskSlot, storage, diskGb } = wanted;
  const done = { imageHash: imageHash(wanted.image), commit: '4d0c8e17'.repeat(5) };
  return {
    kind: 'vm',
    vmid,
    node: wanted.node ?? 'pve1',
    name,
    status: 'running',
    tags: splitTags(finalTags([], done)),
    template: false,
    ...rest,
    config: {
      digest: `digest-${vmid}`,
      uuid: `00000000-0000-4000-8000-${String(vmid).padStart(12, '0')}`,
      ...heldSettings('vm', wanted),
      ...heldFirmware(wanted),
      disks: {
        [diskSlot]: { volid: `${storage}:vm-${vmid}-disk-0`, storage, sizeMb: diskGb * 1024 },
        ...heldDataDisks(wanted),
      },
      unused: {},
      boot: [diskSlot],
      pending: [],
      ...config,
    },
  };
}

type ContainerOverrides = Partial<Omit<LiveContainer, 'config'>> & { readonly config?: Partial<LiveContainerConfig> };

/** The container wanted, live, as an apply leaves it. */
export function aLiveContainer(
  overrides: ContainerOverrides = {},
  wanted: DesiredContainer = aContainer(),
): KnownContainer {
  const { config, ...rest } = overrides;
  const { vmid, name, storage, diskGb } = wanted;
  const done = { imageHash: imageHash(wanted.image), commit: '4d0c8e17'.repeat(5) };
  return {
    kind: 'container',
    ...{ vmid, node: wanted.node ?? 'pve1', name, status: 'running', template: false },
    tags: splitTags(finalTags([], done)),
    ...rest,
    config: {
      ...{ digest: `digest-${vmid}`, uuid: 'BC:24:11:00:08:30' },
      ...heldSettings('container', wanted),
      disks: {
        rootfs: { volid: `${storage}:vm-${vmid}-disk-0`, storage, sizeMb: diskGb * 1024 },
        ...heldDataDisks(wanted),
      },
      unused: {},
      pending: [],
      ...config,
    },
  };
}

/** A guest whose configuration was not read: somebody else's, or one on a node that is down. */
export function anUnreadGuest(overrides: Partial<Omit<LiveVm, 'config'>> = {}): LiveVm {
  const { config: _, ...guest } = aLiveGuest();
  return { ...guest, ...overrides };
}

/** The same for a container. */
export function anUnreadContainer(overrides: Partial<Omit<LiveContainer, 'config'>> = {}): LiveContainer {
  const { kind: _, config: _none, ...guest } = anUnreadGuest();
  return { kind: 'container', ...guest, ...overrides };
}

export function aNode(overrides: Partial<LiveNode> = {}): LiveNode {
  return { node: 'pve1', online: true, freeMemory: 8 * gib, storages: ['local-lvm'], ...overrides };
}

export function aState(guests: readonly LiveGuest[] = [], nodes: readonly LiveNode[] = [aNode()]): LiveState {
  return { guests, nodes };
}

export function aGoal(overrides: Partial<Goal> = {}): Goal {
  return { fleet: 'homelab', commit: aCommit(), guests: [aGuest()], ...overrides };
}

/** One line of a story: a plan from what is wanted and what is there. Nothing there: one create. */
export function aPlan(goal: Partial<Goal> = {}, guests: readonly LiveGuest[] = []): Plan {
  return createPlan(aGoal(goal), aState(guests));
}

/** Destroys test-old (830), replaces 822, updates 821, creates 820. */
export function aBigPlan(goal: Partial<Goal> = {}): Plan {
  const init = aGuest({ key: 'init', name: 'test-init', vmid: 820, imageType: 'build-qcow2-init' });
  const plane = aGuest({ key: 'cp', name: 'test-cp', vmid: 821, imageType: 'build-qcow2-cp' });
  const worker = aGuest({ key: 'worker', name: 'test-worker', vmid: 822, imageType: 'build-qcow2-worker' });
  const guests = [
    { ...init, image: anImage('a', 'vm', 'build-qcow2-init') },
    { ...plane, image: anImage('b', 'vm', 'build-qcow2-cp'), memoryMb: 4096 },
    { ...worker, image: anImage('c', 'vm', 'build-qcow2-worker') },
  ];
  return aPlan({ guests, ...goal }, [
    aLiveGuest({}, { ...plane, image: anImage('b', 'vm', 'build-qcow2-cp') }),
    aLiveGuest({}, { ...worker, image: anImage('d', 'vm', 'build-qcow2-worker') }),
    aLiveGuest({}, aGuest({ name: 'test-old', vmid: 830 })),
  ]);
}

export function aPolicy(overrides: Partial<Policy> = {}): Policy {
  return {
    approvers: ['console:ada', 'discord:user:2002', 'discord:role:77', 'slack:user:U01', 'slack:group:S01'],
    viewers: [],
    approvals: 1,
    authorMayApprove: true,
    authors: {},
    people: {},
    allowOtherBranches: false,
    places: [
      { chat: 'console', workspace: 'console', channel: 'homelab' },
      { chat: 'discord', workspace: '9000', channel: '9001' },
      { chat: 'slack', workspace: 'T01', channel: 'C01' },
    ],
    ...overrides,
  };
}

/** Ada at the console, in the right place. */
export function anActor(overrides: Partial<Actor> = {}): Actor {
  return { ...ada, groups: [], workspace: 'console', channel: 'homelab', ...overrides };
}

export function aContext(overrides: Partial<CardContext> = {}): CardContext {
  return {
    repository: 'acme/fleet',
    webUrl: 'https://git.example.org/acme/fleet',
    policy: { allowOtherBranches: false, approvers: ['console:ada'] },
    rollbackWindowMs: 24 * 60 * minute,
    applied: '4d0c8e17'.repeat(5),
    now: t0 + 5 * minute,
    ...overrides,
  };
}

export type RunIn<P extends Phase> = Extract<Run, { readonly phase: P }>;

/** A run in that phase, come there by events that are legal; `plan` is what it is about. */
export function aRun<P extends Phase>(phase: P, plan: Plan = aPlan(), overrides: Partial<RunIn<P>> = {}): RunIn<P> {
  return { ...makers[phase](plan), ...overrides };
}

/** Takes a run through several events. */
export function follow(run: Run, ...events: readonly RunEvent[]): Run {
  return events.reduce(advance, run);
}

/** The events of an apply in which the steps up to (without) `until` are done, four seconds each. */
export function stepsDone(plan: Plan, until?: string): readonly RunEvent[] {
  const ids = planSteps(plan).map((step) => step.id);
  const end = until === undefined ? ids.length : ids.indexOf(until);
  return ids.slice(0, end).flatMap((id, index): RunEvent[] => [
    { type: 'step-started', id, at: t0 + 2 * minute + index * 4000 },
    { type: 'step-done', id, at: t0 + 2 * minute + (index + 1) * 4000 },
  ]);
}

const approval: Approval = { by: ada, at: t0 + minute };

const makers: { readonly [P in Phase]: (plan: Plan) => RunIn<P> } = {
  planning: aPlanningRun,
  planned: aPlannedRun,
  'in-sync': (plan) => reach('in-sync', aPlanningRun(plan), { type: 'in-sync', at: t0 + 4000 }),
  blocked: (plan) => reach('blocked', aPlanningRun(plan), { type: 'blocked', plan, at: t0 + 4000 }),
  previewed: (plan) =>
    reach(
      'previewed',
      { ...aPlanningRun(plan), trigger: { kind: 'pull', number: 7 }, ref: 'pull/7', offBranch: true },
      { type: 'previewed', plan, expiresAt: t0 + 24 * 60 * minute },
    ),
  closed: (plan) => reach('closed', makers.previewed(plan), { type: 'closed', at: t0 + minute }),
  queued: (plan) => reach('queued', aPlannedRun(plan), { type: 'approved', approval }),
  applying: anApplyingRun,
  applied: (plan) =>
    reach('applied', anApplyingRun(plan), ...stepsDone(plan), { type: 'applied', at: t0 + 5 * minute, addresses: {} }),
  failed: (plan) => reach('failed', aPlanningRun(plan), { type: 'failed', failure: aFailure, at: t0 + 4000 }),
  cancelled: (plan) =>
    reach(
      'cancelled',
      anApplyingRun(plan),
      { type: 'cancel-asked', by: ada },
      { type: 'cancelled', at: t0 + 3 * minute },
    ),
  interrupted: (plan) =>
    reach('interrupted', anApplyingRun(plan), { type: 'interrupted', at: t0 + 9 * minute, notes: [] }),
  rejected: (plan) => reach('rejected', aPlannedRun(plan), { type: 'rejected', by: ada, at: t0 + minute }),
  superseded: (plan) => reach('superseded', aPlannedRun(plan), { type: 'superseded', byRun: 'r-42', at: t0 + minute }),
  expired: (plan) => reach('expired', aPlannedRun(plan), { type: 'expired', at: t0 + 24 * 60 * minute }),
};

const aFailure = { message: 'The evaluation failed.', next: 'Correct the flake and push again.', details: [] };

function aPlanningRun(plan: Plan): PlanningRun {
  return {
    id: 'r-41',
    fleet: plan.goal.fleet,
    branch: 'main',
    trigger: { kind: 'push' },
    startedAt: t0,
    commit: plan.goal.commit,
    phase: 'planning',
    activity: 'waiting',
  };
}

function aPlannedRun(plan: Plan): PlannedRun {
  const event = { type: 'planned', plan, at: t0 + 4000, expiresAt: t0 + 24 * 60 * minute, needed: 1 } as const;
  return reach('planned', aPlanningRun(plan), event);
}

function anApplyingRun(plan: Plan): RunIn<'applying'> {
  const events: readonly RunEvent[] = [
    { type: 'approved', approval },
    { type: 'started', steps: planSteps(plan), at: t0 + 2 * minute },
  ];
  return reach('applying', aPlannedRun(plan), ...events);
}

function reach<P extends Phase>(phase: P, run: Run, ...events: readonly RunEvent[]): RunIn<P> {
  const end = follow(run, ...events);
  if (!isIn(phase, end)) throw new Error(`the run is ${end.phase}, not ${phase}`);
  return end;
}

function isIn<P extends Phase>(phase: P, run: Run): run is RunIn<P> {
  return run.phase === phase;
}
