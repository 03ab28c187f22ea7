import { amount, type Call, demandRight, flag, may, ReplyWith, text } from './call.ts';
import { parameterError } from './errors.ts';
import type { TaskRecord } from './tasks.ts';

const UPID = /^UPID:[a-zA-Z0-9-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:$/;

/** `GET /nodes/{node}/tasks`: the newest first; a caller that may not audit the node sees only its own tasks. */
export function listTasks(call: Call): unknown {
  const node = text(call, 'node');
  const source = call.given.get('source') ?? 'archive';
  const since = amount(call, 'since');
  const until = amount(call, 'until', Number.POSITIVE_INFINITY);
  const seesAll = may(call, `/nodes/${node}`, { all: ['Sys.Audit'] });
  const [vmid, type, user] = [call.given.get('vmid'), call.given.get('typefilter'), call.given.get('userfilter')];
  const found = call.world.tasks
    .list()
    .filter((one) => one.node === node && (seesAll || isOwn(call, one)))
    .filter((one) => source === 'all' || (source === 'active') === (one.exit === undefined))
    .filter((one) => vmid === undefined || one.id === vmid || one.id.startsWith(`${vmid}-`))
    .filter((one) => type === undefined || one.type === type)
    .filter((one) => user === undefined || one.user.includes(user))
    .filter((one) => one.starttime >= since && one.starttime <= until)
    .filter((one) => !flag(call, 'errors') || (one.exit !== undefined && !isSuccess(one.exit)));
  const start = amount(call, 'start');
  const data = found.slice(start, start + amount(call, 'limit', 50)).map(nodeItem);
  return new ReplyWith({ data, total: found.length });
}

/** `GET /cluster/tasks`: the recent tasks of all nodes, in other words than the list of a node. */
export function listClusterTasks(call: Call): unknown {
  const seesAll = may(call, '/', { all: ['Sys.Audit'] });
  return call.world.tasks
    .list()
    .filter((one) => seesAll || isOwn(call, one))
    .slice(0, 25)
    .map(clusterItem);
}

/** `GET .../tasks/{upid}/status` */
export function taskStatus(call: Call): unknown {
  const task = taskOf(call, 'Sys.Audit');
  const { upid, node, pid, pstart, starttime, type, id, user, token } = task;
  const known = { upid, node, pid, pstart, starttime, type, id, user, ...tokenOf(token) };
  if (task.exit === undefined) return { ...known, status: 'running' };
  return { ...known, status: 'stopped', exitstatus: task.exit };
}

/** `GET .../tasks/{upid}/log`: numbered lines from `start` on; one line `no content` while there is none. */
export function taskLog(call: Call): unknown {
  const { log } = taskOf(call, 'Sys.Audit');
  const lines = log.length === 0 ? ['no content'] : log;
  const start = amount(call, 'start');
  const limit = amount(call, 'limit', 50);
  const data = lines.map((t, index) => ({ n: index + 1, t })).slice(start, limit === 0 ? undefined : start + limit);
  return new ReplyWith({ data, total: lines.length });
}

/** `DELETE .../tasks/{upid}`: also a finished one answers null. */
export async function stopTask(call: Call): Promise<null> {
  const { upid } = taskOf(call, 'Sys.Modify');
  call.world.tasks.stop(upid, 'received interrupt');
  return null;
}

function taskOf(call: Call, privilege: string): TaskRecord {
  const upid = text(call, 'upid');
  if (!UPID.test(upid)) throw parameterError({ upid: 'unable to parse worker upid' });
  const task = call.world.tasks.get(upid);
  if (task === undefined) throw parameterError({ upid: 'no such task' });
  if (!isOwn(call, task)) demandRight(call, `/nodes/${text(call, 'node')}`, { all: [privilege] });
  return task;
}

/** A task belongs to the user, and to the token when it was started by one. */
function isOwn(call: Call, task: TaskRecord): boolean {
  return `${task.user}!${task.token}` === call.caller.tokenid;
}

function isSuccess(exit: string): boolean {
  return exit === 'OK' || /^WARNINGS: \d+$/.test(exit);
}

/** What the node's own services do has no token. */
function tokenOf(token: string): { readonly tokenid?: string } {
  return token === '' ? {} : { tokenid: token };
}

function nodeItem(task: TaskRecord): Record<string, unknown> {
  const { upid, node, pid, pstart, starttime, type, id, user, token } = task;
  const common = { upid, node, pid, pstart, starttime, type, id };
  const running = token === '' ? user : `${user}!${token}`;
  if (task.exit === undefined) return { ...common, user: running, saved: '0', status: 'RUNNING' };
  return { ...common, user, ...tokenOf(token), endtime: task.endtime, status: task.exit };
}

function clusterItem(task: TaskRecord): Record<string, unknown> {
  const { upid, node, pid, starttime, type, id, user, token } = task;
  const common = { upid, node, starttime, type, id, user, ...tokenOf(token) };
  if (task.exit === undefined) return { ...common, pid, saved: '0' };
  return { ...common, saved: '1', endtime: task.endtime, status: task.exit };
}
