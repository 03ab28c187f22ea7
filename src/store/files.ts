import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { Secret } from '../secret.ts';

/**
 * Writes a file so that after a crash either the old or the new text is there, whole: temporary file, fsync, rename,
 * fsync of the folder (without the last one a rename may be lost with the power).
 * @throws UserError when the disk is full
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw isFull(error) ? noRoom(file, error) : error;
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await sync(path.dirname(file));
}

/**
 * Copies a file, byte by byte, and resolves when the copy is on disk. A file that is there is not replaced.
 * @throws UserError when the disk is full
 */
export async function copyDurably(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await sync(to);
    await sync(path.dirname(to));
  } catch (error) {
    throw isFull(error) ? noRoom(to, error) : error;
  }
}

async function sync(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function noRoom(file: string, cause: unknown): UserError {
  return new UserError(`The disk of the bot is full: ${path.basename(file)} cannot be written.`, {
    next: 'Free space where STATE_DIR is, then plan again.',
    cause,
  });
}

/** The content of a secret's file. `exposed`: others on this machine may read it, or could have written it. */
export type SecretFile =
  | { readonly kind: 'missing' | 'damaged' | 'exposed' }
  | { readonly kind: 'kept'; readonly secret: Secret };

/** A secret that the bot made, and the reason why an earlier one is no longer used. */
export interface KeptSecret {
  readonly secret: Secret;
  readonly replaced?: 'damaged' | 'exposed';
}

const bytes = 24;
const form = new RegExp(`^[0-9a-f]{${2 * bytes}}$`);

/**
 * The secret that the bot made for itself and keeps in a file (mode 0600, 192 random bits in hex). It is made when the
 * file is missing, and made anew when the file is damaged or others may have read it. One process at a time may ask.
 * @throws UserError when what lies there is no file of this user
 */
export async function keepSecret(
  file: string,
  random: (size: number) => Uint8Array = randomBytes,
): Promise<KeptSecret> {
  const found = await readSecret(file);
  if (found.kind === 'kept') return { secret: found.secret };
  const text = Buffer.from(random(bytes)).toString('hex');
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // An old draft is removed, because the new file would get its mode.
  await rm(`${file}.new`, { force: true });
  await writeDurably(file, `${text}\n`);
  return { secret: new Secret(text), ...(found.kind === 'missing' ? {} : { replaced: found.kind }) };
}

/** Reads the file of a secret and changes nothing. @throws UserError when it is no file of this user */
export async function readSecret(file: string): Promise<SecretFile> {
  const handle = await openFile(file);
  if (handle === undefined) return { kind: 'missing' };
  try {
    const { mode } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unusable(file, 'is no file');
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return { kind: 'exposed' };
    const text = (await handle.readFile('utf8')).trim();
    return form.test(text) ? { kind: 'kept', secret: new Secret(text) } : { kind: 'damaged' };
  } finally {
    await handle.close();
  }
}

/** Does not follow a link, which could point to a file that others read, and does not wait for a pipe. */
async function openFile(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return undefined;
    throw unusable(file, code === 'ELOOP' ? 'is a link' : `cannot be read (${code})`);
  }
}

function unusable(file: string, why: string): UserError {
  return new UserError(`${file} ${why}, so the secret in it cannot be used.`, {
    next: `Delete it (rm ${file}): a new one is made at the next start.`,
  });
}

const Values = z.record(z.string(), z.string());

/** A few values of an adapter in a file of its own. Damaged values are dropped, because they can be found out again. */
export function adapterState(file: string): {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
} {
  let writing: Promise<void> = Promise.resolve();
  return {
    get: async (key) => (await read(file))[key],
    set(key, value) {
      const written = writing.then(async () => {
        await mkdir(path.dirname(file), { recursive: true });
        await writeDurably(file, JSON.stringify({ ...(await read(file)), [key]: value }));
      });
      writing = written.catch(() => undefined);
      return written;
    },
  };
}

async function read(file: string): Promise<Record<string, string>> {
  try {
    return Values.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return {};
  }
}
