import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { untilSignal } from '../../src/cli/signals.ts';
import { demoSeed } from '../../src/simulator/simulator.ts';
import { anOrigin } from '../git/origin.ts';
import { root } from '../support/compiled.ts';
import { aSimulator, envFile } from './support/services.ts';

/** A process that gets signals at times of the test. */
function aProcess() {
  const signals = new EventEmitter();
  const exits: number[] = [];
  let clock = 5000;
  const ended = untilSignal('Stopping.', { signals, now: () => clock, exit: (code) => exits.push(code) });
  const arrives = (ms: number, signal: NodeJS.Signals) => {
    clock += ms;
    signals.emit(signal);
  };
  return { ended, arrives, exits };
}

describe('a signal', () => {
  it('that npm hands on counts once, however often it arrives', async () => {
    const { ended, arrives, exits } = aProcess();
    arrives(0, 'SIGINT');
    await ended;
    for (const ms of [0, 3, 900]) arrives(ms, 'SIGINT');
    expect(exits).toEqual([]);
  });

  it('a while later is a second one and ends the process at once', async () => {
    const { ended, arrives, exits } = aProcess();
    arrives(0, 'SIGTERM');
    await ended;
    arrives(1001, 'SIGINT');
    expect(exits).toEqual([130]);
  });
});

describe('npm start', () => {
  /** The bot as `npm start` runs it, in a group of processes of its own as on a terminal. */
  async function started() {
    const simulator = await aSimulator(demoSeed());
    const [apiToken] = demoSeed().tokens;
    const { dir, scratch, push } = await anOrigin();
    await push('the first commit');
    const file = envFile(scratch, {
      PROXMOX_URL: simulator.url,
      PROXMOX_TOKEN_ID: apiToken?.tokenid ?? '',
      PROXMOX_TOKEN_SECRET: apiToken?.secret ?? '',
      GIT_URL: dir,
      WEBHOOKS: 'off',
      HTTP_PORT: '0',
      APPROVERS: 'console:owner',
      STATE_DIR: join(scratch, 'state'),
    });
    const npm = execa('npm', ['start', '--', '--env-file', file], {
      ...{ cwd: root, all: true, reject: false, detached: true },
    });
    const { pid = 0 } = npm;
    onTestFinished(() => {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The group is gone, as it should be.
      }
    });
    await new Promise<void>((resolve, reject) => {
      npm.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('proxnix is running')) resolve();
      });
      npm.then(({ all }) => reject(new Error(`npm ended: ${all}`)), reject);
    });
    return { npm, pid };
  }

  it.each([
    ['npm alone is told to end', (pid: number) => process.kill(pid, 'SIGTERM')],
    ['npm alone is interrupted', (pid: number) => process.kill(pid, 'SIGINT')],
    ['Ctrl-C reaches npm and the bot', (pid: number) => process.kill(-pid, 'SIGINT')],
  ])('leaves no bot behind, which stops in order, when %s', async (_when, signal) => {
    const { npm, pid } = await started();
    signal(pid);
    const { all, exitCode } = await npm;
    expect({ exitCode, all }).toEqual({ exitCode: 0, all: expect.stringContaining('Stopping.') });
    expect(all?.match(/Stopping\./g)).toHaveLength(1);
    expect(() => process.kill(-pid, 0)).toThrow('ESRCH');
  });
});
