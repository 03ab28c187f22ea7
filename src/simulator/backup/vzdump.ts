import { amount, type Call, demandRight, flag, may, text } from '../call.ts';
import { demandUnlocked } from '../change.ts';
import { randomUuid } from '../clock.ts';
import { parameterError, textOf } from '../errors.ts';
import { type Config, type Guest, isVolumeKey, switchedOff, volidOf } from '../guest.ts';
import { bootVolume, guestName, isAgentEnabled, isNamed } from '../guest-status.ts';
import { applyPending as applyToContainer } from '../lxc/update.ts';
import { isCdrom, isCloudinit } from '../qemu/disks.ts';
import { applyPending } from '../qemu/pending.ts';
import { printAmount, printSize } from '../sizes.ts';
import { Interrupted, Killed, type TaskHandle } from '../tasks.ts';
import { keepVolume, type Volume, volumePath } from '../volume.ts';
import type { World } from '../world.ts';

/** A backup waits for the one before it on its node, three hours at most; a shutdown for a backup may take ten minutes. */
const JOB_PATIENCE = 10_800_000;
const SHUTDOWN_MS = 600_000;
/** The log has a line of progress about every three seconds; even a small disk takes some of them. */
const ROUND_MS = 3000;
const LEAST_ROUNDS = 3;

/**
 * `POST /nodes/{node}/vzdump`: what a token may not ask for is refused at once, everything else ends in the task, and every
 * failure of a guest as `job errors`, with the reason in the log alone (9.2.11).
 */
export function backUp(call: Call): string {
  const { world, caller } = call;
  for (const name of ['dumpdir', 'script', 'tmpdir'])
    if (call.given.has(name)) throw parameterError({ [name]: 'Only root may set this option.' });
  if (!call.given.has('vmid')) throw parameterError({ vmid: 'property is missing' });
  for (const name of ['bwlimit', 'ionice', 'performance']) {
    if (call.given.has(name)) demandRight(call, '/', { all: ['Sys.Modify'] });
  }
  const storage = call.given.get('storage');
  if (storage !== undefined) demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  if (call.given.has('prune-backups')) demandRight(call, `/storage/${storage}`, { all: ['Datastore.Allocate'] });
  if (text(call, 'notes-template').includes('\n')) {
    throw parameterError({ 'notes-template': 'contains a line feed\n' });
  }
  const node = text(call, 'node');
  return world.tasks.start({ node, type: 'vzdump', id: text(call, 'vmid'), caller }, (task) => job(call, node, task));
}

async function job(call: Call, node: string, task: TaskHandle): Promise<void> {
  const { world } = call;
  const storage = targetOf(call);
  task.log(`INFO: starting new backup job: vzdump ${commandOf(call)}`);
  const guest = world.findGuest(amount(call, 'vmid'));
  if (guest !== undefined && guest.node !== node) return task.log(`INFO: skip external VMs: ${guest.vmid}`);
  if (guest !== undefined && !may(call, `/vms/${guest.vmid}`, { all: ['VM.Backup'] })) {
    throw new Error(`403 Permission check failed (/vms/${guest.vmid}, VM.Backup)`);
  }
  const tooLate = () => new Error("can't acquire lock '/var/run/vzdump.lock' - got timeout");
  const onWait = () => task.log('INFO: trying to get global lock - waiting...');
  const lock = -1 - world.seed.nodes.findIndex((one) => one.node === node);
  const options = { patience: JOB_PATIENCE, tooLate, onWait, signal: task.signal };
  await interruptible(world.locks.hold(lock, options, () => single(call, storage, task)));
}

/** What a stopped task says at its end. */
async function interruptible(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw error instanceof Interrupted ? new Error('interrupted by signal') : error;
  }
}

/** Throws what a job with a wrong storage ends with. Without a storage the archive goes to the node's own folder. */
function targetOf({ world, given }: Call): string | undefined {
  const name = given.get('storage');
  if (name === undefined) {
    const own = world.storages.here().find(({ path, content }) => path === '/var/lib/vz' && content.includes('backup'));
    return own?.storage;
  }
  const about = `could not get storage information for '${name}': `;
  const storage = world.storages.find(name);
  if (storage === undefined) {
    const problem = `storage '${name}' does not exist`;
    throw new Error(`could not activate storage '${name}': ${problem} ${about}${problem}`);
  }
  if (storage.content.includes('backup')) return name;
  throw new Error(`${about}can't use storage '${name}' for backups - wrong content type`);
}

