import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lockInstance } from '../../src/store/instance-lock.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { aFolder } from './folder.ts';

async function aLockFile(): Promise<string> {
  return path.join(await aFolder(), 'lock');
}

/** A process that lives until the test ends it. */
async function aProcess(): Promise<{ readonly pid: number; readonly end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  onTestFinished(end);
  await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, end };
}

describe('the lock of a store', () => {
  it('refuses a second bot, and says which process has it and what to do', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await expect(openStore(dir)).rejects.toMatchObject({
      name: 'UserError',
      message: `Another proxnix (process ${process.pid}) uses this store.`,
      next: expect.stringContaining('STATE_DIR'),
    });
    await store.close();
    await (await openStore(dir)).close();
    expect(await readdir(dir)).toEqual([]);
  });

  it('refuses while another process that lives has it', async () => {
    const file = await aLockFile();
    const other = await aProcess();
    await lockInstance(file, other.pid);
    await expect(lockInstance(file)).rejects.toThrow(`process ${other.pid}`);
  });

  it('of a process that was killed is taken over', async () => {
    const file = await aLockFile();
    const other = await aProcess();
    await lockInstance(file, other.pid);
    await other.end();
    const unlock = await lockInstance(file);
    expect(await readFile(file, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    await unlock();
  });

  it('of a process whose number another program has now is taken over', async () => {
    const file = await aLockFile();
    await writeFile(file, `${process.pid} 1\n`);
    const unlock = await lockInstance(file);
    await unlock();
    expect(await readdir(path.dirname(file))).toEqual([]);
  });

  it('that is damaged is taken over', async () => {
    for (const text of ['', 'hello', '-1 5\n', '99999999999999999999 5\n', '0 0\n']) {
      const file = await aLockFile();
      await writeFile(file, text);
      const unlock = await lockInstance(file);
      await unlock();
    }
  });

  it('is given to one of many who want it at the same moment', async () => {
    for (let times = 0; times < 20; times++) {
      const file = await aLockFile();
      const all = await Promise.allSettled(Array.from({ length: 16 }, () => lockInstance(file)));
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('of a dead process is given to one of many who want it at the same moment', async () => {
    for (let times = 0; times < 20; times++) {
      const file = await aLockFile();
      await writeFile(file, `${process.pid} 1\n`);
      const all = await Promise.allSettled(Array.from({ length: 16 }, () => lockInstance(file)));
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('is not taken from the next bot by one that lets it go twice', async () => {
    const file = await aLockFile();
    const unlock = await lockInstance(file);
    await unlock();
    const next = await aProcess();
    await lockInstance(file, next.pid);
    await unlock();
    await expect(lockInstance(file)).rejects.toThrow(`process ${next.pid}`);
  });
});
