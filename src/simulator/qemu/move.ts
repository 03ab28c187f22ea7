import { amount, type Call, demandRight, flag, text } from '../call.ts';
import { changing, DIGEST, demandDigest, demandUnlocked } from '../change.ts';
import { failure, parameterError } from '../errors.ts';
import { addUnused, type Guest, isUnusedKey, volidOf } from '../guest.ts';
import type { TaskHandle } from '../tasks.ts';
import { keepVolume, parentOf, type Volume } from '../volume.ts';
import type { World } from '../world.ts';
import { copyVolume } from './copy.ts';
import { firmwareBytes, parseDrive, printDrive } from './disks.ts';
import { removeFromBoot } from './pending.ts';
import { isInSnapshot } from './snapshot.ts';

/** `POST move_disk`: to another storage, or as it is to another VM. */
export function moveDisk(call: Call): string {
  if (call.given.has('target-vmid')) return reassign(call);
  return moveToStorage(call);
}

function moveToStorage(call: Call): string {
  const { world, caller } = call;
  const guest = world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
  const key = text(call, 'disk');
  const storage = text(call, 'storage');
  if (storage === '') throw parameterError({ storage: 'property is missing and it is not optional' });
  demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  demandDigest(world, guest, call.given.get('digest'), DIGEST);
  demandUnlocked(guest);
  const value = guest.config[key];
  if (value === undefined) throw failure(`disk '${key}' does not exist`);
  const source = world.storages.volume(volidOf(value));
  if (source === undefined) throw failure(`volume ${volidOf(value)} does not exist`);
  if (!world.storages.get(storage).content.includes('images')) {
    throw parameterError({ storage: `storage '${storage}' does not support vm images` });
  }
  const format = call.given.get('format');
  if (source.storage === storage && (format === undefined || format === source.format)) {
    throw failure("you can't move to the same storage with same format");
  }
  if (isInSnapshot(guest, source.volid) && flag(call, 'delete')) {
    throw failure("you can't move a disk with snapshots and delete the source");
  }
  return world.tasks.start({ node: guest.node, type: 'qmmove', id: String(guest.vmid), caller }, (task) =>
    changing(world, guest.vmid, () => copyOver(call, guest, key, source, task), task),
  );
}

async function copyOver(call: Call, guest: Guest, key: string, source: Volume, task: TaskHandle): Promise<void> {
  const { world } = call;
  const storage = text(call, 'storage');
  const from = `'${source.volid}' from current storage '${source.storage}'`;
  task.log(`copying volume ${from} to target storage '${storage}'`);
  task.log(`create full clone of drive ${key} (${source.volid})`);
  const isOnline = guest.startedAt !== undefined;
  const fixed = firmwareBytes(key, parseDrive(guest.config[key] ?? '').options);
  if (fixed !== undefined) demandFirmware(key, source, fixed, isOnline);
  const what = { source, storage, format: call.given.get('format') };
  const job = `${world.version.mirrorJob}-${key}`;
  const log = key === 'efidisk0' ? withoutProgress(task) : isOnline ? asMirror(key, job, task) : task;
  const volume = await copyVolume(world, guest.vmid, what, log, []);
  if (isOnline && key !== 'efidisk0') {
    for (const line of ['Completing block job...', 'Completed successfully.', 'mirror-job finished']) {
      task.log(`${job}: ${line}`);
    }
  }
  const { options } = parseDrive(guest.config[key] ?? '');
  guest.config[key] = printDrive({ file: volume.volid, options });
  if (flag(call, 'delete')) {
    world.storages.remove(source.volid);
    task.log(`removing source volume '${source.volid}' after successful copy`);
    return;
  }
  const unused = addUnused(guest.config, source.volid);
  task.log(`adding source volume '${source.volid}' as '${unused}' to config`);
}

/** An EFI disk or a TPM state that was resized cannot be moved any more, nor the TPM state of a running VM (9.2.11). */
function demandFirmware(key: string, source: Volume, bytes: number, isOnline: boolean): void {
  if (key === 'tpmstate0' && isOnline) throw failure('cannot move TPM state while VM is running');
  if ((source.virtualSize ?? 0) > bytes) throw failure('qemu-img: output file is smaller than input file');
}

/** An EFI disk is copied in one piece. */
function withoutProgress(task: TaskHandle): TaskHandle {
  return { ...task, log: (line) => (line.startsWith('transferred') ? undefined : task.log(line)) };
}