function commandOf(call: Call): string {
  const options = [...call.given].filter(([key]) => key !== 'vmid' && key !== 'node');
  const quoted = (value: string) => (/[^\w./:=-]/.test(value) ? `'${value}'` : value);
  return [text(call, 'vmid'), ...options.map(([key, value]) => `--${key} ${quoted(value)}`)].join(' ');
}

async function single(call: Call, storage: string | undefined, task: TaskHandle): Promise<void> {
  const { world } = call;
  const vmid = amount(call, 'vmid');
  const begun = performance.now();
  try {
    const guest = world.findGuest(vmid);
    if (guest === undefined) throw new Error(`unable to find VM '${vmid}'`);
    await save(call, guest, storage, task);
    const seconds = Math.round((performance.now() - begun) / 1000 / (world.clock.timeScale || 1));
    task.log(`INFO: Finished Backup of VM ${vmid} (${durationText(seconds)})`);
    task.log(`INFO: Backup finished at ${timeText(world.clock.now())}`);
    task.log('INFO: Backup job finished successfully');
  } catch (error) {
    if (error instanceof Killed) throw error;
    const reason = error instanceof Interrupted ? 'interrupted by signal' : textOf(error);
    task.log(`ERROR: Backup of VM ${vmid} failed - ${reason}`);
    task.log(`INFO: Failed at ${timeText(world.clock.now())}`);
    if (error instanceof Interrupted) throw error;
    task.log('INFO: Backup job finished with errors');
    throw new Error('job errors');
  }
}

/** Backs one guest up. Its configuration has `lock: backup` meanwhile; a killed worker leaves it. */
async function save(call: Call, guest: Guest, storage: string | undefined, task: TaskHandle): Promise<void> {
  const { world } = call;
  const { vmid } = guest;
  demandUnlocked(guest);
  const wasRunning = guest.startedAt !== undefined;
  const config: Config = { ...guest.config };
  task.log(`INFO: Starting Backup of VM ${vmid} (${guest.type})`);
  task.log(`INFO: Backup started at ${timeText(world.clock.now())}`);
  task.log(`INFO: status = ${wasRunning ? 'running' : 'stopped'}`);
  const mode = wasRunning ? (call.given.get('mode') ?? 'snapshot') : 'stop';
  for (const line of [`backup mode: ${mode}`, 'ionice priority: 7']) task.log(`INFO: ${line}`);
  task.log(`INFO: ${guest.type === 'qemu' ? 'VM' : 'CT'} Name: ${guestName(guest)}`);
  const disks = disksOf(world, guest, task);
  const archive = archiveOf(call, guest, storage);
  guest.config['lock'] = 'backup';
  try {
    await copy(world, guest, { mode, wasRunning, disks: Object.values(disks), archive: archive.path }, task);
  } catch (error) {
    if (error instanceof Killed) throw error;
    end(guest, wasRunning);
    throw error;
  }
  end(guest, wasRunning);
  keep(call, archive, { config, disks, subtype: guest.type }, task);
}

/** The lock goes, and so does a stopped VM's emulator. */
function end(guest: Guest, wasRunning: boolean): void {
  delete guest.config['lock'];
  if (!wasRunning) switchedOff(guest);
  delete guest.paused;
}

/** The disks that are part of a backup: of a VM all without `backup=0`, of a container the root and what has `backup=1`. */
function disksOf(world: World, { type, config }: Guest, task: TaskHandle): Record<string, Volume> {
  const disks: Record<string, Volume> = {};
  for (const [key, value] of Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const volume = world.storages.volume(volidOf(value));
    if (!isVolumeKey(key) || isCdrom(value) || isCloudinit(value) || volume === undefined) continue;
    const wish = /(?:^|,)backup=(\w+)/.exec(String(value))?.[1];
    const isIn = type === 'qemu' ? wish !== '0' : key === 'rootfs' || wish === '1';
    const what = `disk '${key}' '${volume.volid}'`;
    if (isIn) disks[key] = volume;
    task.log(
      isIn ? `INFO: include ${what} ${printSize(volume.virtualSize ?? 0)}` : `INFO: exclude ${what} (backup=no)`,
    );
  }
  return disks;
}

