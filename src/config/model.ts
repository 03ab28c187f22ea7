import type { ChatSetup } from '../chat/kind.ts';
import type { Policy } from '../core/policy.ts';
import type { Secret } from '../secret.ts';

/** The whole configuration, every default filled in. Durations in milliseconds, sizes in bytes. */
export interface Config {
  /** At least one; one alone when it comes from the plain environment. */
  readonly fleets: readonly FleetConfig[];
  readonly clusters: readonly ClusterConfig[];
  readonly http: { readonly host: string; readonly port: number };
  /** Absent: webhooks are off. */
  readonly webhook?: { readonly secret: Secret };
  /** Absent: git is not polled. */
  readonly pollIntervalMs?: number;
  /** The chats that are on; at least one. */
  readonly chats: readonly ChatSetup[];
  /** What `/metrics` asks for, besides the token of a chat with a door; without either the metrics are off. */
  readonly metricsToken?: Secret;
  /** Absent: that check is off. */
  readonly drift: { readonly powerIntervalMs?: number; readonly planIntervalMs?: number };
  readonly nix: NixConfig;
  readonly stateDir: string;
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' };
  /** Every secret of the above: what the output gate takes out. */
  readonly secrets: readonly Secret[];
  /** Forms of tokens that the gate takes out as well, whoever's they are. */
  readonly tokenShapes: readonly RegExp[];
  /** What is allowed and probably not meant; one sentence each, begins with the variable's name. */
  readonly warnings: readonly string[];
  /** Those of the warnings that tell what is open to people who may not approve. */
  readonly risks: readonly string[];
}

/** A cluster and how the bot proves itself to it, and it to the bot. */
export interface ClusterConfig {
  readonly name: string;
  /** Origin, without a slash at its end. */
  readonly url: string;
  /** `user@realm!token`. */
  readonly tokenId: string;
  readonly tokenSecret: Secret;
  /** Certificates in PEM that are trusted instead of the system's. */
  readonly ca?: string;
  /** SHA-256, upper case with colons. Empty: the chain decides. */
  readonly fingerprints: readonly string[];
  /** The storage that images are uploaded to; `import` for VMs and `vztmpl` for containers are in its content. */
  readonly imageStorage: string;
  readonly pool?: string;
}

/** A fleet: which flake is deployed where, and who decides about it. */
export interface FleetConfig {
  readonly name: string;
  /** The name of its cluster. */
  readonly cluster: string;
  readonly git: GitConfig;
  readonly flake: FlakeConfig;
  /** By chat, the channel that the fleet is shown in. */
  readonly channels: Readonly<Record<string, string>>;
  /** With its place in each chat that is on. */
  readonly policy: Policy;
  readonly planExpiryMs: number;
  readonly rollbackWindowMs: number;
  readonly onStopped: 'start' | 'report';
}

/** Where the flake is in its repository, and the images in it: those of VMs, then those of containers. */
export interface FlakeConfig {
  readonly dir?: string;
  readonly imageAttribute: string;
  readonly imageFile?: string;
  readonly containerAttribute: string;
  readonly containerFile?: string;
}

/** The repository of a flake. */
export interface GitConfig {
  readonly url: string;
  readonly branch: string;
  readonly token?: Secret;
  readonly sshCommand?: string;
  /** `owner/name` in lower case, as webhooks name it; absent only when webhooks are off. */
  readonly repository?: string;
}

/** How Nix is used; the same for every fleet. */
export interface NixConfig {
  readonly evalTimeoutMs: number;
  readonly buildTimeoutMs: number;
  readonly evalMemoryBytes: number;
  /** Images evaluated in one process. */
  readonly batch: number;
  /** Processes at once. */
  readonly workers: number;
  /** Evaluations run in a sandbox. */
  readonly evalSandbox: boolean;
  /** Hosts that an evaluation may reach. */
  readonly evalHosts: readonly string[];
  /** Each fleet has a Nix store of its own, in the state folder. */
  readonly privateStore: boolean;
  readonly allowIfd: boolean;
  readonly restrictEval: boolean;
  /** Lines `key = value` for Nix. */
  readonly settings: readonly string[];
}
