import type { Chat, MessageRef } from '../chat/chat.ts';
import type { Card } from '../views/card.ts';
import { cleanCard } from './clean-card.ts';
import type { Clock, Log } from './ports.ts';

/** How long to wait before a chat that failed is tried again: doubling from the first to the second. */
const retryMs = { first: 1000, most: 60_000 };

export interface ReporterOptions {
  readonly chats: readonly Chat[];
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: (text: string) => string;
  readonly editEveryMs: (chat: Chat) => number;
  /** Called when a message was posted somewhere new, so that it is found again after a restart. */
  readonly onShown: (runId: string, ref: MessageRef) => void;
  /** Called when a card is where people see it. */
  readonly onCard: (chat: string, runId: string, card: Card) => void;
}

/**
 * Shows runs in every chat. One message per run and chat; edits coalesce: the newest state wins and the final one
 * always arrives. A chat that is down is tried again and catches up; it never holds up a deploy or another chat.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #tracks = new Map<string, Track>();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /**
   * Shows a run's newest card; `ref` is where it was shown before. Returns at once: `draw` is called when a chat shows
   * it, and not at all for a state that a newer one has replaced by then.
   */
  show(runId: string, fleet: string, draw: () => Card, ref: MessageRef): void {
    for (const chat of this.#options.chats) this.#track(runId, fleet, chat, ref).show(draw);
  }

  /**
   * Shows a card that belongs to no run: what the machine did by itself. Each is a message of its own.
   * @param about tells one subject from another; of one subject the newest card is shown
   */
  announce(fleet: string, about: string, card: Card): void {
    const key = `${fleet}: ${about}`;
    this.forget(key);
    this.show(key, fleet, () => card, {});
  }

  /** Says something in the thread below a run's message, after what is being shown. */
  reply(runId: string, fleet: string, card: Card, ref: MessageRef): void {
    for (const chat of this.#options.chats) this.#track(runId, fleet, chat, ref).reply(card);
  }

  /**
   * Shows what waits without keeping to the pace, and resolves when it is shown. A chat that fails is not waited for.
   */
  async flush(): Promise<void> {
    await Promise.all([...this.#tracks.values()].map((track) => track.flush()));
  }

  /** Lets go of a run that is not kept any longer. What still waits to be shown of it is shown. */
  forget(runId: string): void {
    for (const chat of this.#options.chats) this.#tracks.delete(keyOf(runId, chat));
  }

  #track(runId: string, fleet: string, chat: Chat, ref: MessageRef): Track {
    const key = keyOf(runId, chat);
    const track = this.#tracks.get(key) ?? new Track({ ...this.#options, runId, fleet, chat, ref });
    this.#tracks.set(key, track);
    return track;
  }
}

function keyOf(runId: string, chat: Chat): string {
  return `${runId} ${chat.name}`;
}

interface TrackOptions extends ReporterOptions {
  readonly runId: string;
  readonly fleet: string;
  readonly chat: Chat;
  readonly ref: MessageRef;
}

/** One message in one chat. */
class Track {
  readonly #options: TrackOptions;
  #ref: MessageRef;
  /** Draws what is to be shown next; a newer one takes its place. */
  #draw: (() => Card) | undefined;
  #replies: readonly Card[] = [];
  #working = false;
  #hurry = false;
  #lastEdit: number | undefined;
  /** Ends the pause that is going on. */
  #wake: () => void = () => undefined;
  /** Called when there is nothing left to show, or the chat failed. */
  #onRest: (() => void)[] = [];

  constructor(options: TrackOptions) {
    this.#options = options;
    this.#ref = options.ref;
  }

  show(draw: () => Card): void {
    this.#draw = draw;
    this.#work();
  }

  reply(card: Card): void {
    this.#replies = [...this.#replies, card];
    this.#work();
  }

  flush(): Promise<void> {
    if (!this.#working) return Promise.resolve();
    this.#hurry = true;
    this.#wake();
    return new Promise((resolve) => this.#onRest.push(resolve));
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    let failures = 0;
    while (this.#draw !== undefined || this.#replies.length > 0) {
      await this.#pause(this.#untilNextEdit());
      try {
        await this.#showNewest();
        await this.#replyOldest();
        failures = 0;
      } catch (error) {
        const wait = Math.min(retryMs.first * 2 ** failures, retryMs.most);
        failures += 1;
        const { chat, runId, log } = this.#options;
        log.warn({ chat: chat.name, run: runId, err: error, retryInMs: wait }, 'a card could not be shown');
        this.#rest();
        await this.#pause(wait);
      }
    }
    // At once, with no turn of the event loop between: what comes later begins another loop.
    this.#working = false;
    this.#rest();
  }

  #untilNextEdit(): number {
    if (this.#hurry || this.#lastEdit === undefined || this.#draw === undefined) return 0;
    const { chat, clock, editEveryMs } = this.#options;
    const every = editEveryMs(chat);
    // A clock that was set back must not hold up an edit.
    return Math.min(every, Math.max(0, this.#lastEdit + every - clock.now()));
  }

  async #showNewest(): Promise<void> {
    const draw = this.#draw;
    if (draw === undefined) return;
    const { chat, clock, fleet, gate, onCard, onShown, runId } = this.#options;
    const before = this.#ref[chat.name];
    this.#draw = undefined;
    const card = draw();
    try {
      this.#ref = await chat.show(fleet, cleanCard(card, gate), this.#ref);
    } catch (error) {
      // A newer card that came in meanwhile is the one to show.
      this.#draw ??= draw;
      throw error;
    }
    this.#lastEdit = clock.now();
    onCard(chat.name, runId, card);
    if (this.#ref[chat.name] !== before) onShown(runId, this.#ref);
  }

  async #replyOldest(): Promise<void> {
    const [card] = this.#replies;
    // A reply belongs below the state it speaks of.
    if (card === undefined || this.#draw !== undefined) return;
    const { chat, fleet, gate } = this.#options;
    await chat.reply(fleet, cleanCard(card, gate), this.#ref);
    this.#replies = this.#replies.slice(1);
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    let callOff = () => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      callOff = this.#options.clock.after(ms, resolve);
    });
    callOff();
  }

  #rest(): void {
    const waiting = this.#onRest;
    this.#onRest = [];
    this.#hurry = false;
    for (const resolve of waiting) resolve();
  }
}
