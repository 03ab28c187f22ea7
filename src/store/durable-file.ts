import { constants, copyFile, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../core/errors.ts';

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
