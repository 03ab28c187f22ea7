import { UserError } from '../../../core/errors.ts';
import type { DesiredGuest, GuestAt } from '../../../core/guest.ts';
import { creationMark } from '../../../core/marks.ts';
import type { ClusterMonitor, Guard } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import type { Params } from '../client.ts';
import { readConfig } from '../config.ts';
import { guardOf } from '../guard.ts';
import { isCutOff } from '../marks.ts';
import { checkImport } from '../storage.ts';
import { isFree } from '../vmid.ts';
import { putConfig, runTask } from '../writes.ts';
import type { StepOf } from './step.ts';

/**
 * An empty guest, then its tags: a worker that is killed later leaves a guest that a token can clean up. What the
 * import will need is looked at first, so that a full storage leaves nothing behind.
 */
export async function create(api: Api, step: StepOf<'create'>, monitor: ClusterMonitor): Promise<Guard> {
  const { guest, vmid, node } = step;
  await checkImport(api, node, guest);
  if (!(await isFree(api, vmid))) await refuseUnlessOurs(api, step);
  else {
    const params = { vmid, ...settings(guest), pool: api.pool, description: creationMark(vmid) };
    const doing = `The creation of VM ${vmid}`;
    await runTask(
      api,
      { method: 'POST', path: `/nodes/${node}/qemu`, params, node, type: 'qmcreate', id: String(vmid), doing },
      monitor,
    );
  }
  const { digest } = await guardOf(api, step);
  // Proxmox keeps no empty description: the mark is deleted where the flake has none.
  await putConfig(api, step, { tags: step.tags, description: guest.description || undefined }, digest);
  return guardOf(api, step);
}

/** Taken, but by our own create call whose answer was lost or whose bot was killed before the tags were written. */
async function refuseUnlessOurs(api: Api, at: GuestAt): Promise<void> {
  const config = await readConfig(api, at);
  if (config !== undefined && isCutOff(at.vmid, config)) return;
  throw new UserError(`VMID ${at.vmid} is taken: ${guestPath(at)} or another node has it.`, {
    next: 'Choose another `vm_id` in the flake, or take the VM over with /proxnix adopt.',
  });
}

/** Options of a NixOS guest: agent, serial console, Linux. Its root disk comes with the import. */
function settings(guest: DesiredGuest): Params {
  if (guest.kind !== 'vm') throw new Error('only VMs yet');
  return {
    name: guest.name,
    memory: guest.memoryMb,
    cores: guest.cores,
    sockets: guest.sockets,
    net0: `virtio,bridge=${guest.bridge}`,
    scsihw: guest.scsiHw,
    agent: 1,
    serial0: 'socket',
    ostype: 'l26',
    onboot: guest.onboot,
    ...(guest.cloudInit === undefined ? {} : { ide2: `${guest.cloudInit.storage}:cloudinit` }),
  };
}
