import type { GuestAt } from '../../../core/guest.ts';
import type { ClusterMonitor } from '../../cluster.ts';
import { type Api, guestsPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { runTask } from '../writes.ts';

/** The create call: the atomic test of its VMID, two runs cannot both have it. */
export async function makeGuest(
  api: Api,
  at: GuestAt,
  { params, doing }: { readonly params: Params; readonly doing: string },
  monitor: ClusterMonitor,
): Promise<void> {
  const task = { node: at.node, type: taskType(at, 'create'), id: String(at.vmid), doing };
  const all = { vmid: at.vmid, pool: api.pool, ...params };
  await runTask(api, { method: 'POST', path: guestsPath(at), params: all, ...task }, monitor);
}
