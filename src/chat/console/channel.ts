import PQueue from 'p-queue';
import type { Card } from '../../views/card.ts';
import type { ConsoleMessage, MessageStore } from './message-store.ts';

/** The changes of the channel after the version that a reader knows. */
export interface ChannelNews {
  readonly version: number;
  /** True: `messages` is the whole channel, because messages were removed. False: only the changed ones. */
  readonly whole: boolean;
  readonly messages: readonly ConsoleMessage[];
}

/** The store of the channel's messages, and their limit. */
export interface ChannelOptions {
  readonly store: MessageStore;
  readonly now: () => number;
  readonly newId: () => string;
  /** The number of messages that are kept; the oldest are removed first. */
  readonly keep: number;
}

/** The messages of the one console channel. A change is saved before readers see it, and has a version. */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #messages = new Map<string, ConsoleMessage>();
  readonly #changed = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #version = 0;
  #removedAt = 0;
  #order = 0;
  /** Runs changes one after the other, so that a simultaneous edit and reply are both kept. */
  readonly #changes = new PQueue({ concurrency: 1 });

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    const messages = [...(await this.#options.store.load())].sort((a, b) => a.order - b.order);
    this.#messages.clear();
    for (const message of messages) this.#put(message);
  }

  /** Oldest first. */
  list(): readonly ConsoleMessage[] {
    return [...this.#messages.values()];
  }

  get(id: string): ConsoleMessage | undefined {
    return this.#messages.get(id);
  }

  /** Shows a card: replaces the card of message `id`, or adds a message when there is none. @returns the message's id */
  show(fleet: string, card: Card, id: string | undefined): Promise<string> {
    return this.#changes.add(async () => {
      const message = this.#messages.get(id ?? '');
      if (message === undefined) return this.#post(fleet, card);
      if (!isSame(message.card, card)) await this.#save({ ...message, card, changedAt: this.#options.now() });
      return message.id;
    });
  }

  /** Adds a reply to a message's thread. If the message is gone the reply becomes a message, so that it is not lost. */
  reply(fleet: string, card: Card, id: string | undefined): Promise<void> {
    return this.#changes.add(async () => {
      const message = this.#messages.get(id ?? '');
      if (message === undefined) {
        await this.#post(fleet, card);
        return;
      }
      const at = this.#options.now();
      const reply = { id: this.#options.newId(), at, card };
      await this.#save({ ...message, replies: [...message.replies, reply], changedAt: at });
    });
  }

  /** The changes after `version`; the whole channel for `undefined`. */
  since(version: number | undefined): ChannelNews {
    if (version === undefined || version < this.#removedAt || version > this.#version) {
      return { version: this.#version, whole: true, messages: this.list() };
    }
    const messages = this.list().filter(({ id }) => (this.#changed.get(id) ?? 0) > version);
    return { version: this.#version, whole: false, messages };
  }

  /** Waits for a change after `version`, for the abort of the signal or for `ms` milliseconds. @returns true for a change */
  changeAfter(version: number, signal: AbortSignal, ms: number): Promise<boolean> {
    if (signal.aborted || this.#version > version) return Promise.resolve(this.#version > version);
    return new Promise((resolve) => {
      const done = (changed: boolean) => {
        clearTimeout(pause);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', end);
        resolve(changed);
      };
      const wake = () => done(true);
      const end = () => done(false);
      const pause = setTimeout(end, ms);
      this.#waiting.add(wake);
      signal.addEventListener('abort', end);
    });
  }

  async #post(fleet: string, card: Card): Promise<string> {
    await this.#makeRoom();
    const [id, at] = [this.#options.newId(), this.#options.now()];
    await this.#save({ id, order: this.#order + 1, fleet, at, changedAt: at, card, replies: [] });
    return id;
  }

  async #save(message: ConsoleMessage): Promise<void> {
    await this.#options.store.save(message);
    this.#put(message);
    for (const wake of [...this.#waiting]) wake();
  }

  #put(message: ConsoleMessage): void {
    this.#version += 1;
    this.#order = Math.max(this.#order, message.order);
    this.#messages.set(message.id, message);
    this.#changed.set(message.id, this.#version);
  }

  async #makeRoom(): Promise<void> {
    const tooMany = Math.max(0, this.#messages.size - this.#options.keep + 1);
    for (const { id } of this.list().slice(0, tooMany)) {
      await this.#options.store.remove(id);
      this.#version += 1;
      this.#removedAt = this.#version;
      this.#messages.delete(id);
      this.#changed.delete(id);
    }
  }
}

function isSame(a: Card, b: Card): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
