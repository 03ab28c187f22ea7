import { spawn } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { UserError } from '../core/errors.ts';

/** How many characters are read of the lock file, which names its holder on one line, and of the output of `flock`. */
const longestText = 1024;

/** Another bot has the lock. */
export class StoreInUse extends UserError {}

/**
 * Locks the store for this process: two bots on one store would undo each other's writes.
 *
 * The lock is flock(2) on an open file. It belongs to the open file description, so every process that sees the folder
 * meets it, in whatever PID namespace, and the kernel releases it when this process ends, also by `kill -9`. Node opens
 * files with O_CLOEXEC, so no child of the bot keeps it. What the file says only names the holder in the error.
 *
 * Between hosts it holds where the mount hands locks to its server (flock(2), "NFS details" and "CIFS details"): NFS since
 * Linux 2.6.12 unless mounted with `nolock` or `local_lock`, SMB since Linux 5.5. An NFS server that is away for longer
 * than its lease may give the lock to another client. virtiofs and 9p keep it within one guest by default.
 * @param options.program util-linux's or BusyBox's `flock`, which makes the one call that Node has no API for
 * @returns releases it
 * @throws StoreInUse when another bot holds it; UserError when it cannot be taken
 */
export async function lockInstance(
  file: string,
  { program = 'flock', now = Date.now }: { readonly program?: string; readonly now?: () => number } = {},
): Promise<() => Promise<void>> {
  // A number instead of a FileHandle: the garbage collector closes a handle without references.
  const descriptor = openSync(file, 'a+', 0o600);
  try {
    const isFree = await flock(descriptor, file, program);
    const holder = holderOf(descriptor);
    if (!isFree || (await isAlive(holder))) throw inUse(file, holder);
    // A process id and its start come first: an older proxnix, which locks by process id, reads them and refuses to
    // start.
    const since = new Date(now()).toISOString();
    const line = `${process.pid} ${await startOf(process.pid)} ${hostname()} ${since}\n`;
    ftruncateSync(descriptor);
    writeSync(descriptor, line);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    // The file is not deleted: a process that has it open would lock a file that no other process sees.
    ftruncateSync(descriptor);
    closeSync(descriptor);
  };
}

/** @returns false when another open file description holds the lock */
async function flock(descriptor: number, file: string, program: string): Promise<boolean> {
  // The short options are those of both flocks. The child's standard input is our open file: same description, same lock.
  const child = spawn(program, ['-x', '-n', '0'], {
    stdio: [descriptor, 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, longestText);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(isMissing(error) ? missing(file) : error)).on('close', resolve);
  });
  if (exitCode === 0) return true;
  if (exitCode === 1) return false;
  throw new UserError(`The file ${file} cannot be locked.`, {
    next: 'Give STATE_DIR a folder on a file system with locks.',
    details: said.trim().split('\n'),
  });
}

function isMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ENOENT';
}

function missing(file: string): UserError {
  return new UserError(`The program flock, which locks ${file}, is missing.`, {
    next: 'Install util-linux (Debian: apt-get install util-linux; macOS: brew install flock).',
  });
}

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly host: string | undefined;
  readonly since: string | undefined;
}

/**
 * The holder that the file names; `undefined` when it names none or cannot be read (SMB refuses to read a locked file).
 */
function holderOf(descriptor: number): Holder | undefined {
  let text: string;
  try {
    text = fstatSync(descriptor).size > longestText ? '' : readFileSync(descriptor, 'utf8');
  } catch {
    return undefined;
  }
  const found = /^([1-9]\d{0,9}) (\d{1,20}|-) (?:([\w.-]{1,255}) ([\dTZ:.-]{1,30})|[\da-f-]{36})?\n/.exec(text);
  if (found === null) return undefined;
  return { pid: Number(found[1]), start: found[2] ?? '', host: found[3], since: found[4] };
}

function inUse(file: string, holder: Holder | undefined): StoreInUse {
  const who =
    holder === undefined
      ? ''
      : ` (process ${holder.pid}${holder.host === undefined ? '' : ` on ${holder.host}, since ${holder.since}`})`;
  return new StoreInUse(`Another proxnix${who} uses this store.`, {
    next: `Stop it first, or give this one another STATE_DIR. The lock is ${file}.`,
  });
}

/**
 * Does the process that the file names still run? Asked only when the file is not locked: then the holder is a proxnix
 * that locks by process id, or was killed.
 */
async function isAlive(holder: Holder | undefined): Promise<boolean> {
  if (holder === undefined) return false;
  const start = await startOf(holder.pid);
  return start !== '-' && start === holder.start;
}

/** When a process began, in the kernel's ticks since boot; `-` where there is none, or no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may contain anything, so count the fields after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
}