/** The log of a running VM's mirror: the emulator copies, so its lines look different. */
function asMirror(key: string, job: string, task: TaskHandle): TaskHandle {
  let last = '';
  const log = (line: string) => {
    if (!line.startsWith('transferred')) return task.log(line);
    if (line === last) return task.log(`all 'mirror' jobs are ready`);
    if (last === '') task.log(`drive mirror is starting for drive-${key}`);
    last = line;
    const isReady = line.includes('(100.00%)');
    task.log(`${job}: ${line} in 0s${isReady ? ', ready' : ''}`);
  };
  return { ...task, log };
}

function reassign(call: Call): string {
  const { world, caller } = call;
  const node = text(call, 'node');
  const source = world.guest('qemu', node, amount(call, 'vmid'));
  const target = amount(call, 'target-vmid');
  const key = text(call, 'disk');
  const targetKey = call.given.get('target-disk') ?? key;
  if (target === source.vmid) {
    throw parameterError({ 'target-vmid': 'must be different than source VMID to reassign disk' });
  }
  demandRight(call, `/vms/${target}`, { all: ['VM.Config.Disk'] });
  const live = world.guest('qemu', node, target);
  demandReassign(call, source, live, key, targetKey);
  const id = `${source.vmid}-${key}>${target}-${targetKey}`;
  return world.tasks.start({ node, type: 'qmmove', id, caller }, (task) =>
    changing(
      world,
      source.vmid,
      () => changing(world, target, () => handOver(world, { source, key, live, targetKey }, task), task),
      task,
    ),
  );
}

function demandReassign(call: Call, source: Guest, live: Guest, key: string, targetKey: string): void {
  const { world } = call;
  demandDigest(world, source, call.given.get('digest'), `VM ${source.vmid}: ${DIGEST}`);
  demandDigest(world, live, call.given.get('target-digest'), `VM ${live.vmid}: ${DIGEST}`);
  demandUnlocked(source);
  demandUnlocked(live);
  const value = source.config[key];
  if (value === undefined) throw failure(`Disk '${key}' for VM '${source.vmid}' does not exist`);
  if (live.config[targetKey] !== undefined) {
    throw failure(`Target disk key '${targetKey}' is already in use for VM '${live.vmid}'`);
  }
  if (isInSnapshot(source, volidOf(value))) throw failure("Can't move disk used by a snapshot to another VM");
  demandRename(world, volidOf(value));
  if (source.startedAt !== undefined && !isUnusedKey(key)) {
    throw failure('Cannot move disk to another VM while the source VM is running - detach first');
  }
}

interface HandOver {
  readonly source: Guest;
  readonly key: string;
  readonly live: Guest;
  readonly targetKey: string;
}

function handOver(world: World, { source, key, live, targetKey }: HandOver, task: TaskHandle): void {
  task.log(world.version.reassignLine(key, source.vmid, live.vmid, targetKey));
  const drive = parseDrive(source.config[key] ?? '');
  const volid = renamed(world, drive.file, live.vmid);
  if (!isUnusedKey(key)) {
    task.log(`removing disk '${key}' from boot order config`);
    removeFromBoot(source.config, key);
  }
  task.log(`removing disk '${key}' from VM '${source.vmid}' config`);
  delete source.config[key];
  live.config[targetKey] = isUnusedKey(targetKey) ? volid : printDrive({ ...drive, file: volid });
}

/** ZFS over iSCSI lacks the feature `rename`, and LUNs have no owner (ZFSPlugin, ISCSIPlugin, ISCSIDirectPlugin of 9.2). */
export function demandRename(world: World, volid: string): void {
  const { type } = world.storages.get(volid.split(':')[0] ?? '');
  if (/^(?:zfs|iscsi|iscsidirect)$/.test(type)) throw failure('Storage does not support the renaming of volumes');
}

/** Gives a volume the next free name of another guest; a linked clone keeps its base in front. */
export function renamed(world: World, volid: string, vmid: number): string {
  const volume = world.storages.volume(volid);
  if (volume === undefined) throw failure(`volume ${volid} does not exist`);
  const free = world.storages.freeDisk(volume.storage, vmid, volume.format);
  const base = parentOf(volid);
  const name = base === undefined ? free : `${base}/${free.slice(free.indexOf(':') + 1)}`;
  world.storages.remove(volid);
  world.storages.put({ ...keepVolume({ ...volume, volid: name }, world.clock.now()), ctime: volume.ctime });
  return name;
}
