import { type GuestAt, guestLabel } from '../../../core/guest.ts';
import type { ClusterMonitor, Guard } from '../../cluster.ts';
import { type Api, guestPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { CurrentStatus } from '../schema.ts';
import { runTask } from '../writes.ts';
import type { Doing } from './step.ts';

export async function start({ api, step, guard, monitor }: Doing<'start'>): Promise<Guard> {
  await checkGuest(api, step, guard);
  if (await isRunning(api, step)) return guard;
  await startGuest(api, step, monitor);
  return nextGuard(api, step, guard);
}

/** At once: what stops here is deleted or did not listen. */
export async function stop({ api, step, guard, monitor }: Doing<'stop'>): Promise<Guard> {
  await checkGuest(api, step, guard);
  if (!(await isRunning(api, step))) return guard;
  await stopGuest(api, step, monitor);
  await api.sleep(api.timeouts.pauseMs);
  return nextGuard(api, step, guard);
}

export async function isRunning(api: Api, at: GuestAt): Promise<boolean> {
  return (await api.client.get(`${guestPath(at)}/status/current`, CurrentStatus)).status === 'running';
}

/** A guest that runs already is a success: the answer to the first try may have been lost. */
export async function startGuest(api: Api, at: GuestAt, monitor: ClusterMonitor): Promise<void> {
  try {
    await power(api, at, { action: 'start', doing: `The start of ${guestLabel(at)}` }, monitor);
  } catch (error) {
    if (!/^(?:VM|CT) \d+ already running$/.test(refusalOf(error))) throw error;
  }
}

export async function stopGuest(api: Api, at: GuestAt, monitor: ClusterMonitor): Promise<void> {
  try {
    await power(api, at, { action: 'stop', doing: `The stop of ${guestLabel(at)}` }, monitor);
  } catch (error) {
    // A VM that is stopped already takes it for done.
    if (!/^CT \d+ not running$/.test(refusalOf(error))) throw error;
  }
}

function refusalOf(error: unknown): string {
  if (error instanceof ProxmoxError) return error.reason;
  return error instanceof TaskError ? error.text : '';
}

/** One of Proxmox's power tasks. */
export async function power(
  api: Api,
  at: GuestAt,
  what: { action: 'start' | 'stop' | 'shutdown' | 'reboot'; doing: string; params?: Params },
  monitor: ClusterMonitor,
): Promise<void> {
  const { action, doing, params = {} } = what;
  const path = `${guestPath(at)}/status/${action}`;
  const task = { node: at.node, type: taskType(at, action), id: String(at.vmid), doing };
  await runTask(api, { method: 'POST', path, params, ...task }, monitor);
}
