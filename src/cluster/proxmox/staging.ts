import { UserError } from '../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../core/guest.ts';
import { unlockAdvice } from '../../core/lock.ts';
import type { ClusterMonitor } from '../cluster.ts';
import { type Api, guestPath, taskType } from './api.ts';
import { type GuestConfig, readConfig } from './config.ts';
import { ProxmoxError } from './errors.ts';
import { isStagingOf } from './markers.ts';
import { Resources } from './schema.ts';
import { isRunning, stopGuest } from './steps/power.ts';
import { isOf, waitForActive } from './tasks.ts';
import { isFree } from './vmid.ts';
import { runTask } from './writes.ts';

/** How many VMIDs are tried when strangers sit in the range of staging guests. */
const tries = 10;

/** The staging guest of another one: a VMID of a range of its own, told from strangers' by its description. */
export interface Staging extends GuestRef {
  readonly config: GuestConfig;
}

/**
 * The staging guest of a guest on its node, if there is one. One that is left on another node, because its owner was
 * migrated meanwhile, is a clean-up of its own in the plan: that node may be down, and this one has no need of it.
 */
export async function findStaging(api: Api, owner: GuestRef): Promise<Staging | undefined> {
  const range = new Set(candidates(api, owner.vmid));
  const resources = await api.client.get('/cluster/resources', Resources, { type: 'vm' });
  const type = owner.guestKind === 'vm' ? 'qemu' : 'lxc';
  const vmids = resources.flatMap((entry) =>
    entry.type === type && entry.node === owner.node && range.has(entry.vmid) ? [entry.vmid] : [],
  );
  for (const vmid of vmids.sort((a, b) => a - b)) {
    const at = { guestKind: owner.guestKind, vmid, node: owner.node };
    const config = await readOwn(api, at);
    if (config !== undefined && isStagingOf(owner.vmid, config)) return { ...at, config };
  }
  return undefined;
}

/** One whose creation was cut off carries no mark, and no token gets rid of it: nobody is told that nothing is left. */
export async function refuseLocked(api: Api, owner: GuestRef): Promise<void> {
  const range = new Set(candidates(api, owner.vmid));
  const resources = await api.client.get('/cluster/resources', Resources, { type: 'vm' });
  for (const entry of resources) {
    if (entry.type !== 'qemu' && entry.type !== 'lxc') continue;
    if (entry.lock !== 'create' || entry.node !== owner.node || !range.has(entry.vmid)) continue;
    const at = { guestKind: entry.type === 'qemu' ? 'vm' : 'container', vmid: entry.vmid } as const;
    throw new UserError(`${guestLabel(at)} is locked (create).`, { next: `${unlockAdvice(at, 'create')}.` });
  }
}

/** A VMID for a staging guest; those of interrupted runs on the node are deleted first, strangers' are passed over. */
export async function freeStagingVmid(api: Api, owner: GuestRef, monitor: ClusterMonitor): Promise<number> {
  for (;;) {
    const old = await findStaging(api, owner);
    if (old === undefined) break;
    await deleteStaging(api, old, owner.vmid, monitor);
  }
  for (const vmid of candidates(api, owner.vmid)) {
    if (await isFree(api, vmid)) return vmid;
  }
  throw new UserError(
    `No VMID is free for the staging guest of ${guestLabel(owner)} (from ${api.stagingVmid(owner.vmid)}).`,
    {
      next: 'Remove guests that are not needed from that range.',
    },
  );
}

/** With every volume of its VMID: the range is ours, and a killed import leaves one that nothing refers to. */
export async function deleteStaging(api: Api, at: GuestRef, ownerVmid: number, monitor: ClusterMonitor): Promise<void> {
  await waitForActive(api, at.node, isOf(at.vmid));
  const config = await readConfig(api, at);
  if (config === undefined || !isStagingOf(ownerVmid, config)) return;
  if (await isRunning(api, at)) await stopGuest(api, at, monitor);
  await deleteGuest(api, at, { unreferenced: true }, monitor);
}

/** Deletes a guest with its disks. The caller has compared it with what it should be. */
export async function deleteGuest(
  api: Api,
  at: GuestRef,
  { unreferenced }: { unreferenced: boolean },
  monitor: ClusterMonitor,
): Promise<void> {
  const params = { purge: 1, ...(unreferenced ? { 'destroy-unreferenced-disks': 1 } : {}) };
  const task = { node: at.node, type: taskType(at, 'destroy'), id: String(at.vmid) };
  const doing = `The deletion of ${guestLabel(at)}`;
  await runTask(api, { method: 'DELETE', path: guestPath(at), params, ...task, doing }, monitor);
}

function candidates(api: Api, vmid: number): number[] {
  return Array.from({ length: tries }, (_, index) => api.stagingVmid(vmid) + index);
}

/** A token with rights on a pool only may not read a stranger's guest: that is an answer too. */
async function readOwn(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  try {
    return await readConfig(api, at);
  } catch (error) {
    if (error instanceof ProxmoxError && error.status === 403) return undefined;
    throw error;
  }
}
