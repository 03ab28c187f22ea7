import type { Card } from '../../views/card.ts';

/** A card in the channel, with what was added to its thread. Times are milliseconds since the epoch. */
export interface ConsoleMessage {
  readonly id: string;
  /** Grows by one with each message: the order of the channel. */
  readonly order: number;
  readonly fleet: string;
  readonly at: number;
  readonly changedAt: number;
  readonly card: Card;
  readonly replies: readonly ConsoleReply[];
}

export interface ConsoleReply {
  readonly id: string;
  readonly at: number;
  readonly card: Card;
}

/** Where the channel's messages are kept, so that a restarted bot finds its cards again. */
export interface MessageStore {
  /** In any order. */
  load(): Promise<readonly ConsoleMessage[]>;
  /** Adds or replaces by id; done when it would survive the end of the process. */
  save(message: ConsoleMessage): Promise<void>;
  /** An unknown id is fine. */
  remove(id: string): Promise<void>;
}
