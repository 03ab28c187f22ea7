import type { Lock } from '../core/policy.ts';
import { planOf, type Run } from '../core/run.ts';
import { runLine } from './answer-cards.ts';
import type { PersonRef } from './card.ts';

/** A node for people to look at; absent figures are unknown. */
export interface SeenNode {
  readonly node: string;
  readonly online: boolean;
  /** In bytes. */
  readonly memory?: { readonly used: number; readonly total: number };
  readonly cpus?: number;
  /** Seconds since its start. */
  readonly uptime?: number;
  readonly url: string;
}

/** A storage for people to look at: of one node, or one that several share. */
export interface SeenStorage {
  readonly storage: string;
  /** More than one where they share it. */
  readonly nodes: readonly string[];
  /** `dir`, `lvmthin`, … */
  readonly type: string;
  /** In bytes; absent where it is not active or nothing is known. */
  readonly space?: { readonly used: number; readonly total: number };
  readonly url: string;
}

/** A guest of a fleet as people look at it; what is absent is unknown. */
export interface SeenFleetGuest {
  readonly name: string;
  readonly vmid: number;
  readonly kind: 'vm' | 'container';
  readonly node: string;
  /** `unfinished`: an apply began work on it and did not end it. */
  readonly state: 'running' | 'stopped' | 'paused' | 'unfinished' | 'unknown';
  readonly image?: { readonly hash: string; readonly type?: string };
  /** `at`: when it was committed; `url`: where it can be seen. */
  readonly commit?: { readonly sha: string; readonly at?: number; readonly url?: string };
  readonly address?: string;
  /** Seconds since its start. */
  readonly uptime?: number;
  /** The newest run that worked on it. */
  readonly lastRun?: RunRef;
  /** Whether it is as it was applied; with the run that shows the drift. */
  readonly drift:
    | { readonly kind: 'none' | 'unknown' }
    | { readonly kind: 'drifted' | 'rolled-back'; readonly run: string };
  /** Where it can be seen in the cluster's own interface. */
  readonly url: string;
}

/** A run in one line. */
export interface RunRef {
  readonly id: string;
  readonly phase: Run['phase'];
  readonly text: string;
  /** When it began. */
  readonly at: number;
}

/** A fleet as people look at it. */
export interface SeenFleet {
  readonly fleet: string;
  readonly branch: string;
  /** What the cluster told last, and when; absent as long as it told nothing. */
  readonly cluster?: {
    readonly at: number;
    readonly guests: readonly SeenFleetGuest[];
    readonly nodes: readonly SeenNode[];
    readonly storages: readonly SeenStorage[];
  };
  readonly open: readonly RunRef[];
  /** Run ids in the queue, the running one first; `of another fleet` in place of the id of another fleet's run. */
  readonly queue: readonly string[];
  readonly lastRun?: RunRef;
  readonly lock?: { readonly reason: string; readonly by: PersonRef };
}

/** Whether something outside of the bot answered when it was used last. */
export interface Reached {
  readonly kind: 'Proxmox' | 'Git' | 'Chat';
  /** The cluster, the repository or the chat. */
  readonly name: string;
  /** `unknown`: it was not used yet. */
  readonly state: 'well' | 'failing' | 'unknown';
  /** When it answered last. */
  readonly lastAt?: number;
  /** Why it fails. */
  readonly problem?: string;
}

/** Everything that the page of the fleets shows. Times are milliseconds since the epoch. */
export interface Overview {
  readonly fleets: readonly SeenFleet[];
  readonly reached: readonly Reached[];
}

/** A run in one line, for a list. */
export function runRef(run: Run): RunRef {
  return { id: run.id, phase: run.phase, text: runLine(run), at: run.startedAt };
}

/** A lock as people see it. */
export function seenLock({ reason, by }: Lock): NonNullable<SeenFleet['lock']> {
  return { reason, by };
}

/** A moment in the life of a run. */
export interface RunTime {
  readonly what: string;
  readonly at: number;
}

/** When what happened to a run, in its order, as far as the run tells. */
export function runTimes(run: Run): readonly RunTime[] {
  const approvals = 'approvals' in run ? run.approvals : run.phase === 'failed' ? (run.applying?.approvals ?? []) : [];
  const appliedFrom =
    'appliedFrom' in run ? run.appliedFrom : run.phase === 'failed' ? run.applying?.appliedFrom : undefined;
  return [
    { what: 'begun', at: run.startedAt },
    ...(run.phase === 'planned' ? [{ what: 'planned', at: run.plannedAt }] : []),
    ...approvals.map(({ by, at }) => ({ what: `approved by ${by.name}`, at })),
    ...(appliedFrom === undefined ? [] : [{ what: 'apply begun', at: appliedFrom }]),
    ...('endedAt' in run ? [{ what: run.phase, at: run.endedAt }] : []),
    ...(run.phase === 'planned' ? [{ what: 'expires', at: run.expiresAt }] : []),
  ];
}

/** Whether a run planned something for a guest. */
export function concerns(run: Run, vmid: number): boolean {
  return planOf(run)?.changes.some((change) => change.vmid === vmid && change.blocked === undefined) ?? false;
}
