import { StringDecoder } from 'node:string_decoder';
import { setImmediate } from 'node:timers/promises';

/** After so many lines the event loop gets its turn. */
const linesAtOnce = 1000;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Reads a stream to its end as lines of UTF-8. A line feed or a carriage return ends a line, so a progress bar is a
 * line for each of its states. Lines that are empty are left out; of a longer one than `maxBytes` the rest is dropped,
 * which shows as `…`. Never holds more than one such line.
 * @throws what `onLine` throws; the stream is closed then
 */
export async function readLines(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onLine: (line: string) => void,
): Promise<void> {
  const line = new Bounded(maxBytes);
  let lines = 0;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length; ) {
      const end = lineEnd(chunk, from);
      line.add(chunk.subarray(from, end));
      from = end + 1;
      if (end === chunk.length || line.isEmpty) continue;
      onLine(line.take());
      lines += 1;
      if (lines % linesAtOnce === 0) await setImmediate();
    }
  }
  if (!line.isEmpty) onLine(line.take());
}

/** Reads a stream to its end. What comes after `maxBytes` is dropped, which shows as `…`. */
export async function readText(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const text = new Bounded(maxBytes);
  for await (const chunk of stream) text.add(chunk);
  return text.take();
}

function lineEnd(chunk: Uint8Array, from: number): number {
  let at = from;
  while (at < chunk.length && chunk[at] !== lineFeed && chunk[at] !== carriageReturn) at++;
  return at;
}

/** The beginning of a series of bytes. */
class Bounded {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > 0 && this.#bytes < this.#maxBytes) {
      this.#parts.push(bytes.subarray(0, this.#maxBytes - this.#bytes));
    }
    this.#bytes += bytes.length;
  }

  /** The text, and from here on the next one. */
  take(): string {
    const bytes = Buffer.concat(this.#parts);
    // The decoder holds back the bytes of a character that was cut.
    const text = this.#bytes > this.#maxBytes ? `${new StringDecoder('utf8').write(bytes)}…` : bytes.toString();
    this.#parts = [];
    this.#bytes = 0;
    return text;
  }
}

/** The newest of a series, oldest first: at most `count` of them, and at most `bytes` unless the newest alone is more. */
export class Newest<T> {
  readonly #limits: { readonly count: number; readonly bytes: number };
  readonly #kept: { readonly item: T; readonly bytes: number }[] = [];
  #bytes = 0;

  constructor(limits: { readonly count: number; readonly bytes: number }) {
    this.#limits = limits;
  }

  /** @param bytes what the item takes */
  add(item: T, bytes: number): void {
    this.#kept.push({ item, bytes });
    this.#bytes += bytes;
    while (this.#kept.length > this.#limits.count || (this.#bytes > this.#limits.bytes && this.#kept.length > 1)) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    }
  }

  items(): readonly T[] {
    return this.#kept.map(({ item }) => item);
  }
}

/**
 * Resolves as the work does, or rejects with the signal's reason when that comes first; then the work is not waited
 * for.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
