import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { CurrentStatus } from '../schema.ts';
import { runTask } from '../writes.ts';
import type { Doing } from './step.ts';

export async function start({ api, step, precondition, monitor }: Doing<'start'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  if (await isRunning(api, step)) return precondition;
  await startGuest(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/** At once: what stops here is deleted or did not listen. */
export async function stop({ api, step, precondition, monitor }: Doing<'stop'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  if (!(await isRunning(api, step))) return precondition;
  await stopGuest(api, step, monitor);
  await api.sleep(api.timeouts.pauseMs);
  return nextPrecondition(api, step, precondition);
}

export async function isRunning(api: Api, at: GuestRef): Promise<boolean> {
  return (await api.client.get(`${guestPath(at)}/status/current`, CurrentStatus)).status === 'running';
}

/** A guest that runs already is a success: the answer to the first try may have been lost. */
export async function startGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  try {
    await power(api, at, { action: 'start', doing: `The start of ${guestLabel(at)}` }, monitor);
  } catch (error) {
    if (!/^(?:VM|CT) \d+ already running$/.test(refusalOf(error))) throw error;
  }
}

export async function stopGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
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
  at: GuestRef,
  what: { action: 'start' | 'stop' | 'shutdown' | 'reboot'; doing: string; params?: Params },
  monitor: ClusterMonitor,
): Promise<void> {
  const { action, doing, params = {} } = what;
  const path = `${guestPath(at)}/status/${action}`;
  const task = { node: at.node, type: taskType(at, action), id: String(at.vmid), doing };
  await runTask(api, { method: 'POST', path, params, ...task }, monitor);
}
