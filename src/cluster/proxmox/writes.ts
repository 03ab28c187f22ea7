import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { GuestRef } from '../../core/guest.ts';
import { sameTags, splitTags } from '../../core/tags.ts';
import { sameText } from '../../lib/text.ts';
import type { ClusterMonitor } from '../cluster.ts';
import { type Api, guestPath, type ListedTask, TaskList } from './api.ts';
import type { Params } from './client.ts';
import type { Changes } from './codec.ts';
import { type GuestConfig, readConfig } from './config.ts';
import { isBusy, NoAnswer, ProxmoxError, TaskError } from './errors.ts';
import { holds, isCloudInit, isMadeFrom, isNewDisk, readDrive } from './property.ts';
import { followTask, taskFailure } from './tasks.ts';

/** A call that Proxmox answers with a UPID. */
export interface TaskCall {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly params?: Params;
  readonly node: string;
  /** Type and id of the task, to find it again when the answer is lost. */
  readonly type: string;
  readonly id: string;
  /** The subject of the error sentence: `The import into VM 820`. */
  readonly doing: string;
}

/**
 * Begins a task, journals it and follows it. Sends the call again only when another task held the guest and nothing
 * happened.
 */
export async function runTask(api: Api, call: TaskCall, monitor: ClusterMonitor): Promise<void> {
  await whenFree(api, async () => {
    const upid = await begin(api, call);
    monitor.task(upid);
    const end = await followTask(api, upid, monitor);
    if (end === undefined) throw new UserError(`${call.doing}: Proxmox does not know its task any more.`);
    if (!end.ok) throw await taskFailure(api, upid, call.doing, end);
  });
}

/**
 * One synchronous write of the configuration, with the digest it is based on.
 * @param changes by key; a key with `undefined` is deleted
 * @returns `pending` when Proxmox stored something that the running guest does not take ("hotplug problem")
 */
export async function putConfig(
  api: Api,
  at: GuestRef,
  changes: Changes,
  digest: string,
): Promise<'stored' | 'pending'> {
  const remove = Object.keys(changes).filter((key) => changes[key] === undefined);
  const params = { ...changes, ...(remove.length === 0 ? {} : { delete: remove.join(',') }), digest };
  const put = () => api.client.request('PUT', `${guestPath(at)}/config`, params);
  const done = (config: GuestConfig | undefined) => config !== undefined && isStored(config, changes);
  return whenFree(api, async () => {
    try {
      await put();
      return 'stored';
    } catch (error) {
      if (isHotplugProblem(error) && done(await readConfig(api, at))) return 'pending';
      if (!isLost(error)) throw error;
      api.log.warn({ ...at, error }, 'the answer to a write was lost');
      const config = await readConfig(api, at);
      if (done(config)) return 'stored';
      // The digest has not changed: the write did not happen. If it comes late, the second one is refused.
      if (config?.digest !== digest) throw error;
      await put();
      return 'stored';
    }
  });
}

/** Repeats while another task or a backup holds the guest, up to the time set. */
async function whenFree<T>(api: Api, write: () => Promise<T>): Promise<T> {
  const until = api.now() + api.timeouts.busyMs;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isBusy(textOf(error)) || api.now() >= until) throw error;
      await api.sleep(2000);
    }
  }
}

async function begin(api: Api, call: TaskCall): Promise<string> {
  const since = api.client.serverTime() - 1;
  try {
    return readUpid(api, await api.client.request(call.method, call.path, call.params));
  } catch (error) {
    if (!isLost(error)) throw error;
    api.log.warn({ path: call.path, error }, 'the answer to a write was lost');
    const upid = await findTask(api, call, since);
    if (upid !== undefined) return upid;
    const why = error instanceof UserError ? [error.message, ...(error.next === undefined ? [] : [error.next])] : [];
    throw new UserError(`${call.method} ${call.path}: the answer was lost and no task of it is to be found.`, {
      next: 'Nothing was repeated. Look at the fresh plan: it shows what was done.',
      details: why,
      cause: error,
    });
  }
}

/** The UPID that a call was answered with. */
export function readUpid(api: Api, answer: unknown): string {
  const upid = z.string().startsWith('UPID:').parse(answer);
  api.seenUpids.add(upid);
  return upid;
}

/** The task of a call whose answer was lost. */
async function findTask(api: Api, { node, type, id }: TaskCall, since: number): Promise<string | undefined> {
  const query = { source: 'all', since, typefilter: type, limit: 50 };
  const list = () => api.client.get(`/nodes/${node}/tasks`, TaskList, query);
  return newestTask(api, list, (task) => task.type === type && task.id === id && task.starttime >= since);
}

/** Proxmox lists a worker before it answers the call; three readings also find one that was about to begin. */
export async function newestTask(
  api: Api,
  list: () => Promise<readonly ListedTask[]>,
  fits: (task: ListedTask) => boolean,
): Promise<string | undefined> {
  for (let look = 0; look < 3; look++) {
    await api.sleep(look * 1000);
    const unknown = (await list()).filter(({ upid }) => !api.seenUpids.has(upid));
    const newest = unknown.filter(fits).sort((a, b) => b.starttime - a.starttime)[0];
    if (newest !== undefined) return newest.upid;
  }
  return undefined;
}

/** Whether a call may have been carried out although no answer of it came: the connection broke, or 596 and 599. */
export function isLost(error: unknown): boolean {
  return (
    (error instanceof NoAnswer && error.reached) || (error instanceof ProxmoxError && [596, 599].includes(error.status))
  );
}

/** Not a refusal (VM and CT): what the running guest does not take is stored as pending, the rest of the call is done. */
function isHotplugProblem(error: unknown): boolean {
  return (
    error instanceof ProxmoxError &&
    Object.values(error.errors).some((text) => /^(?:hotplug problem|unable to hotplug)/.test(text))
  );
}

function textOf(error: unknown): string {
  if (error instanceof ProxmoxError) return error.reason;
  return error instanceof TaskError ? error.text : '';
}

const properties = /^(?:(?:net|ide|sata|scsi|virtio|mp)\d+|rootfs|efidisk0|tpmstate0)$/;

/** Does a configuration hold what a write sent, in the form in which the server stores it? */
export function isStored({ values, pending }: GuestConfig, changes: Changes): boolean {
  return Object.entries(changes).every(([key, value]) => {
    if (key === 'revert')
      return !String(value)
        .split(',')
        .some((reverted) => pending.includes(reverted));
    const stored = values[key];
    if (value === undefined || stored === undefined) return value === stored;
    const sent = typeof value === 'boolean' ? String(Number(value)) : String(value);
    if (key === 'tags') return sameTags(splitTags(stored), splitTags(sent));
    if (sent.endsWith(':cloudinit'))
      return stored.split(':')[0] === sent.split(':')[0] && isCloudInit(readDrive(stored));
    if (isNewDisk(sent)) return isMadeFrom(stored, sent, { sized: !/^(?:efidisk|tpmstate)0$/.test(key) });
    return properties.test(key) ? holds(stored, sent) : sameText(stored, sent);
  });
}
