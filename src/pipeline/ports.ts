import type { Builder } from '../builder/builder.ts';
import type { Chat } from '../chat/chat.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Policy } from '../core/policy.ts';
import type { ForgeClient } from '../forge/forge.ts';
import type { Git } from '../git/git.ts';
import type { Health } from '../health/health.ts';
import type { Store } from '../store/store.ts';

/** A flake, a cluster, and the policy that says who decides in which channels. */
export interface Fleet {
  readonly name: string;
  readonly branch: string;
  /** `owner/name` in lower case; a push to this repository concerns the fleet. */
  readonly repository: string;
  /** The URL of the repository in a browser; absent for a local repository. */
  readonly webUrl?: string;
  /** Where a pull or merge request of it can be seen; absent where its forge is not known. */
  readonly pullUrl?: (number: number) => string;
  /** Whether requests from other repositories are previewed unasked. */
  readonly previewForks: boolean;
  readonly git: Git;
  /** Takes statuses and comments; absent: nothing is sent. */
  readonly forge?: ForgeClient;
  readonly builder: Builder;
  readonly cluster: Cluster;
  readonly health: Health;
  /** One run at a time per cluster: fleets with the same name here share a queue. */
  readonly clusterName: string;
  readonly policy: Policy;
  readonly planExpiryMs: number;
  /** How long retained root disks and images that no guest runs are kept, in milliseconds. */
  readonly rollbackWindowMs: number;
  /** What happens to a guest that stopped without proxnix. */
  readonly onStopped: 'start' | 'report';
  /** Set when more than one fleet is configured. */
  readonly tagged: boolean;
}

/** A log: the message is static, the facts are fields. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** The clock of the pipeline. Delays in milliseconds. */
export interface Clock {
  now(): number;
  /** Calls `call` once after `ms`. Returns a function that cancels the call. */
  after(ms: number, call: () => void): () => void;
}

/** Everything the pipeline needs. */
export interface Ports {
  readonly fleets: readonly Fleet[];
  readonly store: Store;
  readonly chats: readonly Chat[];
  readonly clock: Clock;
  readonly log: Log;
  /** The output gate, through which every text leaves: it removes secrets. */
  readonly gate: (text: string) => string;
  /** The shortest time between two edits of one message, in milliseconds. */
  readonly editEveryMs: (chat: Chat) => number;
  /** How long after the last push a fleet's repository is fetched, in milliseconds: ten pushes make one plan. */
  readonly pushQuietMs: number;
  /** The address of a run's page in the console; absent: not known. */
  readonly runUrl?: (runId: string) => string;
  /** The risks that the configuration accepts, one sentence each, for `status`. */
  readonly risks: readonly string[];
}
