import { UserError } from '../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { pausedAdvice } from '../../../core/guest-ref.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath, taskType } from '../api.ts';
import type { Params } from '../client.ts';
import { checkGuest, type Doing, nextPrecondition, readConfig } from '../config.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { runTask } from '../writes.ts';
import { needsStop, type Power, powerOf, request, settledPower } from './ha.ts';

/** Starts a stopped guest; one that runs is left alone. */
export async function start(doing: Doing<'start'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  await checkGuest(api, step, precondition);
  const now = await settledPower(api, step, monitor);
  if (now.running) return untouched(doing, now);
  await startGuest(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/** Stops the guest at once, without a shutdown: it is deleted next, or it did not shut down. */
export async function stop(doing: Doing<'stop'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  await checkGuest(api, step, precondition);
  const now = await settledPower(api, step, monitor);
  if (!needsStop(now)) return untouched(doing, now);
  await stopGuest(api, step, monitor);
  await api.sleep(api.timeouts.pauseMs);
  return nextPrecondition(api, step, precondition);
}

/** Shuts a running guest down; one that does not shut down in time is stopped. */
export async function shutdown(doing: Doing<'shutdown'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  await checkGuest(api, step, precondition);
  const now = await settledPower(api, step, monitor);
  if (!needsStop(now)) return untouched(doing, now);
  await shutdownGuest(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/** The precondition of a step that wrote nothing. An earlier stop by HA makes pending values current, which changes the digest. */
async function untouched(
  { api, step, precondition }: Pick<Doing<'start'>, 'api' | 'precondition'> & { readonly step: GuestRef },
  { ha }: Power,
): Promise<Precondition> {
  return ha === undefined ? precondition : nextPrecondition(api, step, precondition);
}

/** Succeeds when the guest runs already: the answer to the first try may have been lost. */
export async function startGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  const { ha } = await powerOf(api, at);
  if (ha !== undefined) return request(api, at, { ...ha, call: 'start' }, monitor);
  try {
    await power(api, at, { action: 'start', doing: `The start of ${guestLabel(at)}` }, monitor);
  } catch (error) {
    if (!/^(?:VM|CT) \d+ already running$/.test(refusalOf(error))) throw error;
  }
}

/** Succeeds when the guest is stopped already. */
export async function stopGuest(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  const { ha } = await powerOf(api, at);
  if (ha !== undefined) return request(api, at, { ...ha, call: 'stop' }, monitor);
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
export async function restart(doing: Doing<'restart'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const config = await checkGuest(api, step, precondition);
  if (config.pending.length === 0) return precondition;
  const now = await settledPower(api, step, monitor);
  if (!now.running) return untouched(doing, now);
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
  const { qmpstatus, ha } = await powerOf(api, at);
  if (qmpstatus !== 'running' && qmpstatus !== 'stopped') throw paused(at);
  await endGuest(api, at, { seconds: Math.ceil(api.timeouts.shutdownMs / 1000), ha }, monitor);
}

/** A shutdown, and a stop when that takes too long; HA has its own time for that. */
async function endGuest(
  api: Api,
  at: GuestRef,
  { seconds, ha }: { readonly seconds: number; readonly ha: Power['ha'] | undefined },
  monitor: ClusterMonitor,
): Promise<void> {
  const params = { timeout: seconds, forceStop: 1 };
  if (ha !== undefined) await request(api, at, { ...ha, call: 'shutdown', params }, monitor);
  else await power(api, at, { action: 'shutdown', doing: `The shutdown of ${guestLabel(at)}`, params }, monitor);
  await api.sleep(api.timeouts.pauseMs);
}

async function stopAndStart(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  monitor.line('the guest does not shut down: it is stopped');
  const { ha } = await powerOf(api, at);
  await endGuest(api, at, { seconds: 10, ha }, monitor);
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
    const { running } = await powerOf(api, at);
    if (running && config?.pending.length === 0) return;
    if (api.now() >= until) break;
    await api.sleep(500);
  }
  if ((await powerOf(api, at)).running) return;
  monitor.line('the guest did not come back: it is started');
  await startGuest(api, at, monitor);
}
