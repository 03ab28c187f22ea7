import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lockInstance } from '../../src/store/instance-lock.ts';
import { openStore } from '../../src/store/lowdb.ts';
import { compiled } from '../support/compiled.ts';
import { aFolder } from './folder.ts';

const holder = compiled(import.meta.url, 'lock-holder.ts');

async function aLockFile(): Promise<string> {
  return path.join(await aFolder(), 'lock');
}

/** A process that asks for the lock. `said`: `locked`, or why not. */
async function aBot(file: string, wrapper: readonly string[] = []) {
  const [command, ...args] = [...wrapper, process.execPath, holder, file];
  const child = spawn(command ?? process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
  };
  onTestFinished(() => end('SIGKILL'));
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
  return {
    pid: child.pid ?? 0,
    said: String(said).trim(),
    kill: () => end('SIGKILL'),
    stop: async () => {
      child.stdin.end();
      await closed;
    },
  };
}

/** As proxnix before 0.2 locked: a file that names a process and its start, and no lock of the file system. */
async function oldLock(file: string, pid: number): Promise<void> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ') ?? [];
  await writeFile(file, `${pid} ${fields[19]} 5e7c3b0e-8f7d-4a53-9b0a-0f4a8f0b3c55\n`);
}

const bwrap = ['bwrap', '--dev-bind', '/', '/', '--unshare-pid', '--proc', '/proc', '--die-with-parent'];
const { failed: noNamespaces } = await execa('bwrap', [...bwrap.slice(1), 'true'], { reject: false });

