import type { MessageRef } from '../chat/chat.ts';
import type { AcknowledgedDrift } from '../core/acknowledged-drift.ts';
import type { GuestFacts } from '../core/guest-facts.ts';
import type { KnownImage } from '../core/image-facts.ts';
import type { Lock } from '../core/policy.ts';
import type { RetainedDisk } from '../core/retained-disks.ts';
import type { Run } from '../core/run.ts';

/** A stored run, with the place where it is shown in each chat. */
export interface SavedRun {
  readonly run: Run;
  readonly messages: MessageRef;
}

/** The stored facts of a fleet. */
export interface FleetRecord {
  /** The newest commit that a plan was made for, or begun. */
  readonly lastSeen?: string;
  /** The commit of the last apply that ended well. */
  readonly applied?: string;
  readonly lock?: Lock;
  /** VMIDs of the guests that ran at the last power check, or at the end of a later apply. */
  readonly running?: readonly number[];
  /** Retained root disks that are not deleted yet. */
  readonly retainedDisks?: readonly RetainedDisk[];
  /** What is known of guests besides what the cluster tells. */
  readonly guests?: readonly GuestFacts[];
  /**
   * Store hashes of the images whose files runs of this store uploaded, the newest last: only these are deleted. Another
   * bot may use the same storage.
   */
  readonly uploadedImages?: readonly string[];
  /** What is known of the inside of images that guests run or may run. Only shown. */
  readonly images?: readonly KnownImage[];
  /** Drifts that were shown, or are ignored. */
  readonly acknowledgedDrifts?: readonly AcknowledgedDrift[];
}

/** Facts of a fleet to change; `undefined` removes one. */
export type FleetChange = { readonly [Key in keyof FleetRecord]: FleetRecord[Key] | undefined };

/** A part of a store that could not be read, in words: `run r-41`, `plan.goal: expected object`. */
export interface LostPart {
  readonly what: string;
  readonly why: string;
}

/** A store that could not be read whole. */
export interface SetAside {
  /** The name of the file beside the store that holds it as it was found. */
  readonly file: string;
  readonly lost: readonly LostPart[];
  /** The highest number of a run in that file: no later run takes one that stands on a card. */
  readonly highestRun: number;
}

/** One line of the audit: who did what, to which plan, from where. */
export interface AuditEntry {
  readonly at: number;
  readonly action:
    | 'approved'
    | 'rejected'
    | 'cancelled'
    | 'started'
    | 'ended'
    | 'refused'
    | 'locked'
    | 'unlocked'
    | 'guest-started'
    | 'collected';
  readonly who: string;
  readonly run?: string;
  readonly plan?: string;
  readonly detail?: string;
}

/**
 * The state that survives a restart. Reads come from memory; a write that resolves is on disk. The live cluster and the
 * flake are the truth: deleting the store never leads to a wrong plan.
 */
export interface Store {
  /** The parts that could not be read when the store was opened; `undefined` when all could. */
  readonly setAside: SetAside | undefined;
  /**
   * Oldest first. Of each fleet the newest 100 runs that reached an apply are kept and the newest 100 others; those that
   * have not ended always.
   */
  runs(): readonly SavedRun[];
  /** Saves a run; where it is shown stays as it was saved. */
  saveRun(run: Run): Promise<void>;
  /** Saves where a run is shown: these chats are added to those known. Nothing happens for a run that is not kept. */
  saveMessages(runId: string, messages: MessageRef): Promise<void>;
  /** Gives the places where a run is shown to another run, in place of its own. Nothing happens when one is not kept. */
  moveMessages(from: string, to: string): Promise<void>;
  fleet(name: string): FleetRecord;
  saveFleet(name: string, change: FleetChange): Promise<void>;
  /** Appends to the audit, each line chained to the one before by its hash. */
  audit(entry: AuditEntry): Promise<void>;
  /** Waits for pending writes and releases the instance lock. */
  close(): Promise<void>;
}
