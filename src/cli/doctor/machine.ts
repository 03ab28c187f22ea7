import { access, constants, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../core/errors.ts';
import { type ClockSample, type Finding, findingsOf } from '../../core/finding.ts';
import { lockInstance, StoreInUse } from '../../store/instance-lock.ts';

const area = 'this machine';

/** @param version in the form of `process.versions.node` */
export function nodeFinding(version: string): Finding {
  const { ok, fail } = findingsOf(area);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return ok(`Node ${version}`);
  return fail(`Node ${version} is too old: 20.19 or newer is needed`, 'install it from https://nodejs.org/en/download');
}

/** Whether the bot can write its state to this folder, and no other bot uses it. Leaves no file behind. */
export async function stateFindings(stateDir: string): Promise<readonly Finding[]> {
  const { ok, warn, fail } = findingsOf(area);
  const kind = await kindOf(stateDir);
  if (kind === 'missing') return [await parentFinding(stateDir)];
  if (kind === 'file') return [fail(`${stateDir} is no folder`, 'STATE_DIR=<a folder>')];
  const problem = await writeProblem(stateDir);
  if (problem !== undefined) {
    return [fail(`${stateDir} cannot be written (${problem})`, `chown -R "$(id -un)" ${stateDir}   (as root)`)];
  }
  const noLock = await lockProblem(path.join(stateDir, `.doctor-${process.pid}`));
  if (noLock !== undefined) return [fail(noLock.message, noLock.next ?? 'STATE_DIR=<another folder>')];
  const holder = await lockHolder(path.join(stateDir, 'lock'));
  return [
    ok(`the state in ${stateDir} can be written`),
    holder === undefined
      ? ok('no other proxnix uses that state')
      : warn(`${holder} That is fine if it is the bot you are asking about`, 'stop it before you start another'),
  ];
}

async function kindOf(file: string): Promise<'folder' | 'file' | 'missing'> {
  try {
    return (await stat(file)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    // Any other problem is reported by the attempt to write.
    return codeOf(error) === 'ENOENT' ? 'missing' : 'folder';
  }
}

/** Checks the parent of a missing folder. The doctor does not create the folder, because it would belong to the wrong user. */
async function parentFinding(stateDir: string): Promise<Finding> {
  const { ok, fail } = findingsOf(area);
  const parent = path.dirname(stateDir);
  if (parent !== stateDir && (await kindOf(parent)) === 'missing') return parentFinding(parent);
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    return ok(`the state folder ${stateDir} will be made at the first start`);
  } catch (error) {
    return fail(`the state folder cannot be made in ${parent} (${codeOf(error)})`, `mkdir -p ${stateDir}   (as root)`);
  }
}

/** Tries to write a file, because access() is wrong for root and on read-only mounts. */
async function writeProblem(dir: string): Promise<string | undefined> {
  const file = path.join(dir, `.doctor-${process.pid}`);
  try {
    await writeFile(file, 'proxnix doctor\n', { mode: 0o600 });
    await rm(file);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** Tries to lock a file of its own in the folder, so that it does not disturb a starting bot. */
async function lockProblem(file: string): Promise<UserError | undefined> {
  try {
    await (await lockInstance(file))();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

/** @returns the sentence about the process that holds the lock */
async function lockHolder(file: string): Promise<string | undefined> {
  // Without a lock file no bot holds a lock; making one would disturb a starting bot.
  if ((await kindOf(file)) === 'missing') return undefined;
  try {
    const unlock = await lockInstance(file);
    await unlock();
    return undefined;
  } catch (error) {
    if (error instanceof StoreInUse) return error.message;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const worthAWord = 30_000;
/** Slack, GitLab and the bot refuse signatures that are more than five minutes old or in the future. */
const tooFar = 300_000;

/** Compares this machine's clock with others. A chat's clock counts as right; Proxmox's may itself be wrong. */
export function clockFindings(samples: readonly ClockSample[]): readonly Finding[] {
  const { ok, warn, fail, skip } = findingsOf('clock');
  if (samples.length === 0) return [skip('no service reported its time')];
  const off = samples.filter(({ aheadMs }) => Math.abs(aheadMs) > worthAWord);
  if (off.length === 0) return [ok(`agrees with ${samples.map(({ from }) => from).join(', ')}`)];
  return off.map(({ from, aheadMs }) => {
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    const text = `this machine is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} ${from}`;
    if (Math.abs(aheadMs) <= tooFar || from.startsWith('Proxmox')) return warn(text, synchronise(from));
    return fail(`${text}; signatures fail from 300 s on`, synchronise(from));
  });
}

function synchronise(from: string): string {
  const where = from.startsWith('Proxmox') ? ' here, and look at `timedatectl` on the node too' : '';
  return `timedatectl set-ntp true${where}`;
}
