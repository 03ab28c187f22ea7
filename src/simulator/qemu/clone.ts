import { amount, type Call, demandRight, flag, may, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { randomMac, randomUuid } from '../clock.ts';
import { failure, forbidden } from '../errors.ts';
import { type Config, type Guest, isUnusedKey, newGuest, volidOf } from '../guest.ts';
import type { TaskHandle } from '../tasks.ts';
import { Killed } from '../tasks.ts';
import { isBlock, keepVolume, type Volume } from '../volume.ts';
import type { World } from '../world.ts';
import { copyVolume } from './copy.ts';
import { freeVolumes, isCdrom, parseDrive, printDrive } from './disks.ts';
import { isDriveKey, requireBridges } from './options.ts';

/** `POST template`: the disks become base volumes that nobody writes to any more. */
export function makeTemplate(call: Call): string {
  const { world, caller } = call;
  const { vmid, node, ...guest } = guestOf(call);
  if (guest.config['template'] === 1) throw failure("you can't convert a template to a template");
  if (guest.startedAt !== undefined) throw failure(`unable to create template, because VM ${vmid} is running`);
  if (Object.keys(guest.snapshots).length > 0)
    throw failure('unable to create template, because VM contains snapshots');
  return world.tasks.start({ node, type: 'qmtemplate', id: String(vmid), caller }, (task) =>
    changing(
      world,
      vmid,
      () => {
        const live = guestOf(call);
        demandUnlocked(live);
        live.config['template'] = 1;
        for (const [key, value] of Object.entries(live.config)) {
          if (isDriveKey(key) && !isCdrom(value)) live.config[key] = asBase(world, value);
        }
      },
      task,
    ),
  );
}

function asBase(world: World, value: string | number): string {
  const drive = parseDrive(value);
  const volume = world.storages.volume(drive.file);
  const volid = drive.file.replace(/(^|[:/])vm-(\d+)-/, '$1base-$2-');
  if (volume !== undefined) {
    world.storages.remove(drive.file);
    world.storages.put({ ...volume, volid });
  }
  return printDrive({ ...drive, file: volid });
}

/** `POST clone`: linked from a template unless `full` says otherwise. */
export function cloneVm(call: Call): string {
  const { world, caller } = call;
  const guest = guestOf(call);
  const newid = amount(call, 'newid');
  const pool = call.given.get('pool');
  demandCloneRights(call, newid, pool);
  const isTemplate = guest.config['template'] === 1;
  const isFull = call.given.has('full') ? flag(call, 'full') : !isTemplate;
  if (call.given.has('storage') && !isFull) throw failure("parameter 'storage' not allowed for linked clones");
  if (world.findGuest(newid) !== undefined) throw failure(`unable to create VM ${newid}: config file already exists`);
  demandUnlocked(guest);
  for (const [key, value] of Object.entries(guest.config)) {
    if (isFull || !isDriveKey(key) || isCdrom(value)) continue;
    if (/base-\d+-disk-\d+(\.\w+)?$/.test(volidOf(value))) continue;
    throw failure(`Linked clone feature is not supported for '${volidOf(value)}' (${key})`);
  }
  requireBridges(
    call,
    Object.entries(guest.config)
      .filter(([key]) => /^net\d/.test(key))
      .map(([, value]) => String(value)),
  );
  const fresh = newGuest('qemu', newid, guest.node, { lock: 'clone' });
  world.addGuest(fresh);
  const what = { node: guest.node, type: 'qmclone', id: String(guest.vmid), caller };
  return world.tasks.start(what, (task) => changing(world, newid, () => fill(call, guest, fresh, isFull, task), task));
}

function demandCloneRights(call: Call, newid: number, pool: string | undefined): void {
  if (pool !== undefined && !call.world.datacenter.pools.includes(pool))
    throw forbidden(`pool '${pool}' does not exist`);
  const need = { all: ['VM.Allocate'] };
  if (may(call, `/vms/${newid}`, need) || (pool !== undefined && may(call, `/pool/${pool}`, need))) return;
  throw forbidden();
}

async function fill(call: Call, from: Guest, fresh: Guest, isFull: boolean, task: TaskHandle): Promise<void> {
  const { world } = call;
  const made: string[] = [];
  if (world.version.logsCloneStart) task.log(`creating a clone of VM ${from.vmid} with ID ${fresh.vmid}`);
  try {
    const config: Config = {};
    for (const [key, value] of Object.entries(from.config).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (isUnusedKey(key) || ['template', 'parent', 'lock', 'protection'].includes(key)) continue;
      config[key] =
        isDriveKey(key) && !isCdrom(value) ? await cloneDrive(call, { key, value, fresh, isFull }, task, made) : value;
      if (/^net\d/.test(key))
        config[key] = String(value).replace(/=[0-9A-F:]{17}/i, `=${randomMac(world.clock.random, world.macPrefix)}`);
    }
    config['name'] = call.given.get('name') ?? `Copy-of-VM-${from.config['name'] ?? from.vmid}`;
    if (call.given.has('description')) config['description'] = text(call, 'description');
    config['smbios1'] = `uuid=${randomUuid(world.clock.random)}`;
    config['vmgenid'] = randomUuid(world.clock.random);
    Object.assign(fresh, { config, pool: call.given.get('pool') ?? fresh.pool });
  } catch (error) {
    if (error instanceof Killed) throw error;
    freeVolumes(world, made);
    world.removeGuest(fresh.vmid);
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface DriveToClone {
  readonly key: string;
  readonly value: string | number;
  readonly fresh: Guest;
  readonly isFull: boolean;
}

async function cloneDrive(call: Call, what: DriveToClone, task: TaskHandle, made: string[]): Promise<string> {
  const { world } = call;
  const drive = parseDrive(what.value);
  const source = world.storages.volume(drive.file);
  if (source === undefined) throw new Error(`volume ${drive.file} does not exist`);
  const storage = what.isFull ? (call.given.get('storage') ?? source.storage) : source.storage;
  demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  if (!what.isFull) return printDrive({ ...drive, file: linked(world, source, what, task, made) });
  task.log(`create full clone of drive ${what.key} (${drive.file})`);
  const copy = { source, storage, format: call.given.get('format') };
  const volume = await copyVolume(world, what.fresh.vmid, copy, task, made);
  return printDrive({ ...drive, file: volume.volid });
}

function linked(world: World, base: Volume, what: DriveToClone, task: TaskHandle, made: string[]): string {
  const { storages } = world;
  const free = storages.freeDisk(base.storage, what.fresh.vmid, 'qcow2');
  const file = free.slice(free.lastIndexOf('/') + 1).replace(/^.*:/, '');
  const name = base.volid.slice(base.volid.indexOf(':') + 1);
  const volid = isBlock(storages.get(base.storage)) ? free : `${base.volid}/${what.fresh.vmid}/${file}`;
  task.log(`create linked clone of drive ${what.key} (${base.volid})`);
  task.log(`clone ${name}: images, ${file}, ${what.fresh.vmid} to ${file} (base=../${name})`);
  const seed = { ...base, volid, size: 200 * 1024 };
  storages.put({ ...keepVolume(seed, world.clock.now()), parent: base.volid });
  made.push(volid);
  const head = `Formatting '${storages.path(volid)}', fmt=qcow2 cluster_size=65536 extended_l2=on`;
  task.log(`${head} compression_type=zlib size=${base.virtualSize} backing_file=../${name} backing_fmt=qcow2`);
  return volid;
}

function guestOf(call: Call): Guest {
  return call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
}