interface Archive {
  readonly storage: string | undefined;
  readonly file: string;
  readonly format: string;
  readonly path: string;
}

const SUFFIXES: Readonly<Record<string, string>> = { '0': '', '1': '.gz', gzip: '.gz', lzo: '.lzo', zstd: '.zst' };

/** The file of a backup, by guest and second; a second that is taken already is passed over. */
function archiveOf(call: Call, guest: Guest, storage: string | undefined): Archive {
  const { world } = call;
  const plain = guest.type === 'qemu' ? 'vma' : 'tar';
  const format = `${plain}${SUFFIXES[call.given.get('compress') ?? '0'] ?? ''}`;
  const fileAt = (ms: number) => {
    const stamp = timeText(ms).replaceAll('-', '_').replace(' ', '-').replaceAll(':', '_');
    return `vzdump-${guest.type}-${guest.vmid}-${stamp}.${format}`;
  };
  let at = world.clock.now();
  const isTaken = () => world.storages.volume(`${storage}:backup/${fileAt(at)}`) !== undefined;
  while (storage !== undefined && isTaken()) at += 1000;
  const file = fileAt(at);
  const found = storage === undefined ? undefined : world.storages.find(storage);
  const path = found === undefined ? `/var/lib/vz/dump/${file}` : volumePath(found, `${storage}:backup/${file}`);
  return { storage, file, format, path };
}

interface Copy {
  readonly mode: string;
  readonly wasRunning: boolean;
  readonly disks: readonly Volume[];
  readonly archive: string;
}

async function copy(world: World, guest: Guest, what: Copy, task: TaskHandle): Promise<void> {
  const say = (line: string) => task.log(`INFO: ${line}`);
  if (what.mode === 'suspend') say('suspending guest');
  if (what.wasRunning && what.mode === 'stop') await stop(world, guest, task);
  say(`creating vzdump archive '${what.archive}'`);
  if (isNamed(guest, 'fail-backup')) throw new Error('job failed with err -5 - Input/output error');
  if (guest.type === 'qemu' && what.mode === 'stop' && what.disks.length > 0) {
    say('starting kvm to execute backup task');
    guest.startedAt = world.clock.now();
    guest.pid = 3000 + Math.floor(world.clock.random() * 30_000);
    guest.paused = 'prelaunch';
  }
  if (what.mode === 'suspend') guest.paused = 'paused';
  if (guest.type === 'qemu' && what.wasRunning && !isAgentEnabled(guest.config)) {
    say('skipping guest filesystem freeze - disabled in VM options');
  }
  say(guest.type === 'qemu' ? 'starting backup via QMP command' : 'starting first sync');
  say(`started backup task '${randomUuid(world.clock.random)}'`);
  if (what.wasRunning && what.mode !== 'snapshot') {
    await world.clock.wait(1000, task.signal);
    delete guest.paused;
    if (guest.type === 'lxc') guest.startedAt ??= world.clock.now();
  }
  if (what.wasRunning) say('resuming VM again');
  await progress(world, what.disks, task);
}

/** Shuts a running guest down, which may take ten minutes. What was pending is applied. */
async function stop(world: World, guest: Guest, task: TaskHandle): Promise<void> {
  task.log('INFO: stopping virtual guest');
  const boots = guest.type === 'lxc' || bootVolume(world, guest)?.boots === true;
  const leaves = boots && !isNamed(guest, 'deaf') && guest.paused === undefined && guest.rootless === undefined;
  await world.clock.wait(leaves ? 1000 : SHUTDOWN_MS, task.signal);
  const command = `command 'qm shutdown ${guest.vmid} --skiplock --keepActive --timeout 600' failed`;
  if (!leaves) throw new Error(`${command}: exit code 255`);
  switchedOff(guest);
  if (guest.type === 'qemu') applyPending(world, guest);
  else applyToContainer(world, guest);
}

