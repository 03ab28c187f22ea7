import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { unlockAdvice } from '../../../core/guest-ref.ts';
import type { ClusterMonitor } from '../../cluster.ts';
import { type Api, guestPath, guestsPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { readConfig } from '../config.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { runTask } from '../writes.ts';

/** The create call. It tests the VMID atomically, so two runs cannot both create the guest. */
export async function makeGuest(
  api: Api,
  at: GuestRef,
  { params, doing }: { readonly params: Params; readonly doing: string },
  monitor: ClusterMonitor,
): Promise<void> {
  const task = { node: at.node, type: taskType(at, 'create'), id: String(at.vmid), doing };
  const all = { vmid: at.vmid, pool: api.pool, ...params };
  try {
    await runTask(api, { method: 'POST', path: guestsPath(at), params: all, ...task }, monitor);
  } catch (error) {
    throw error instanceof TaskError ? await withLock(api, at, error) : error;
  }
}

/** A worker that died during the create leaves a locked guest without a marker, which only root can delete. */
async function withLock(api: Api, at: GuestRef, error: TaskError): Promise<TaskError> {
  if (!(await isLeftLocked(api, at))) return error;
  const next = `${guestLabel(at)} is locked (create); ${unlockAdvice(at, 'create')}.`;
  const { upid, text, details } = error;
  return new TaskError(error.message, { upid, text, details, next });
}

/**
 * During the create, a token with rights on a pool only may not read the guest. A reading that fails proves nothing.
 */
async function isLeftLocked(api: Api, at: GuestRef): Promise<boolean> {
  try {
    return (await readConfig(api, at))?.values['lock'] === 'create';
  } catch (error) {
    return error instanceof ProxmoxError && error.status === 403;
  }
}

/** Deletes a guest with its disks. The caller has compared the guest with its precondition or marker. */
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
