import { backupOf, restoredConfig, restoredVolume } from '../backup/archives.ts';
import { amount, type Call, demandRight, flag, text } from '../call.ts';
import { busy } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, newGuest } from '../guest.ts';
import { removeGuest } from '../qemu/destroy.ts';
import type { TaskHandle } from '../tasks.ts';
import type { Backup } from '../volume.ts';
import { isMountKey, optionKeys, storedOptions } from './options.ts';
import { mountVolume, withVolume } from './volumes.ts';

/**
 * `POST /nodes/{node}/lxc` with `restore`: a container made of a backup, with `force` in the place of the one that is there.
 * Mount points that are not part of the backup come back empty (9.2.11).
 */
export function restoreContainer(call: Call): string {
  const { world, caller, given } = call;
  const vmid = amount(call, 'vmid');
  const node = text(call, 'node');
  const { volume, backup } = backupOf(call, text(call, 'ostemplate'));
  const storage = given.get('storage');
  if (storage !== undefined) demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  const present = world.findGuest(vmid);
  if (present !== undefined && !flag(call, 'force')) {
    throw failure(`${present.type === 'lxc' ? 'CT' : 'VM'} ${vmid} already exists on node '${present.node}'`);
  }
  if (present?.startedAt !== undefined) throw failure(`unable to restore CT ${vmid} - container is running`);
  const guest = newGuest('lxc', vmid, node, { lock: 'create' }, given.get('pool') ?? present?.pool);
  return world.tasks.start({ node, type: 'vzrestore', id: String(vmid), caller }, (task) => {
    const options = { patience: 10_000, tooLate: () => busy(vmid, 'lxc') };
    return world.locks.hold(vmid, options, async () => {
      if (present !== undefined) removeGuest(world, present, { purge: false, orphans: false }, task);
      world.addGuest(guest);
      task.log(`extracting archive '${world.storages.path(volume.volid)}'`);
      await world.clock.wait(300, task.signal);
      fill(call, guest, backup, task);
    });
  });
}

function fill(call: Call, guest: Guest, backup: Backup, task: TaskHandle): void {
  const { world, given } = call;
  const config = { ...restoredConfig(backup), ...storedOptions(call, optionKeys(call)) };
  for (const [key, value] of Object.entries(config).filter(([one]) => isMountKey(one))) {
    const disk = backup.disks[key];
    const storage = given.get('storage') ?? String(value).split(':')[0] ?? '';
    if (disk === undefined) {
      const size = /(?:^|,)size=(\d+)G/.exec(String(value))?.[1] ?? '1';
      const empty = String(value).replace(/^[^,]+/, `${storage}:${size}`);
      config[key] = mountVolume(world, guest.vmid, key, empty.replace(/,size=[^,]+/, ''), task);
    } else {
      const { volid } = restoredVolume(world, disk, guest.vmid, storage);
      config[key] = withVolume(world, key, value, new Map([['volume', volid]]));
    }
  }
  guest.config = config;
}
