import { type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { randomUuid } from '../clock.ts';
import { type Config, type Guest, isVolumeKey, switchedOff, volidOf } from '../guest.ts';
import { bootVolume, guestName, isAgentEnabled, isNamed } from '../guest-status.ts';
import { applyPending as applyToContainer } from '../lxc/update.ts';
import { isCdrom, isCloudinit } from '../qemu/disks.ts';
import { applyPending } from '../qemu/pending.ts';
import { printAmount, printSize } from '../sizes.ts';
import { Killed, type TaskHandle } from '../tasks.ts';
import { keepVolume, type Volume, volumePath } from '../volume.ts';
import type { World } from '../world.ts';

/** How long a shutdown for a backup may take. */
const SHUTDOWN_MS = 600_000;
/** The log has a line of progress about every three seconds; even a small disk takes some of them. */
const ROUND_MS = 3000;
const LEAST_ROUNDS = 3;

/** Backs one guest up. Its configuration has `lock: backup` meanwhile; a killed worker leaves it. */
export async function backUpGuest(
  call: Call,
  guest: Guest,
  storage: string | undefined,
  task: TaskHandle,
): Promise<void> {
  const { world } = call;
  const { vmid } = guest;
  task.log(`INFO: Starting Backup of VM ${vmid} (${guest.type})`);
  task.log(`INFO: Backup started at ${timeText(world.clock.now())}`);
  const config = await changing(world, vmid, () => lock(guest), undefined, guest.type);
  const { paused } = guest;
  const wasRunning = guest.startedAt !== undefined;
  task.log(`INFO: status = ${wasRunning ? 'running' : 'stopped'}`);
  const mode = wasRunning ? (call.given.get('mode') ?? 'snapshot') : 'stop';
  for (const line of [`backup mode: ${mode}`, 'ionice priority: 7']) task.log(`INFO: ${line}`);
  task.log(`INFO: ${guest.type === 'qemu' ? 'VM' : 'CT'} Name: ${guestName(guest)}`);
  const disks = disksOf(world, guest, task);
  const archive = archiveOf(call, guest, storage);
  try {
    await copy(world, guest, { mode, wasRunning, disks: Object.values(disks), archive: archive.path }, task);
  } catch (error) {
    if (error instanceof Killed) throw error;
    end(guest, wasRunning, paused);
    throw error;
  }
  end(guest, wasRunning, paused);
  keep(call, archive, { config, disks, subtype: guest.type }, task);
}

/** Answers the configuration without the lock that it has from now on. */
function lock(guest: Guest): Config {
  demandUnlocked(guest);
  const config = { ...guest.config };
  guest.config['lock'] = 'backup';
  return config;
}

/** The lock goes, and so does a stopped VM's emulator; a VM that somebody paused stays paused. */
function end(guest: Guest, wasRunning: boolean, paused: string | undefined): void {
  delete guest.config['lock'];
  if (!wasRunning) switchedOff(guest);
  delete guest.paused;
  if (paused !== undefined) guest.paused = paused;
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

/** `2026-11-29 11:07:38` of the node's clock, which shows UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
