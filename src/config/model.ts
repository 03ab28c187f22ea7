import type { ChatSetup } from '../chat/kind.ts';
import type { Policy } from '../core/policy.ts';
import type { Forge } from '../forge/forge.ts';
import type { Secret } from '../secret.ts';

/** The whole configuration, every default filled in. Durations in milliseconds, sizes in bytes. */
export interface Config {
  /** At least one; exactly one without a fleets file. */
  readonly fleets: readonly FleetConfig[];
  readonly clusters: readonly ClusterConfig[];
  readonly http: { readonly host: string; readonly port: number };
  /** Where people open the console, without a slash at its end; absent: not known. */
  readonly publicUrl?: string;
  /** Absent: webhooks are off. */
  readonly webhook?: { readonly secret: Secret };
  /** Absent: git is not polled. */
  readonly pollIntervalMs?: number;
  /** The chats that are on; at least one. */
  readonly chats: readonly ChatSetup[];
  /** The token of `/metrics`, beside that of a chat with a log-in; without either the metrics are off. */
  readonly metricsToken?: Secret;
  /** Absent: that check is off. */
  readonly drift: { readonly powerIntervalMs?: number; readonly planIntervalMs?: number };
  readonly nix: NixConfig;
  readonly stateDir: string;
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' };
  /** Every secret of the configuration, which the output gate masks. */
  readonly secrets: readonly Secret[];
  /** Patterns of tokens, which the gate masks as well. */
  readonly tokenShapes: readonly RegExp[];
  /** Warnings about settings that are valid but probably not intended; each begins with the variable's name. */
  readonly warnings: readonly string[];
  /** The warnings about risks that are open to people who may not approve. */
  readonly risks: readonly string[];
}

/** A cluster, the bot's token for it, and its trusted certificates. */
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

/** A fleet: its flake, its cluster, and the people who decide about it. */
export interface FleetConfig {
  readonly name: string;
  /** The name of its cluster. */
  readonly cluster: string;
  readonly git: GitConfig;
  /** Absent: not known, and nothing is sent to it. */
  readonly forge?: ForgeConfig;
  /** Whether requests from other repositories get a preview unasked. */
  readonly previewForks: boolean;
  readonly flake: FlakeConfig;
  /** The fleet's channel in each chat, by chat. */
  readonly channels: Readonly<Record<string, string>>;
  /** The policy, with the fleet's place in each chat that is on. */
  readonly policy: Policy;
  readonly planExpiryMs: number;
  readonly rollbackWindowMs: number;
  readonly onStopped: 'start' | 'report';
}

/** The place of the flake in its repository, and of the images of VMs and of containers in the flake. */
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

/** The forge of a repository. */
export interface ForgeConfig {
  readonly name: Forge['name'];
  /** Base of its API, without a slash at its end. */
  readonly apiUrl: string;
  /** `owner/name` as the clone address spells it. */
  readonly project: string;
  /** Absent: nothing is sent. */
  readonly token?: Secret;
}

/** The settings of Nix, the same for every fleet. */
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
