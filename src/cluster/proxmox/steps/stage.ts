import { type GuestAt, guestLabel } from '../../../core/guest.ts';
import { stagingMark } from '../../../core/marks.ts';
import type { Guard } from '../../cluster.ts';
import { readConfig } from '../config.ts';
import { checkGuest, guardOf } from '../guard.ts';
import { pendingMark } from '../marks.ts';
import { freeStagingVmid } from '../staging.ts';
import { checkImport } from '../storage.ts';
import { putConfig, runTask } from '../writes.ts';
import { importVolume } from './import.ts';
import { growDisk } from './resize.ts';
import type { Doing } from './step.ts';

/** The slot of the new disk in the staging guest. */
export const stagingSlot = 'scsi0';

/** The new root disk in a guest of its own: the one that runs is not touched, nor is its lock held. */
export async function stage(doing: Doing<'stage'>): Promise<Guard> {
  const { api, step, guard, monitor } = doing;
  await checkGuest(api, step, guard);
  const volid = await checkImport(api, step.node, step.guest);
  const at = { guestKind: step.guestKind, node: step.node, vmid: await freeStagingVmid(api, step, monitor) };
  await createStaging(doing, at);
  await putConfig(api, at, { tags: pendingMark }, (await guardOf(api, at)).digest);
  const source = { guest: step.guest, slot: stagingSlot };
  await importVolume(api, at, { ...source, volid, config: await read(doing, at) }, monitor);
  await growDisk(api, at, { ...source, config: await read(doing, at) }, monitor);
  return guard;
}

/** The create call is the atomic test of its VMID: two runs cannot both have it. */
async function createStaging({ api, step, monitor }: Doing<'stage'>, { node, vmid }: GuestAt): Promise<void> {
  const name = `proxnix-staging-${step.vmid}`;
  const params = { vmid, name, pool: api.pool, memory: 128, description: stagingMark(step.vmid) };
  const task = { node, type: 'qmcreate', id: String(vmid), doing: `The creation of the staging guest ${vmid}` };
  await runTask(api, { method: 'POST', path: `/nodes/${node}/qemu`, params, ...task }, monitor);
}

async function read({ api, step }: Doing<'stage'>, at: GuestAt) {
  const config = await readConfig(api, at);
  if (config === undefined) throw new Error(`the staging guest ${at.vmid} of ${guestLabel(step)} is gone`);
  return config;
}