describe('the lock of a store', () => {
  it('refuses a second bot, and says who has it and what to do', async () => {
    const dir = await aFolder();
    const store = await openStore(dir);
    await expect(openStore(dir)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(
        new RegExp(
          `^Another proxnix \\(process ${process.pid} on ${hostname()}, since \\d{4}-.+Z\\) uses this store\\.$`,
        ),
      ),
      next: expect.stringContaining('STATE_DIR'),
    });
    await store.close();
    await (await openStore(dir)).close();
  });

  it('says since when it is held', async () => {
    const file = await aLockFile();
    await lockInstance(file, { now: () => Date.UTC(2026, 10, 22) });
    await expect(lockInstance(file)).rejects.toThrow('since 2026-11-22T00:00:00.000Z');
  });

  it('refuses while another process has it, and goes with that process when it is killed', async () => {
    const file = await aLockFile();
    const other = await aBot(file);
    expect(other.said).toBe('locked');
    await expect(lockInstance(file)).rejects.toThrow(`process ${other.pid} `);
    await other.kill();
    await (await lockInstance(file))();
  });

  it('goes with a bot that stops', async () => {
    const file = await aLockFile();
    await (await aBot(file)).stop();
    expect(await readFile(file, 'utf8')).toBe('');
    expect((await aBot(file)).said).toBe('locked');
  });

  it.skipIf(noNamespaces)(
    'is seen from another PID namespace, both ways (skipped where bubblewrap cannot make one)',
    async () => {
      const file = await aLockFile();
      const inside = await aBot(file, bwrap);
      expect(inside.said).toBe('locked');
      // In its own namespace the holder is process 2: here that number is somebody else, or nobody.
      expect(await readFile(file, 'utf8')).toMatch(/^2 /);
      await expect(lockInstance(file)).rejects.toThrow('Another proxnix (process 2 ');
      expect((await aBot(file, bwrap)).said).toContain('Another proxnix (process 2 ');
      await inside.stop();
      const unlock = await lockInstance(file);
      expect((await aBot(file, bwrap)).said).toContain(`Another proxnix (process ${process.pid} `);
      await unlock();
    },
  );

  it('is not inherited by a child that outlives the bot', async () => {
    const file = await aLockFile();
    const script = `
      import { spawn } from 'node:child_process';
      const { lockInstance } = await import(${JSON.stringify(holder.replace(/test\/store\/lock-holder/, 'src/store/instance-lock'))});
      await lockInstance(process.argv[1]);
      console.log(spawn('sleep', ['120'], { stdio: 'ignore', detached: true }).pid);
      setInterval(() => {}, 1000);`;
    const bot = spawn(process.execPath, ['--input-type=module', '-e', script, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(bot, 'close');
    const [said] = await once(bot.stdout.setEncoding('utf8'), 'data');
    const child = Number(said);
    onTestFinished(() => void process.kill(child, 'SIGKILL'));
    await expect(lockInstance(file)).rejects.toThrow('Another proxnix');
    bot.kill('SIGKILL');
    await closed;
    process.kill(child, 0);
    await (await lockInstance(file))();
  });

  it('is given to one of many processes that start at the same moment', async () => {
    const file = await aLockFile();
    // What a killed bot left.
    await writeFile(file, '1 1 elsewhere 2026-11-22T00:00:00.000Z\n');
    const all = await Promise.all(Array.from({ length: 20 }, () => aBot(file)));
    expect(all.filter(({ said }) => said === 'locked')).toHaveLength(1);
    expect(all.filter(({ said }) => said.startsWith('Another proxnix'))).toHaveLength(19);
  });

  it('is given to one of many in one process', async () => {
    for (let times = 0; times < 5; times++) {
      const file = await aLockFile();
      const all = await Promise.allSettled(Array.from({ length: 16 }, () => lockInstance(file)));
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('does not rest on what the file says', async () => {
    const texts = [
      '',
      'hello',
      '-1 5\n',
      '99999999999999999999 5\n',
      '0 0\n',
      '\0'.repeat(5000),
      `${process.pid} 1\n`,
      '1 - a b\n',
    ];
    for (const text of texts) {
      const file = await aLockFile();
      await writeFile(file, text);
      const unlock = await lockInstance(file);
      await writeFile(file, text);
      await expect(lockInstance(file), JSON.stringify(text.slice(0, 20))).rejects.toThrow('Another proxnix');
      await unlock();
    }
  });

  it('is not taken from the next bot by one that lets it go twice', async () => {
    const file = await aLockFile();
    const unlock = await lockInstance(file);
    await unlock();
    const next = await aBot(file);
    await unlock();
    await expect(lockInstance(file)).rejects.toThrow(`process ${next.pid} `);
  });

  it('can be read by its owner only', async () => {
    const file = await aLockFile();
    await lockInstance(file);
    expect((await stat(file)).mode & 0o077).toBe(0);
  });

  it('that cannot be taken for want of the program says what to install', async () => {
    const file = await aLockFile();
    await expect(lockInstance(file, { program: path.join(path.dirname(file), 'flock') })).rejects.toMatchObject({
      name: 'UserError',
      message: `The program flock, which locks ${file}, is missing.`,
      next: expect.stringContaining('apt-get install util-linux'),
    });
  });

  it('that the file system refuses is no lock that somebody holds', async () => {
    const file = await aLockFile();
    const program = path.join(path.dirname(file), 'flock');
    await writeFile(program, '#!/bin/sh\necho "flock: 0: No locks available" >&2\nexit 71\n', { mode: 0o755 });
    await expect(lockInstance(file, { program })).rejects.toMatchObject({
      message: `The file ${file} cannot be locked.`,
      details: ['flock: 0: No locks available'],
    });
  });
});

describe('beside a proxnix that locks by process id', () => {
  it('one that runs keeps the store', async () => {
    const file = await aLockFile();
    const old = spawn('sleep', ['120'], { stdio: 'ignore' });
    onTestFinished(() => void old.kill('SIGKILL'));
    await oldLock(file, old.pid ?? 0);
    await expect(lockInstance(file)).rejects.toThrow(`Another proxnix (process ${old.pid}) uses this store.`);
  });

  it('what one left that was killed stops nobody: neither its lock nor lock.takeover', async () => {
    const file = await aLockFile();
    const old = spawn('sleep', ['120'], { stdio: 'ignore' });
    await oldLock(file, old.pid ?? 0);
    await writeFile(`${file}.takeover`, await readFile(file));
    const ended = once(old, 'exit');
    old.kill('SIGKILL');
    await ended;
    await (await lockInstance(file))();
  });

  it('one that starts finds a process id and its start, by which it refuses', async () => {
    const file = await aLockFile();
    await lockInstance(file);
    const [line] = (await readFile(file, 'utf8')).split('\n');
    await oldLock(`${file}.old`, process.pid);
    const [expected] = (await readFile(`${file}.old`, 'utf8')).split('\n');
    expect(line?.split(' ').slice(0, 2)).toEqual(expected?.split(' ').slice(0, 2));
  });
});
