import { UserError } from '../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { haProblem, isHeld } from '../../../core/ha.ts';
import type { ClusterMonitor } from '../../cluster.ts';
import { type Api, CurrentStatus, guestPath, type ListedTask, Resources, TaskList } from '../api.ts';
import type { Params } from '../client.ts';
import { ProxmoxError, TaskError } from '../errors.ts';
import { readUpid, silent, taskFailure } from '../tasks.ts';
import { runTask } from '../writes.ts';

/** The power of a guest at this moment; the list of all guests may be 10 s old. */
export interface Power {
  readonly running: boolean;
  /** The state of QEMU itself: `running`, `stopped`, `paused`, `io-error`, … */
  readonly qmpstatus: string;
  /** Absent where HA does not manage the guest. The state is unknown until HA has noticed the guest. */
  readonly ha?: { readonly state: string | undefined };
}

type Action = 'start' | 'stop';

interface Requested {
  /** A stop and a shutdown are both a task `hastop`. */
  readonly call: Action | 'shutdown';
  readonly state: string | undefined;
  readonly params?: Params;
}

/** Reads the power of a guest from its node. */
export async function powerOf(api: Api, at: GuestRef): Promise<Power> {
  const path = `${guestPath(at)}/status/current`;
  const { status, qmpstatus = status, ha } = await api.client.get(path, CurrentStatus);
  return { running: status === 'running', qmpstatus, ...(ha?.managed === 1 ? { ha: { state: ha.state } } : {}) };
}

/** Must the guest be stopped so that it stays stopped? HA starts a guest again that ended by itself (9.2: after 5 s). */
export function needsStop({ running, ha }: Power): boolean {
  return running || (ha !== undefined && !isHeld(ha.state));
}

/**
 * Asks HA to start or stop a guest, and waits until the guest runs or is stopped. The task of the request ends after a
 * second; HA carries it out 11 to 17 s later in a task of root@pam, and tells nobody when that fails (9.2). It keeps
 * neither a time-out nor a force: it shuts a guest down, and stops one that does not shut down.
 */
export async function request(
  api: Api,
  at: GuestRef,
  { call, state, params = {} }: Requested,
  monitor: ClusterMonitor,
): Promise<void> {
  const action = call === 'start' ? 'start' : 'stop';
  const problem = state === undefined ? undefined : haProblem(at, state, { starts: false });
  if (problem !== undefined && !(action === 'stop' && state === 'request_stop')) {
    throw new UserError(`HA does not ${action} ${guestLabel(at)} now.`, { next: problem });
  }
  const since = api.client.serverTime() - 1;
  const task = { node: at.node, type: `ha${action}`, id: String(at.vmid) };
  const doing = `The request to HA to ${action} ${guestLabel(at)}`;
  monitor.line(`HA manages the guest: it is asked to ${action} it`);
  await runTask(api, { method: 'POST', path: `${guestPath(at)}/status/${call}`, params, ...task, doing }, monitor);
  const until = api.now() + api.timeouts.haMs;
  if (!(await isDone(api, at, action, { until, monitor }))) throw await failure(api, at, action, since);
}

/**
 * The power of a guest when HA has carried out what an earlier process of the bot asked for: until then only the task list
 * tells of it, and HA would act in the middle of a later step.
 */
