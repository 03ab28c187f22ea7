import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, isUnusedKey, isVolumeKey, mergedConfig, volidOf } from '../guest.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { rootOnlyError } from './options.ts';

/** `DELETE /nodes/{node}/qemu/{vmid}` */
export function destroyVm(call: Call): string {
  const { world, caller } = call;
  const guest = world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  if (guest.config['protection'] === 1) throw failure(`can't remove VM ${guest.vmid} - protection mode enabled`);
  if (guest.startedAt !== undefined) throw failure(`VM ${guest.vmid} is running - destroy failed`);
  if (world.troubles.managed.has(guest.vmid) && !flag(call, 'purge')) {
    throw failure(`unable to remove VM ${guest.vmid} - used in HA resources and purge parameter not set.`);
  }
  const what = { node: guest.node, type: 'qmdestroy', id: String(guest.vmid), caller };
  return world.tasks.start(what, (task) =>
    changing(
      world,
      guest.vmid,
      () => {
        demandUnlocked(guest);
        removeGuest(
          world,
          guest,
          { purge: flag(call, 'purge'), orphans: flag(call, 'destroy-unreferenced-disks') },
          task,
        );
      },
      task,
    ),
  );
}

/** Removes a guest with its volumes; `orphans` also those that only carry its number. */
export function removeGuest(
  world: World,
  guest: Guest,
  how: { readonly purge: boolean; readonly orphans: boolean },
  task: TaskHandle,
): void {
  const { vmid } = guest;
  if (guest.startedAt !== undefined) throw failure(`VM ${vmid} is running - destroy failed`);
  const volids = volumesOf(guest);
  for (const volid of volids) {
    const isBase = world.storages.volumes().some((one) => one.parent === volid);
    if (isBase) throw failure(`base volume '${volid}' is still in use by linked cloned`);
  }
  for (const volid of volids) {
    if (world.storages.volume(volid) === undefined) {
      task.log(`disk image '${world.storages.path(volid)}' does not exist`);
    }
    world.storages.remove(volid);
  }
  if (how.orphans) {
    for (const one of world.storages.volumes()) if (one.vmid === vmid) world.storages.remove(one.volid);
  }
  world.removeGuest(vmid);
  const kind = guest.type === 'qemu' ? 'VM' : 'CT';
  if (how.purge) task.log(`purging ${kind} ${vmid} from related configurations..`);
  if (world.troubles.managed.delete(vmid)) task.log(`NOTE: removed ${kind} ${vmid} from HA resource configuration.`);
}

/** The volumes in a guest's configuration, pending changes, unused keys and snapshots. Only those that it owns are freed. */
function volumesOf(guest: Guest): string[] {
  const configs = [guest.config, mergedConfig(guest), ...Object.values(guest.snapshots).map((one) => one.config)];
  const keys = (key: string) => isVolumeKey(key) || isUnusedKey(key);
  const all = configs.flatMap((config) =>
    Object.keys(config)
      .filter(keys)
      .map((key) => volidOf(config[key])),
  );
  return [...new Set(all)].filter((volid) => new RegExp(`(?:vm|base|subvol)-${guest.vmid}-`).test(volid));
}
