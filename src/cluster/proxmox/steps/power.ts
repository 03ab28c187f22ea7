import { UserError } from '../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { pausedAdvice } from '../../../core/guest-ref.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, CurrentStatus, guestPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { checkGuest, type Doing, nextPrecondition, readConfig } from '../config.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { runTask } from '../writes.ts';

/** Starts a stopped guest; one that runs is left alone. */
export async function start({ api, step, precondition, monitor }: Doing<'start'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  if (await isRunning(api, step)) return precondition;
  await startGuest(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/** Stops the guest at once, without a shutdown: it is deleted next, or it did not shut down. */
export async function stop({ api, step, precondition, monitor }: Doing<'stop'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  if (!(await isRunning(api, step))) return precondition;
  await stopGuest(api, step, monitor);
  await api.sleep(api.timeouts.pauseMs);
  return nextPrecondition(api, step, precondition);
}

/** Shuts a running guest down; one that does not shut down in time is stopped. */
export async function shutdown({ api, step, precondition, monitor }: Doing<'shutdown'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  if (!(await isRunning(api, step))) return precondition;
  await shutdownGuest(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/** Whether the guest runs at this moment; the list of all guests may be 10 s old. */
export async function isRunning(api: Api, at: GuestRef): Promise<boolean> {
  return (await api.client.get(`${guestPath(at)}/status/current`, CurrentStatus)).status === 'running';
}

/** Succeeds when the guest runs already: the answer to the first try may have been lost. */
export async function startGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  try {
    await power(api, at, { action: 'start', doing: `The start of ${guestLabel(at)}` }, monitor);
  } catch (error) {
    if (!/^(?:VM|CT) \d+ already running$/.test(refusalOf(error))) throw error;
  }
}

/** Succeeds when the guest is stopped already. */
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

/**
 * Reboots the guest through the server, so that pending changes take effect even when the bot stops meanwhile. Stops a
 * guest that does not shut down. When the server could not start the guest again, starts it here, because only that
 * task reports the reason.
 */
export async function restart({ api, step, precondition, monitor }: Doing<'restart'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  if (config.pending.length === 0 || !(await isRunning(api, step))) return precondition;
  await ((await reboots(api, step, monitor)) ? awaitReboot(api, step, monitor) : stopAndStart(api, step, monitor));
  const after = await readConfig(api, step);
  if (after !== undefined && after.pending.length > 0) {
    throw new UserError(`${guestLabel(step)} was restarted, but ${after.pending.join(', ')} did not take effect.`, {
      next: 'Look at its pending changes in Proxmox.',
    });
  }
  return nextPrecondition(api, step, precondition);
}

/** @returns false when the guest did not shut down in time: it still runs, and its changes are still pending */
async function reboots(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<boolean> {
  const timeout = Math.ceil(api.timeouts.shutdownMs / 1000);
  try {
    await power(api, at, { action: 'reboot', doing: `The reboot of ${guestLabel(at)}`, params: { timeout } }, monitor);
    return true;
  } catch (error) {
    if (error instanceof TaskError && /(?:got timeout|did not stop)$/.test(error.text)) return false;
    if (refusalOf(error) === 'VM is paused - cannot shutdown') throw paused(at);
    throw error;
  }
}

function paused(at: GuestRef): UserError {
  const { message, next } = pausedAdvice(at);
  return new UserError(message, { next });
}

/** Shuts a guest down that is started again later; one that does not shut down in time is stopped. */
export async function shutdownGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  const { qmpstatus = 'running' } = await api.client.get(`${guestPath(at)}/status/current`, CurrentStatus);
  if (qmpstatus !== 'running' && qmpstatus !== 'stopped') throw paused(at);
  const params = { timeout: Math.ceil(api.timeouts.shutdownMs / 1000), forceStop: 1 };
  await power(api, at, { action: 'shutdown', doing: `The shutdown of ${guestLabel(at)}`, params }, monitor);
  await api.sleep(api.timeouts.pauseMs);
}

async function stopAndStart(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  monitor.line('the guest does not shut down: it is stopped');
  const params = { timeout: 10, forceStop: 1 };
  await power(api, at, { action: 'shutdown', doing: `The shutdown of ${guestLabel(at)}`, params }, monitor);
  await api.sleep(api.timeouts.pauseMs);
  await startGuest(api, at, monitor);
}

/**
 * The reboot task ends when the old process has stopped. Pending values take effect at that stop, so a guest that has
 * no pending values and then runs is the new one.
 */
async function awaitReboot(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  const until = api.now() + api.timeouts.startMs;
  for (;;) {
    const config = await readConfig(api, at);
    const { status } = await api.client.get(`${guestPath(at)}/status/current`, CurrentStatus);
    if (status === 'running' && config?.pending.length === 0) return;
    if (api.now() >= until) break;
    await api.sleep(500);
  }
  if (await isRunning(api, at)) return;
  monitor.line('the guest did not come back: it is started');
  await startGuest(api, at, monitor);
}
