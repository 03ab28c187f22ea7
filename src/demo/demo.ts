import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { untilSignal } from '../cli/signals.ts';
import { UserError } from '../core/errors.ts';
import { removeTree } from '../lib/system.ts';
import { lockInstance, StoreInUse } from '../store/instance-lock.ts';
import { actionList, playAction, rollbackHint } from './actions.ts';
import { playOnce } from './once.ts';
import { readSession, reportHead } from './session.ts';
import { type Demo, startDemo } from './start-demo.ts';

/** The arguments of `proxnix demo`. */
export interface DemoArguments {
  /** An action on the running demo; absent: start a demo. */
  readonly action: string | undefined;
  readonly target: string | undefined;
  readonly once: boolean;
  readonly port: number;
}

const keptDir = path.resolve('.proxnix', 'demo');
const lockFile = path.resolve('.proxnix', 'demo.lock');

/** Runs the real bot with the simulator, a sample flake and the console. */
export async function demo({ action, target, once, port }: DemoArguments): Promise<void> {
  if (action !== undefined) await playAction(keptDir, action, target);
  else if (once) await demoOnce();
  else await demoUntilSignal(port);
}

async function demoOnce(): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-demo-'));
  const running = await startDemo({ dir, port: 0 });
  try {
    introduce(running);
    await reportHead(dir, running.repository);
    const right = await playOnce(dir, running, (line) => console.log(line));
    console.log(
      right ? '\nDone: every VM runs and carries its final tags.' : '\nFAILED: the final tags are not right.',
    );
    if (!right) process.exitCode = 1;
  } finally {
    await running.stop();
    await removeTree(dir);
  }
}

async function demoUntilSignal(port: number): Promise<void> {
  await mkdir(path.dirname(lockFile), { recursive: true, mode: 0o700 });
  const unlock = await lockInstance(lockFile).catch(async (error: unknown) => {
    if (!(error instanceof StoreInUse)) throw error;
    const { url } = await readSession(keptDir);
    throw new UserError(`The demo is running already, at ${url}.`, {
      next: 'Nothing of it was touched. Stop it there with Ctrl-C to start anew.',
    });
  });
  try {
    await playUntilSignal(port);
  } finally {
    await unlock();
  }
}

/** Removes the files of an earlier demo. */
async function playUntilSignal(port: number): Promise<void> {
  await removeTree(keptDir);
  await mkdir(keptDir, { recursive: true });
  const running = await startDemo({ dir: keptDir, port });
  const stopping = untilSignal();
  introduce(running);
  await reportHead(keptDir, running.repository);
  console.log(`
Open ${addressOf(running)} and press Approve. Then, in another terminal:
${actionList()}
or edit ${running.repository.dir} yourself, commit and push.
${rollbackHint}
Ctrl-C ends the demo.`);
  await stopping;
  await running.stop();
}

function introduce({ app, simulator, repository, recorded, unboxed }: Demo): void {
  console.log(`proxnix demo
  console    ${addressOf({ app })}
  cluster    ${simulator.url} (a simulated Proxmox VE)
  flake      ${repository.dir}, pushed to ${repository.origin}`);
  if (recorded !== undefined) {
    console.log(`  no Nix     ${recorded}\n             Evaluations and images are recorded ones.`);
  }
  if (unboxed !== undefined) console.log(`  no sandbox ${unboxed}`);
}

/** The address that a person opens, with the token. */
function addressOf({ app }: Pick<Demo, 'app'>): string {
  return app.console?.url ?? app.url;
}
