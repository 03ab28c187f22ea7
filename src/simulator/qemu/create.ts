import { amount, type Call, flag, may, text } from '../call.ts';
import { busy } from '../change.ts';
import { randomUuid } from '../clock.ts';
import { failure, forbidden, textOf } from '../errors.ts';
import { type Config, newGuest, normaliseTags } from '../guest.ts';
import { demandTagsAtCreate } from '../tag-policy.ts';
import { Killed, type TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { allocateDrives, freeVolumes } from './disks.ts';
import { isDriveKey, NO_OPTIONS, requireBridges, requireOptions, requireStorages } from './options.ts';
import { restoreVm } from './restore.ts';
import { startInTask } from './start.ts';
import { drivesOf, optionsOf } from './update.ts';

/** `POST /nodes/{node}/qemu` has no declared permission: parameters come first, then these rights. */
export async function createVm(call: Call): Promise<string> {
  const { world, caller, given } = call;
  const vmid = amount(call, 'vmid');
  const node = text(call, 'node');
  const pool = given.get('pool');
  world.demandQuorum('cluster not ready - no quorum?');
  if (pool !== undefined && !world.datacenter.pools.includes(pool)) throw forbidden(`pool '${pool}' does not exist`);
  const need = { all: ['VM.Allocate'] };
  if (!may(call, `/vms/${vmid}`, need) && !(pool !== undefined && may(call, `/pool/${pool}`, need))) throw forbidden();
  if (given.has('archive')) return restoreVm(call);
  const keys = [...given.keys()].filter((key) => !NO_OPTIONS.has(key));
  const drives = drivesOf(call, keys);
  requireStorages(call, drives);
  // 9.2 asks for the right to set tags in the worker, after the import; 8.4 not at all.
  requireOptions(
    call,
    vmid,
    keys.filter((key) => key !== 'tags'),
    { pool, isNew: true },
  );
  requireBridges(
    call,
    keys.filter((key) => /^net\d/.test(key)).map((key) => text(call, key)),
  );
  if (flag(call, 'start') && world.version.startAtCreateNeedsPower) requirePower(call, vmid, pool);
  const config = optionsOf(
    call,
    keys.filter((key) => !isDriveKey(key)),
  );
  return await reserve(world, node, vmid, async () =>
    world.tasks.start({ node, type: 'qmcreate', id: String(vmid), caller }, async (task) => {
      const plan = { vmid, node, config, drives };
      await world.locks.hold(vmid, { patience: 10_000, tooLate: () => busy(vmid) }, () => build(call, plan, task));
      if (!flag(call, 'start')) return;
      // The start is a task of its own: this task's log does not show that it failed.
      task.log('Execute autostart');
      startInTask(call, node, vmid);
    }),
  );
}

/** Waits a second for the number's lock, so that a create posted right after a destroy works, then asserts that it is free. */
export async function reserve(world: World, node: string, vmid: number, begin: () => Promise<string>): Promise<string> {
  const taken = () => {
    const guest = world.findGuest(vmid);
    const kind = guest?.type === 'lxc' ? 'CT' : 'VM';
    return guest === undefined
      ? undefined
      : `unable to create VM ${vmid} - ${kind} ${vmid} already exists on node '${guest.node}'`;
  };
  const tooLate = () => failure(`unable to create VM ${vmid} - ${textOf(busy(vmid))}`);
  return await world.locks
    .hold(vmid, { patience: 1000, tooLate }, async () => {
      const text = taken();
      if (text !== undefined) throw failure(text);
      world.addGuest(newGuest('qemu', vmid, node, { lock: 'create' }));
      return '';
    })
    .then(begin);
}

interface Plan {
  readonly vmid: number;
  readonly node: string;
  readonly config: Config;
  readonly drives: ReadonlyMap<string, string>;
}

async function build(call: Call, plan: Plan, task: TaskHandle): Promise<void> {
  const { world } = call;
  const { vmid } = plan;
  const guest = world.findGuest(vmid);
  const made: string[] = [];
  try {
    const drives = await allocateDrives(world, vmid, plan.drives, task, made);
    const { tags, description, ...options } = plan.config;
    const comment: Config = description === undefined || description === '' ? {} : { description };
    const now = Math.floor(world.clock.now() / 1000);
    const identity = {
      meta: `creation-qemu=10.1.2,ctime=${now}`,
      smbios1: `uuid=${randomUuid(world.clock.random)}`,
      vmgenid: randomUuid(world.clock.random),
    };
    const config: Config = { ...identity, ...options, ...comment, ...drives };
    if (tags !== undefined && world.version.normalisesTagsAtCreate) requireTagsInWorker(call, vmid, String(tags));
    if (tags !== undefined) {
      config['tags'] = world.version.normalisesTagsAtCreate
        ? normaliseTags(String(tags), world.tagStyle)
        : String(tags).replaceAll('\0', ';');
    }
    config['boot'] ??= defaultBoot(config);
    if (guest !== undefined) Object.assign(guest, { config, pool: call.given.get('pool') ?? guest.pool });
  } catch (error) {
    if (error instanceof Killed) throw error;
    freeVolumes(world, made);
    world.removeGuest(vmid);
    throw new Error(`unable to create VM ${vmid} - ${textOf(error)}`);
  }
}

/** In 9.2.11 this check comes after the whole import and undoes it; rights on the pool do not count yet. */
function requireTagsInWorker(call: Call, vmid: number, tags: string): void {
  if (!may(call, `/vms/${vmid}`, { all: ['VM.Config.Options'] })) {
    throw new Error(`403 Permission check failed (/vms/${vmid}, VM.Config.Options)`);
  }
  demandTagsAtCreate(call, tags);
}

function requirePower(call: Call, vmid: number, pool: string | undefined): void {
  const need = { all: ['VM.PowerMgmt'] };
  if (may(call, `/vms/${vmid}`, need) || (pool !== undefined && may(call, `/pool/${pool}`, need))) return;
  throw forbidden(`/vms/${vmid}, VM.PowerMgmt`);
}

/** The first disk, the first CD, the first card; one space when there is none of them. */
function defaultBoot(config: Config): string {
  const rank = (key: string) => ['ide', 'scsi', 'virtio', 'sata'].indexOf(key.replace(/\d+$/, ''));
  const drives = Object.keys(config)
    .filter((key) => rank(key) >= 0)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true }));
  const isCd = (key: string) => /media=cdrom/.test(String(config[key]));
  const isCloud = (key: string) => /cloudinit/.test(String(config[key]));
  const order = [
    drives.find((key) => !isCd(key)),
    drives.find((key) => isCd(key) && !isCloud(key)),
    Object.keys(config)
      .toSorted()
      .find((key) => /^net\d+$/.test(key)),
  ].filter((key) => key !== undefined);
  return order.length === 0 ? ' ' : `order=${order.join(';')}`;
}
