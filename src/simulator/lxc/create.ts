import { amount, type Call, flag, may, text } from '../call.ts';
import { busy } from '../change.ts';
import { failure, forbidden, textOf } from '../errors.ts';
import { type Config, newGuest } from '../guest.ts';
import { requireBridges } from '../qemu/options.ts';
import { Killed, type TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { demandHarmless, isMountKey, optionKeys, requireOptions, requireStorages, storedOptions } from './options.ts';
import { startContainerIn } from './power.ts';
import { restoreContainer } from './restore.ts';
import { mountVolume, volumeOf } from './volumes.ts';

/** `POST /nodes/{node}/lxc` has no declared permission: parameters come first, then these rights. */
export async function createContainer(call: Call): Promise<string> {
  const { world, caller } = call;
  const vmid = amount(call, 'vmid');
  const node = text(call, 'node');
  const pool = call.given.get('pool');
  world.demandQuorum('cluster not ready - no quorum?');
  if (pool !== undefined && !world.datacenter.pools.includes(pool)) throw forbidden(`pool '${pool}' does not exist`);
  const need = { all: ['VM.Allocate'] };
  if (!may(call, `/vms/${vmid}`, need) && !(pool !== undefined && may(call, `/pool/${pool}`, need))) throw forbidden();
  if (flag(call, 'restore')) return restoreContainer(call);
  const keys = optionKeys(call);
  demandHarmless(call);
  requireOptions(call, vmid, keys, pool);
  requireStorages(call, keys);
  demandTemplate(call);
  requireBridges(
    call,
    keys.filter((key) => /^net\d/.test(key)).map((key) => text(call, key)),
  );
  const options = storedOptions(call, keys);
  const tooLate = () => busy(vmid, 'lxc');
  await world.locks.hold(vmid, { patience: 10_000, tooLate }, () => reserve(world, node, vmid));
  return world.tasks.start({ node, type: 'vzcreate', id: String(vmid), caller }, async (task) => {
    await world.locks.hold(vmid, { patience: 10_000, tooLate }, () => build(call, vmid, keys, options, task));
    if (flag(call, 'start')) startContainerIn(call, node, vmid);
  });
}

function reserve(world: World, node: string, vmid: number): void {
  const taken = world.findGuest(vmid);
  if (taken !== undefined) {
    throw failure(`${taken.type === 'lxc' ? 'CT' : 'VM'} ${vmid} already exists on node '${taken.node}'`);
  }
  world.addGuest(newGuest('lxc', vmid, node, { lock: 'create' }));
}

function demandTemplate(call: Call): void {
  const [storage = '', name] = text(call, 'ostemplate').split(/:(.*)/s);
  if (name === undefined) throw failure('Only root can pass arbitrary filesystem paths.');
  const any = ['Datastore.Audit', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate', 'Datastore.Allocate'];
  if (!may(call, `/storage/${storage}`, { any })) throw forbidden(`/storage/${storage}, Datastore.AllocateSpace`);
  call.world.storages.get(storage);
}

async function build(
  call: Call,
  vmid: number,
  keys: readonly string[],
  options: Config,
  task: TaskHandle,
): Promise<void> {
  const { world } = call;
  const made: string[] = [];
  try {
    const mounts: Config = {};
    const wanted = new Map(keys.filter(isMountKey).map((key) => [key, text(call, key)]));
    if (!wanted.has('rootfs')) wanted.set('rootfs', `${call.given.get('storage') ?? 'local'}:4`);
    for (const [key, value] of [...wanted].toSorted(([a], [b]) => (a < b ? 1 : -1))) {
      mounts[key] = mountVolume(world, vmid, key, value, task);
      made.push(volumeOf(mounts[key]));
    }
    const ostype = await extract(call, task);
    const defaults = { arch: 'amd64', ostype, hostname: `CT${vmid}`, memory: 512, swap: 512 };
    const unprivileged: Config = world.version.table === '9' ? { unprivileged: 1 } : {};
    const config = { ...defaults, ...unprivileged, ...options, ...mounts };
    const guest = world.findGuest(vmid);
    if (guest !== undefined) Object.assign(guest, { config, pool: call.given.get('pool') ?? guest.pool });
  } catch (error) {
    if (error instanceof Killed) throw error;
    for (const volid of made) world.storages.remove(volid);
    world.removeGuest(vmid);
    throw new Error(`unable to create CT ${vmid} - ${textOf(error)}`);
  }
}

/** Unpacks the template; answers the kind of system in it. */
async function extract(call: Call, task: TaskHandle): Promise<string> {
  const { world } = call;
  const volid = text(call, 'ostemplate');
  const template = world.storages.volume(volid);
  if (template === undefined) {
    const problem = `volume '${volid}' does not exist`;
    if (world.version.logsMissingTemplate) task.log(problem);
    throw new Error(problem);
  }
  task.log(`extracting archive '${world.storages.path(volid)}'`);
  await world.clock.wait(300, task.signal);
  task.log(`Total bytes read: ${template.size} (2.0MiB, 106MiB/s)`);
  task.log('Detected container architecture: amd64');
  return template.ostype ?? 'unmanaged';
}
