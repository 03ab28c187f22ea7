import type { Builder } from '../builder/builder.ts';
import type { Chat } from '../chat/chat.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Policy } from '../core/policy.ts';
import type { Git } from '../git/git.ts';
import type { Health } from '../health/health.ts';
import type { Store } from '../store/store.ts';

/** A flake, a cluster, and who decides about it where. */
export interface Fleet {
  readonly name: string;
  readonly branch: string;
  /** `owner/name` in lower case: which pushes are meant. */
  readonly repository: string;
  /** Where commits can be seen in a browser; absent for a local repository. */
  readonly webUrl?: string;
  readonly git: Git;
  readonly builder: Builder;
  readonly cluster: Cluster;
  readonly health: Health;
  /** One run at a time per cluster: fleets with the same name here share a queue. */
  readonly clusterName: string;
  readonly policy: Policy;
  readonly planExpiryMs: number;
  /** How long a root disk that was taken out is kept, and images that nothing runs any more. */
  readonly rollbackWindowMs: number;
  /** What happens to a guest that stopped without proxnix. */
  readonly onStopped: 'start' | 'report';
  /** Set when more than one fleet is configured. */
  readonly tagged: boolean;
}

/** Static message, facts as fields. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Time, from outside. Delays in milliseconds. */
export interface Clock {
  now(): number;
  /** Calls back once; the answer calls it off. */
  after(ms: number, call: () => void): () => void;
}

/** Everything the pipeline works with. */
export interface Ports {
  readonly fleets: readonly Fleet[];
  readonly store: Store;
  readonly chats: readonly Chat[];
  readonly clock: Clock;
  readonly log: Log;
  /** The one gate all text passes on its way out: removes secrets. */
  readonly gate: (text: string) => string;
  /** The shortest time between two edits of one message. */
  readonly editEveryMs: (chat: Chat) => number;
  /** How long a fleet must be quiet after a push before it is looked at: ten pushes make one plan. */
  readonly pushQuietMs: number;
  /** What the configuration opens, one sentence each: `status` shows it. */
  readonly risks: readonly string[];
}
