import type { SlackMessage } from './card.ts';
import type { Gate } from './gate.ts';

/** An edit of one message; `waiting` until its request leaves. */
interface Edit {
  message: SlackMessage;
  waiting: boolean;
  readonly done: Promise<void>;
}

/** Edits with one request in flight per message: while one waits, a newer state takes its place. */
export class Edits {
  readonly #gate: Gate;
  readonly #send: (key: string, message: SlackMessage) => Promise<void>;
  readonly #last = new Map<string, Edit>();

  constructor(gate: Gate, send: (key: string, message: SlackMessage) => Promise<void>) {
    this.#gate = gate;
    this.#send = send;
  }

  /** Resolves when this state, or a newer one, stands in the message. */
  edit(key: string, message: SlackMessage): Promise<void> {
    const last = this.#last.get(key);
    if (last?.waiting === true) {
      last.message = message;
      return last.done;
    }
    const before = last?.done ?? Promise.resolve();
    const edit: Edit = { message, waiting: true, done: before.then(ignore, ignore).then(() => this.#run(key, edit)) };
    this.#last.set(key, edit);
    return edit.done;
  }

  async #run(key: string, edit: Edit): Promise<void> {
    try {
      await this.#gate.run(async () => {
        edit.waiting = false;
        try {
          await this.#send(key, edit.message);
        } catch (error) {
          // The gate may try again: until then a newer state may still take this one's place.
          edit.waiting = this.#last.get(key) === edit;
          throw error;
        }
      });
    } finally {
      edit.waiting = false;
      if (this.#last.get(key) === edit) this.#last.delete(key);
    }
  }
}

/** The caller of the edit before has its outcome; the next one only waits for its end. */
function ignore(): void {}
