import { backupOf, restoredConfig, restoredVolume } from '../backup/archives.ts';
import { amount, type Call, demandRight, flag, text } from '../call.ts';
import { busy } from '../change.ts';
import { randomMac, randomUuid } from '../clock.ts';
import { failure, textOf } from '../errors.ts';
import { addUnused, type Config, type Guest, isUnusedKey, newGuest, volidOf } from '../guest.ts';
import { Killed, type TaskHandle } from '../tasks.ts';
import type { Backup } from '../volume.ts';
import { freeVolumes, isCdrom, isCloudinit, parseDrive, printDrive } from './disks.ts';
import { isDriveKey, NO_OPTIONS } from './options.ts';
import { optionsOf } from './update.ts';

/** `POST /nodes/{node}/qemu` with `archive`: a VM made of a backup, with `force` in the place of the one that is there. */
export function restoreVm(call: Call): string {
  const { world, caller, given } = call;
  const vmid = amount(call, 'vmid');
  const node = text(call, 'node');
  const { volume, backup } = backupOf(call, text(call, 'archive'));
  const storage = given.get('storage');
  if (storage !== undefined) demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  const present = world.findGuest(vmid);
  if (present !== undefined) demandReplaceable(call, present);
  const keys = [...given.keys()].filter((key) => !NO_OPTIONS.has(key) && !isDriveKey(key));
  const changes = optionsOf(call, keys);
  const guest = present ?? newGuest('qemu', vmid, node, { lock: 'create' });
  if (present === undefined) world.addGuest(guest);
  return world.tasks.start({ node, type: 'qmrestore', id: String(vmid), caller }, (task) => {
    task.log(`restore vma archive: vma extract ${world.storages.path(volume.volid)}`);
    const work = { guest, backup, changes, isNew: present === undefined };
    return world.locks.hold(vmid, { patience: 10_000, tooLate: () => busy(vmid) }, () => rebuild(call, work, task));
  });
}

function demandReplaceable(call: Call, guest: Guest): void {
  const { vmid, node, type, startedAt } = guest;
  const begin = `unable to restore VM ${vmid} - `;
  if (!flag(call, 'force')) {
    throw failure(`${begin}${type === 'qemu' ? 'VM' : 'CT'} ${vmid} already exists on node '${node}'`);
  }
  if (startedAt !== undefined) throw failure(`${begin}VM ${vmid} is running`);
  if (guest.config['protection'] === 1) throw failure(`${begin}can't remove VM ${vmid} - protection mode enabled`);
}

interface Work {
  readonly guest: Guest;
  readonly backup: Backup;
  readonly changes: Config;
  readonly isNew: boolean;
}

/** The disks of slots that the backup has are replaced; the others of the old VM are unused afterwards (9.2.11). */
async function rebuild(call: Call, { guest, backup, changes, isNew }: Work, task: TaskHandle): Promise<void> {
  const { world } = call;
  const made: string[] = [];
  try {
    const config = { ...restoredConfig(backup), ...unusedAfter(call, guest, backup) };
    for (const [key, disk] of Object.entries(backup.disks)) {
      const storage = call.given.get('storage') ?? disk.storage;
      await world.clock.wait(300, task.signal);
      const volume = restoredVolume(world, disk, guest.vmid, storage);
      made.push(volume.volid);
      task.log(`new volume ID is '${volume.volid}'`);
      config[key] = printDrive({ file: volume.volid, options: parseDrive(config[key] ?? '').options });
    }
    leaveOut(config, backup);
    config['vmgenid'] = randomUuid(world.clock.random);
    if (flag(call, 'unique')) renew(call, config);
    Object.assign(guest, { config: { ...config, ...changes }, pool: call.given.get('pool') ?? guest.pool });
    Object.assign(guest, { pending: {}, pendingDelete: [] });
  } catch (error) {
    if (error instanceof Killed) throw error;
    freeVolumes(world, made);
    if (isNew) world.removeGuest(guest.vmid);
    throw new Error(`unable to restore VM ${guest.vmid} - ${textOf(error)}`);
  }
}

/** Frees what is replaced of the old VM; answers what it keeps. */
function unusedAfter(call: Call, guest: Guest, backup: Backup): Config {
  const kept: Config = {};
  for (const [key, value] of Object.entries(guest.config)) {
    if ((!isDriveKey(key) && !isUnusedKey(key)) || (isCdrom(value) && !isCloudinit(value))) continue;
    if (backup.disks[key] !== undefined || isCloudinit(value)) call.world.storages.remove(volidOf(value));
    else addUnused(kept, volidOf(value));
  }
  return kept;
}

/** A disk that is not part of the backup comes back as a line of the description (9.2.11). */
function leaveOut(config: Config, backup: Backup): void {
  for (const [key, value] of Object.entries(config)) {
    if (!isDriveKey(key) || isCdrom(value) || backup.disks[key] !== undefined) continue;
    config['description'] = [config['description'], `${key}: ${value}`].filter((one) => one !== undefined).join('\n');
    delete config[key];
  }
}

/** With `unique` the VM gets its own identity: UUID and MAC addresses. */
function renew({ world }: Call, config: Config): void {
  config['smbios1'] = `uuid=${randomUuid(world.clock.random)}`;
  for (const [key, value] of Object.entries(config)) {
    if (!/^net\d+$/.test(key)) continue;
    config[key] = String(value).replace(/=[0-9A-F:]{17}/i, `=${randomMac(world.clock.random, world.macPrefix)}`);
  }
}
