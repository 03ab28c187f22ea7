import type { FakeInteraction } from './fake-interaction.ts';

/** A message as it stands. */
export interface FakeMessage {
  readonly id: string;
  readonly channel: string;
  body: Readonly<Record<string, unknown>>;
  readonly files: ReadonlyMap<string, string>;
  edits: number;
  deleted: boolean;
  readonly nonce: string | undefined;
}

/** What Discord knows. */
export interface World {
  readonly gatewayUrl: string;
  readonly now: () => number;
  readonly guilds: Set<string>;
  readonly channelGuilds: Map<string, string>;
  /** Channels the bot may not write in. */
  readonly closed: Set<string>;
  readonly messages: FakeMessage[];
  /** Messages by id that take no edit any more, because they are older than an hour and were edited often. */
  readonly old: Set<string>;
  /** Names by id; the id is that of the message the thread hangs on. */
  readonly threads: Map<string, string>;
  readonly interactions: Map<string, FakeInteraction>;
  commands: unknown;
  registrations: number;
}
