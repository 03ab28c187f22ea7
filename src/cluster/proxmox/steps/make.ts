import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { unlockAdvice } from '../../../core/lock.ts';
import type { ClusterMonitor } from '../../cluster.ts';
import { type Api, guestsPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { readConfig } from '../config.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { runTask } from '../writes.ts';

/** The create call: the atomic test of its VMID, two runs cannot both have it. */
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

/** A worker that died in its create leaves a guest that is locked and carries no mark: only root gets rid of it. */
async function withLock(api: Api, at: GuestRef, error: TaskError): Promise<TaskError> {
  if (!(await isLeftLocked(api, at))) return error;
  const next = `${guestLabel(at)} is locked (create); ${unlockAdvice(at, 'create')}.`;
  const { upid, text, details } = error;
  return new TaskError(error.message, { upid, text, details, next });
}

/** While it is made, a token with rights on a pool only may not read it. A look that fails tells nothing. */
async function isLeftLocked(api: Api, at: GuestRef): Promise<boolean> {
  try {
    return (await readConfig(api, at))?.values['lock'] === 'create';
  } catch (error) {
    return error instanceof ProxmoxError && error.status === 403;
  }
}
