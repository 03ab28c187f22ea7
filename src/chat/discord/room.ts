/**
 * Discord's limits for the text of one message: 4000 characters over all Text Displays; above 10170 bytes (with 12 more
 * for each display) HTTP 500 was seen (discord-api-docs#8554), so ours end at 9000.
 */
export const messageRoom = { chars: 4000, bytes: 9000 } as const;

/** What each Text Display costs beside its text: 12 bytes, and the line break when two are drawn as one. */
const perDisplay = { chars: 1, bytes: 13 } as const;

/** Keeps count of the room left in a message. */
export class Room {
  #chars: number = messageRoom.chars;
  #bytes: number = messageRoom.bytes;

  /** Takes room for a text, or nothing at all when it does not fit. */
  take(text: string): boolean {
    return this.#take(text.length, Buffer.byteLength(text));
  }

  /** The same for a text in a display of its own. */
  takeDisplay(text: string): boolean {
    return this.#take(text.length + perDisplay.chars, Buffer.byteLength(text) + perDisplay.bytes);
  }

  /** UTF-16 units that any text of this length fits into. */
  get left(): number {
    // no UTF-16 unit takes more than three bytes
    return Math.max(0, Math.min(this.#chars - perDisplay.chars, Math.floor((this.#bytes - perDisplay.bytes) / 3)));
  }

  #take(chars: number, bytes: number): boolean {
    if (chars > this.#chars || bytes > this.#bytes) return false;
    this.#chars -= chars;
    this.#bytes -= bytes;
    return true;
  }
}
