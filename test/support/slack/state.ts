/** What the local Slack knows. Plain data, so a test may look at all of it and prepare any of it. */
export interface Profile {
  readonly id: string;
  readonly name: string;
  readonly team_id: string;
  readonly deleted?: boolean;
  readonly is_bot?: boolean;
  readonly is_restricted?: boolean;
  readonly is_ultra_restricted?: boolean;
  readonly is_stranger?: boolean;
  readonly enterprise_user?: { readonly enterprise_id: string };
}

export interface Posted {
  readonly channel: string;
  readonly ts: string;
  readonly thread_ts: string | undefined;
  text: string;
  blocks: readonly Json[];
  edits: number;
}

export interface Whisper {
  readonly user: string;
  readonly channel: string;
  readonly text: string;
  readonly blocks: readonly Json[];
  readonly by: 'response_url' | 'chat.postEphemeral';
}

export interface SharedFile {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  readonly channel: string;
  readonly thread_ts: string | undefined;
}

export interface View {
  readonly id: string;
  readonly callback_id: string;
  readonly private_metadata: string;
  readonly title: { readonly text: string };
  readonly submit: { readonly text: string };
  readonly blocks: readonly Json[];
}

export type Json = { readonly [key: string]: unknown };

/** How a call of a method goes wrong: refused by Slack, rate-limited, not done, done with the answer lost, or slow. */
export type Mishap =
  | { readonly error: string; readonly after?: number }
  | { readonly retryAfter: number }
  | { readonly status: number }
  | { readonly lost: 'request' | 'answer' }
  | { readonly waitFor: Promise<void> };

export interface Recorded {
  readonly kind: string;
  readonly body: Json;
}

export interface State {
  readonly team: string;
  /** The grid that the workspace belongs to. */
  enterprise: string | undefined;
  readonly people: Map<string, Profile>;
  readonly groups: Map<string, readonly string[]>;
  /** Channels by id; `true`: the bot is in it. */
  readonly channels: Map<string, boolean>;
  readonly messages: Posted[];
  /** Messages by ts that are too old to be edited. */
  readonly old: Set<string>;
  readonly whispers: Whisper[];
  readonly files: SharedFile[];
  readonly uploads: Map<string, { readonly name: string; text: string }>;
  readonly views: View[];
  /** When each trigger was made, by the server's clock; a used one is gone. */
  readonly triggers: Map<string, number>;
  /** Uses left and who may see the answer, by path. */
  readonly responses: Map<
    string,
    { left: number; readonly until: number; readonly user: string; readonly channel: string }
  >;
  readonly mishaps: Map<string, Mishap[]>;
  readonly calls: { readonly method: string; readonly token: string; readonly body: Json }[];
  readonly recorded: Recorded[];
  /** Milliseconds by which the server's clock is ahead. */
  ahead: number;
  serial: number;
}

export function newState(): State {
  return {
    team: 'T0HOMELAB1',
    enterprise: undefined,
    people: new Map(),
    groups: new Map(),
    channels: new Map([['C0DEPLOY01', true]]),
    messages: [],
    old: new Set(),
    whispers: [],
    files: [],
    uploads: new Map(),
    views: [],
    triggers: new Map(),
    responses: new Map(),
    mishaps: new Map(),
    calls: [],
    recorded: [],
    ahead: 0,
    serial: 100,
  };
}

export function clock(state: State): number {
  return Date.now() + state.ahead;
}

export function nextSerial(state: State): number {
  state.serial += 1;
  return state.serial;
}