async function progress(world: World, disks: readonly Volume[], task: TaskHandle): Promise<void> {
  const total = disks.reduce((sum, { virtualSize = 0 }) => sum + virtualSize, 0);
  if (disks.length === 0) {
    for (const line of ['backup contains no disks', 'starting diskless backup']) task.log(`INFO: ${line}`);
    return;
  }
  const perRound = (world.seed.rates.importBytesPerSecond * ROUND_MS) / 1000;
  const rounds = Math.max(LEAST_ROUNDS, Math.ceil(total / perRound));
  for (let round = 1; round <= rounds; round += 1) {
    await world.clock.wait(ROUND_MS, task.signal);
    const [done, seconds] = [(total * round) / rounds, (round * ROUND_MS) / 1000];
    const percent = String(Math.floor((done / total) * 100)).padStart(3);
    const speed = `read: ${printAmount(total / rounds / 3)}/s, write: ${printAmount(total / rounds / 3)}/s`;
    task.log(`INFO: ${percent}% (${printAmount(done)} of ${printAmount(total)}) in ${seconds}s, ${speed}`);
  }
  task.log(`INFO: transferred ${printAmount(total)} in ${(rounds * ROUND_MS) / 1000} seconds`);
}

/** Puts the archive on its storage, with its notes; a job without a storage leaves none that any list shows. */
function keep(
  call: Call,
  archive: Archive,
  content: { readonly config: Config; readonly disks: Record<string, Volume>; readonly subtype: 'qemu' | 'lxc' },
  task: TaskHandle,
): void {
  const { world } = call;
  const written = Object.values(content.disks).reduce((sum, { size }) => sum + size, 1024);
  const size = archive.format.includes('.') ? Math.ceil(written / 4) : written;
  task.log(`INFO: archive file size: ${Math.round(size / 1024)}KB`);
  const isProtected = flag(call, 'protected');
  const notes = notesOf(call, content.config, content.subtype);
  if (notes !== '') task.log('INFO: adding notes to backup');
  if (isProtected) task.log('INFO: marking backup as protected');
  if (archive.storage === undefined) return;
  if (world.storages.space(archive.storage).avail < size) throw new Error('vma_queue_write: write error - Broken pipe');
  const volid = `${archive.storage}:backup/${archive.file}`;
  const backup = { ...content, notes, isProtected };
  world.storages.put(keepVolume({ volid, content: 'backup', format: archive.format, size, backup }, world.clock.now()));
}

/** The template's variables and its two escapes (9.2.11). */
function notesOf(call: Call, config: Config, subtype: 'qemu' | 'lxc'): string {
  const vmid = text(call, 'vmid');
  const name = config[subtype === 'qemu' ? 'name' : 'hostname'] ?? (subtype === 'qemu' ? `VM ${vmid}` : `CT${vmid}`);
  const values: Record<string, string> = {
    ...{ vmid, guestname: String(name), node: text(call, 'node'), cluster: call.world.seed.clusterName ?? '' },
  };
  return text(call, 'notes-template')
    .replace(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole)
    .replace(/\\(n|\\)/g, (_, one: string) => (one === 'n' ? '\n' : '\\'));
}

/** `GET vzdump/defaults` */
export function backupDefaults(call: Call): unknown {
  const name = call.given.get('storage');
  const storage = name === undefined ? undefined : call.world.storages.find(name);
  return {
    ...{ all: 0, bwlimit: 0, compress: '0', fleecing: { enabled: 0 }, ionice: 7, lockwait: 180, mode: 'snapshot' },
    ...{ mailnotification: 'always', 'notification-mode': 'auto', pigz: 0, quiet: 0, remove: 1, stdexcludes: 1 },
    ...{ stop: 0, stopwait: 10, zstd: 1, 'prune-backups': 'keep-all=1' },
    performance: { 'max-workers': 16, 'pbs-entries-max': 1_048_576 },
    dumpdir: storage === undefined ? '/var/lib/vz/dump' : `${storage.path}/dump`,
    ...(name === undefined ? {} : { storage: name }),
  };
}

function durationText(seconds: number): string {
  const part = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`;
}

/** `2026-11-29 11:07:38` of the node's clock, which shows UTC. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
