import { open, readFile, rm } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';

/**
 * Takes the store for this process: two bots on one store would undo each other's writes. A lock whose process is gone
 * (killed, or another one under its number) is taken over.
 * @returns lets it go again
 */
export async function lockInstance(file: string, pid: number = process.pid): Promise<() => Promise<void>> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(`${pid} ${await startOf(pid)}\n`);
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readFile(file, 'utf8').catch(() => '');
    const [ownerPid, started] = owner.trim().split(' ');
    if (await isAlive(Number(ownerPid), started ?? '')) {
      throw new UserError(`Another proxnix (process ${ownerPid}) uses this store.`, {
        next: `Stop it first, or give this one another STATE_DIR. The lock is ${file}.`,
      });
    }
    await rm(file, { force: true });
  }
  throw new UserError(`The lock ${file} cannot be taken.`, { next: 'Is another proxnix starting at the same time?' });
}

async function isAlive(pid: number, started: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return started === (await startOf(pid));
}

/** When a process began, in the kernel's ticks since boot; empty where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may contain anything, so count the fields after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