export async function settledPower(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<Power> {
  const power = await powerOf(api, at);
  if (power.ha === undefined) return power;
  const since = api.client.serverTime() - Math.ceil(api.timeouts.haDelayMs / 1000);
  const [last] = (await tasksOf(api, at, since)).filter(({ type }) => actionOf(type) !== undefined);
  if (last === undefined) return power;
  await carriedOut(api, at, last, monitor);
  return powerOf(api, at);
}

/** Waits until HA has carried out the request whose task this is; ends at once for any other task. */
export async function settleRequest(api: Api, upid: string): Promise<void> {
  const task = readUpid(upid);
  if (task === undefined || actionOf(task.type) === undefined) return;
  const resources = await api.client.get('/cluster/resources', Resources, { type: 'vm' });
  const guest = resources.find(
    (one) => (one.type === 'qemu' || one.type === 'lxc') && String(one.vmid) === task.id && one.node === task.node,
  );
  if (guest === undefined) return;
  const guestKind = guest.type === 'qemu' ? 'vm' : 'container';
  const at = { guestKind, vmid: Number(task.id), node: task.node } as const;
  await carriedOut(api, at, { type: task.type, starttime: task.startTime }, silent);
}

async function carriedOut(
  api: Api,
  at: GuestRef,
  { type, starttime }: Pick<ListedTask, 'type' | 'starttime'>,
  monitor: ClusterMonitor,
): Promise<void> {
  const age = (api.client.serverTime() - starttime) * 1000;
  const until = api.now() + api.timeouts.haDelayMs - age;
  await isDone(api, at, actionOf(type) ?? 'stop', { until, monitor });
}

function actionOf(type: string): Action | undefined {
  if (type === 'hastart') return 'start';
  return type === 'hastop' ? 'stop' : undefined;
}

/** @returns false when the time is over or HA has given up */
async function isDone(
  api: Api,
  at: GuestRef,
  action: Action,
  { until, monitor }: { readonly until: number; readonly monitor: ClusterMonitor },
): Promise<boolean> {
  const began = api.now();
  const total = Math.ceil((until - began) / 1000);
  for (let look = 0; ; look++) {
    const power = await powerOf(api, at);
    if (action === 'start' ? power.running : !needsStop(power)) return true;
    if (power.ha?.state === 'error' || api.now() >= until) return false;
    monitor.progress(Math.floor((api.now() - began) / 1000), total, 's');
    await api.sleep(api.timeouts.pollMs[look] ?? api.timeouts.pollMs.at(-1) ?? 2000);
  }
}

/** Why HA did not do it: only its own task says so, which a token reads with Sys.Audit on the node. */
async function failure(api: Api, at: GuestRef, action: Action, since: number): Promise<UserError> {
  const label = guestLabel(at);
  const { ha } = await powerOf(api, at);
  const advice = ha?.state === undefined ? undefined : haProblem(at, ha.state, { starts: false });
  const isFailed = ({ type, status }: ListedTask) =>
    type !== `ha${action}` && status !== undefined && !/^(?:OK|RUNNING|WARNINGS: \d+)$/.test(status);
  const failed = (await tasksOf(api, at, since)).find(isFailed);
  if (failed === undefined) {
    const unseen = `A task of HA on ${at.node} says why; the token reads it with Sys.Audit on /nodes/${at.node} only. Look at the tasks of ${label} in Proxmox.`;
    return new UserError(`HA did not ${action} ${label}.`, {
      next: advice === undefined ? unseen : `${unseen} ${advice}`,
    });
  }
  const text = failed.status ?? '';
  const { upid } = failed;
  const told = await taskFailure(api, upid, `HA's ${action} of ${label}`, { ok: false, text }).catch(
    (error: unknown) => {
      if (!(error instanceof ProxmoxError)) throw error;
      return new TaskError(`HA's ${action} of ${label} failed: ${text}`, { upid, text, details: [] });
    },
  );
  const next = [told.next, advice].filter((one) => one !== undefined).join(' ');
  return new TaskError(told.message, { upid, text, details: told.details, ...(next === '' ? {} : { next }) });
}

/** The tasks of a guest since a time of the node's clock, the newest first. */
async function tasksOf(api: Api, { node, vmid }: GuestRef, since: number): Promise<readonly ListedTask[]> {
  const query = { source: 'all', since, vmid, limit: 50 };
  const tasks = await api.client.get(`/nodes/${node}/tasks`, TaskList, query);
  return tasks.filter(({ id }) => id === String(vmid)).sort((a, b) => b.starttime - a.starttime);
}
