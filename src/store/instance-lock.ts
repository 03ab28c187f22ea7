import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';

/**
 * Takes the store for this process: two bots on one store would undo each other's writes. A lock whose process is gone
 * (killed, or another one under its number) is taken over.
 * @returns lets it go again
 */
export async function lockInstance(file: string, pid: number = process.pid): Promise<() => Promise<void>> {
  const mine = `${pid} ${await startOf(pid)} ${randomUUID()}\n`;
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, mine, { mode: 0o600, flag: 'wx' });
  try {
    for (let tries = 0; tries < 3; tries++) {
      // A link appears together with its text: nobody reads a lock that is not written yet.
      if (await linked(draft, file)) return () => unlock(file, mine);
      await refuseWhenAlive(file);
      if ((await takeOver(draft, file)) === 'taken') return () => unlock(file, mine);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new UserError(`The lock ${file} cannot be taken.`, {
    next: `Is another proxnix starting at the same time? If not, delete ${takeoverOf(file)}.`,
  });
}

/** Only one at a time may take a dead lock away: the second would take away what the first has put there. */
async function takeOver(draft: string, file: string): Promise<'taken' | 'busy'> {
  const takeover = takeoverOf(file);
  if (!(await linked(draft, takeover))) return 'busy';
  try {
    await refuseWhenAlive(file);
    await rm(file, { force: true });
    return (await linked(draft, file)) ? 'taken' : 'busy';
  } finally {
    await rm(takeover, { force: true });
  }
}

function takeoverOf(file: string): string {
  return `${file}.takeover`;
}

async function unlock(file: string, mine: string): Promise<void> {
  const now = await readFile(file, 'utf8').catch(() => '');
  if (now === mine) await rm(file, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function refuseWhenAlive(file: string): Promise<void> {
  const owner = await readFile(file, 'utf8').catch(() => '');
  const [pid, started] = owner.trim().split(' ');
  if (!(await isAlive(Number(pid), started ?? ''))) return;
  throw new UserError(`Another proxnix (process ${pid}) uses this store.`, {
    next: `Stop it first, or give this one another STATE_DIR. The lock is ${file}.`,
  });
}

async function isAlive(pid: number, started: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of somebody else may have the number now: its start tells.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return started === (await startOf(pid));
}

/** When a process began, in the kernel's ticks since boot; `-` where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may contain anything, so count the fields after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
}
