// How long the bot takes until it is running, and the memory it holds when idle, beside a bare Node that listens.
//   node src/build.mjs && node dist/test/bench/start.js [rounds] [program...]
// A program is the `main.js` of another build (`../other/dist/src/main.js`): all take turns in one run, so their ratio
// does not depend on how busy the machine is.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createSampleRepository } from '../../src/demo/repository.ts';
import { removeTree } from '../../src/lib/system.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';

/** Milliseconds a program is left alone before its memory is read. */
const idleMs = 3000;

const [rounds = '5', ...others] = process.argv.slice(2);
const bare = "require('http').createServer().listen(0, '127.0.0.1', () => console.log('is running'))";
const programs: Readonly<Record<string, readonly string[]>> = {
  'bare node': ['-e', bare],
  bot: [fileURLToPath(new URL('../../src/main.js', import.meta.url))],
  ...Object.fromEntries(others.map((file) => [file, [file]])),
};

const dir = await mkdtemp(join(tmpdir(), 'proxnix-bench-'));
const simulator = await startSimulator({ seed: demoSeed(), statisticsSeconds: 0 });
try {
  const { origin } = await createSampleRepository(dir, { system: 'x86_64-linux' });
  const [token] = demoSeed().tokens;
  const environment = {
    PATH: process.env['PATH'],
    PROXMOX_URL: simulator.url,
    PROXMOX_TOKEN_ID: token?.tokenid,
    PROXMOX_TOKEN_SECRET: token?.secret,
    GIT_URL: origin,
    WEBHOOKS: 'off',
    POLL_INTERVAL: '1h',
    HTTP_PORT: '0',
    APPROVERS: 'console:owner',
  };
  const measured = Object.keys(programs).map((name) => ({ name, startMs: [] as number[], mib: [] as number[] }));
  for (let round = 0; round <= Number(rounds); round++) {
    for (const { name, startMs, mib } of measured) {
      const home = join(dir, `round-${round}`, name.replaceAll('/', '-'));
      await mkdir(home, { recursive: true });
      const began = performance.now();
      const child = spawn(process.execPath, programs[name] ?? [], {
        cwd: home,
        env: { ...environment, STATE_DIR: join(home, 'state') },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await untilRunning(name, child);
      const took = performance.now() - began;
      await setTimeout(idleMs);
      const resident = residentMib(child.pid);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      // The first round fills the caches of the file system.
      if (round === 0) continue;
      startMs.push(took);
      mib.push(resident);
    }
  }
  for (const { name, startMs, mib } of measured) {
    const of = (values: readonly number[], unit: string) => `${median(values).toFixed(0).padStart(5)} ${unit}`;
    const ratios = `${ratio(startMs, measured[0]?.startMs)} and ${ratio(mib, measured[0]?.mib)} times a bare node`;
    console.log(`${name}: running after ${of(startMs, 'ms')}, ${of(mib, 'MiB')} resident; ${ratios}`);
  }
} finally {
  await simulator.close();
  await removeTree(dir);
}

/** Resolves at the line that says so; rejects when the program ends before. */
function untilRunning(name: string, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('is running')) resolve();
    });
    child.once('exit', () => reject(new Error(`${name} ended before it was running: ${text}`)));
  });
}

function residentMib(pid: number | undefined): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** The median of the ratios round by round. */
function ratio(values: readonly number[], base: readonly number[] = []): string {
  return median(values.map((value, index) => value / (base[index] ?? Number.NaN))).toFixed(1);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
