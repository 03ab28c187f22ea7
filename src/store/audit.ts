import { createHash } from 'node:crypto';
import { open, readFile, truncate } from 'node:fs/promises';
import type { AuditEntry } from './store.ts';

const start = '0'.repeat(64);

/** An append-only file of JSON lines; each carries the hash of the one before, so a removed or changed line shows. */
export class AuditLog {
  readonly #file: string;
  #last: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Resolves when the line is on disk. */
  append(entry: AuditEntry): Promise<void> {
    const written = this.#writing.then(() => this.#append(entry));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #append(entry: AuditEntry): Promise<void> {
    const before = this.#last ?? (await lastHash(this.#file));
    const hash = chain(before, entry);
    // The end of the file is unknown until the line is on disk.
    this.#last = undefined;
    const handle = await open(this.#file, 'a', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ ...entry, before, hash })}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    this.#last = hash;
  }
}

/** Checks a whole audit file. @returns the number of the first line that does not fit, or `undefined` when all do. */
export function firstBrokenLine(text: string): number | undefined {
  let before = start;
  for (const [index, line] of text.split('\n').filter(Boolean).entries()) {
    const read = readLine(line);
    if (read === undefined || read.before !== before || read.hash !== chain(before, read.entry)) return index + 1;
    before = read.hash;
  }
  return undefined;
}

/**
 * The hash of the last complete line. A last line without a line feed was cut off during its write and never
 * acknowledged: it is removed.
 */
async function lastHash(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole));
  const line = whole.trimEnd().split('\n').at(-1);
  return (line === undefined ? undefined : readLine(line)?.hash) ?? start;
}

function readLine(line: string): { entry: object; before: string; hash: string } | undefined {
  try {
    const { before, hash, ...entry } = JSON.parse(line) as Record<string, unknown>;
    return typeof before === 'string' && typeof hash === 'string' ? { entry, before, hash } : undefined;
  } catch {
    return undefined;
  }
}

function chain(before: string, entry: object): string {
  return createHash('sha256')
    .update(`${before}\n${JSON.stringify(entry)}`)
    .digest('hex');
}
