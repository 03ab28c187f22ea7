import type { GuestRef } from '../../core/guest.ts';
import type { GuestTask } from '../../core/live.ts';
import { Newest } from '../../lib/streams.ts';
import { cut } from '../../lib/text.ts';
import type { ClusterMonitor } from '../cluster.ts';
import type { Api } from './api.ts';
import { type ListedTask, TaskList, TaskLog, TaskStatus } from './api.ts';
import { adviceFor, NoAnswer, ProxmoxError, readable, TaskError } from './errors.ts';

/** How a task ended: `OK` and `WARNINGS: n` are success, everything else is the text of its error. */
export interface TaskEnd {
  readonly ok: boolean;
  readonly text: string;
}

/** A monitor that reports nothing. */
export const silent: ClusterMonitor = { task() {}, progress() {}, line() {} };

/** Bytes of a line of a task, and how much of its log is held. */
const longestLine = 500;
const longestLogged = 16 * 1024;
const keptLog = { count: 2000, bytes: 256 * 1024 };

/** Types whose log tells how far they are. */
const copying = new Set(['qmconfig', 'qmmove', 'qmcreate', 'imgcopy', 'vzdump']);

/**
 * Follows a task to its end and reports what its log says. `undefined`: the cluster does not know it (any more).
 * The task itself goes on when the deadline of its type passes: that is an error that says so.
 */
export async function followTask(api: Api, upid: string, monitor: ClusterMonitor): Promise<TaskEnd | undefined> {
  const task = readUpid(upid);
  if (task === undefined) return undefined;
  const path = taskPath(upid, task.node);
  const began = api.now();
  const deadline = began + (api.timeouts.taskMs[task.type] ?? api.timeouts.taskMs['default'] ?? 600_000);
  const log = new LogReader(api, path, monitor);
  let loggedAt = began;
  for (let look = 0; api.now() < deadline; look++) {
    const end = await lookAt(api, path);
    if (end === undefined) return undefined;
    if (end !== 'running') {
      if (end.text !== 'OK' || copying.has(task.type)) await log.read();
      return end;
    }
    if (copying.has(task.type) && api.now() - loggedAt >= api.timeouts.logMs) {
      loggedAt = api.now();
      await log.read();
    }
    await api.sleep(api.timeouts.pollMs[look] ?? api.timeouts.pollMs.at(-1) ?? 2000);
  }
  throw new TaskError(`A task of Proxmox (${task.type} ${task.id}) still runs after its time.`, {
    upid,
    text: 'deadline',
    details: [],
    next: 'Look at it in the task list of Proxmox; nothing was stopped.',
  });
}

/** The error of a failed task: with the reason that only its log has, and with its last lines. */
export async function taskFailure(api: Api, upid: string, doing: string, end: TaskEnd): Promise<TaskError> {
  const task = readUpid(upid);
  const lines = task === undefined ? [] : (await readLog(api, taskPath(upid, task.node), 0)).lines;
  const telling = lines.filter((line) => readProgress(line) === undefined && !/^TASK (?:OK|ERROR)/.test(line));
  const reason = reasonOf(end.text, telling);
  const next = adviceFor({ text: reason, ...api.client.caller, ...vmidOf(task?.id) });
  const details = telling.slice(-10);
  return new TaskError(`${doing} failed: ${reason}`, {
    upid,
    text: end.text,
    details,
    ...(next === undefined ? {} : { next }),
  });
}

/** Waits for running tasks on a guest, for example those of an earlier process of the bot. */
export async function waitForActive(api: Api, node: string, fits: (task: ListedTask) => boolean): Promise<void> {
  const active = await api.client.get(`/nodes/${node}/tasks`, TaskList, { source: 'active' });
  for (const task of active.filter(fits)) {
    // An open console is a task as well; it holds no lock and may last for days.
    if (/proxy|shell/.test(task.type)) continue;
    api.log.debug({ upid: task.upid }, 'waiting for a task that runs already');
    await followTask(api, task.upid, silent);
  }
}

/** What tasks do to a guest, by their types in PVE 8.4 and 9.2. A type that is not here changes nothing of it. */
const deeds: Readonly<Record<string, string>> = {
  ...{ qmcreate: 'created', vzcreate: 'created', qmrestore: 'restored', vzrestore: 'restored' },
  ...{ qmstart: 'started', vzstart: 'started', hastart: 'started', qmstop: 'stopped', vzstop: 'stopped' },
  ...{ hastop: 'stopped', qmshutdown: 'shut down', vzshutdown: 'shut down', qmreboot: 'restarted' },
  ...{ vzreboot: 'restarted', qmreset: 'reset', qmpause: 'paused', qmsuspend: 'suspended', qmresume: 'resumed' },
  ...{ qmconfig: 'changed', qmresize: 'resized', resize: 'resized', qmmove: 'moved to another storage' },
  ...{ move_volume: 'moved to another storage', qmigrate: 'migrated', vzmigrate: 'migrated', hamigrate: 'migrated' },
  ...{ qmrollback: 'set back to a snapshot', vzrollback: 'set back to a snapshot', qmtemplate: 'made a template' },
};
/** Of these, those that leave the guest as it is when it runs again. */
const powerDeeds: ReadonlySet<string> = new Set([
  ...['started', 'stopped', 'shut down', 'restarted', 'reset', 'paused', 'suspended', 'resumed'],
]);
const mostTasks = 5;

/** What others than this token did to a guest since a time in milliseconds, the newest first. */
export async function readOthersTasks(api: Api, at: GuestRef, since: number): Promise<readonly GuestTask[]> {
  const query = { vmid: at.vmid, source: 'all', since: Math.floor(since / 1000), limit: 50 };
  const tasks = await api.client.get(`/nodes/${at.node}/tasks`, TaskList, query);
  return tasks
    .filter(isOf(at.vmid))
    .flatMap(({ type, user, tokenid, starttime }): GuestTask[] => {
      const did = deeds[type];
      const who = tokenid === undefined ? user : `${user}!${tokenid}`;
      if (did === undefined || who === api.client.caller.tokenId) return [];
      const power = powerDeeds.has(did) ? { power: true as const } : {};
      return [{ did, who: cut(who, longestWho), at: starttime * 1000, ...power }];
    })
    .sort((a, b) => b.at - a.at)
    .slice(0, mostTasks);
}

const longestWho = 120;

/** Does the task work on this guest? The id of a task that attaches a disk is `9101-scsi0>100-unused0`. */
export function isOf(vmid: number): (task: ListedTask) => boolean {
  return ({ id }) => id === String(vmid) || id.startsWith(`${vmid}-`) || id.includes(`>${vmid}-`);
}

async function lookAt(api: Api, path: string): Promise<TaskEnd | 'running' | undefined> {
  // A restart of the API must not end a run whose task goes on, so reads are repeated beyond the client's own tries.
  for (let attempt = 1; ; attempt++) {
    try {
      const { status, exitstatus } = await api.client.get(`${path}/status`, TaskStatus);
      if (status === 'running') return 'running';
      const text = readable(exitstatus ?? 'unexpected status');
      if (exitstatus !== undefined && text !== exitstatus) {
        api.log.warn({ path, exitstatus: cut(exitstatus, longestLogged) }, 'the whole exit status of a task');
      }
      return { ok: text === 'OK' || /^WARNINGS: \d+$/.test(text), text };
    } catch (error) {
      if (error instanceof ProxmoxError && error.errors['upid'] !== undefined) return undefined;
      if (attempt === 5 || !isOutage(error)) throw error;
      await api.sleep(attempt * 2000);
    }
  }
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof NoAnswer ||
    (error instanceof ProxmoxError && (error.status > 590 || error.empty) && error.status !== 401)
  );
}

class LogReader {
  readonly #api: Api;
  readonly #path: string;
  readonly #monitor: ClusterMonitor;
  #seen = 0;

  constructor(api: Api, path: string, monitor: ClusterMonitor) {
    this.#api = api;
    this.#path = path;
    this.#monitor = monitor;
  }

  async read(): Promise<void> {
    const { lines, next } = await readLog(this.#api, this.#path, this.#seen);
    this.#seen = next;
    let last: ReturnType<typeof readProgress>;
    for (const line of lines) {
      const progress = readProgress(line);
      if (progress === undefined) this.#monitor.line(line);
      else last = progress;
    }
    if (last !== undefined) this.#monitor.progress(last.done, last.total, 'bytes');
  }
}

/** The log from a line on, of a long one the newest lines. One line `no content` stands for an empty one. */
async function readLog(api: Api, path: string, start: number): Promise<{ lines: readonly string[]; next: number }> {
  const lines = new Newest<string>(keptLog);
  for (let next = start; ; ) {
    const page = await api.client.get(`${path}/log`, TaskLog, { start: next, limit: 500 });
    if (page.length === 1 && page[0]?.t === 'no content') return { lines: lines.items(), next };
    for (const { t } of page) {
      const line = t.length > longestLine ? readable(t) : t;
      if (line !== t) api.log.debug({ path, line: cut(t, longestLogged) }, 'the whole line of a task');
      lines.add(line, Buffer.byteLength(line));
    }
    next += page.length;
    if (page.length < 500) return { lines: lines.items(), next };
  }
}

/** A job of backups ends with `job errors`, whatever failed (PVE 9.2). */
const failedBackup = /^ERROR: Backup of (?:VM|CT) \d+ failed - /;

/** The reason of a failure. For `exit code 1` it is a line of the log. */
function reasonOf(text: string, lines: readonly string[]): string {
  const full = lines.find((line) => line.includes('No space left on device'));
  if (full !== undefined) return full;
  const backup = text === 'job errors' ? lines.findLast((line) => failedBackup.test(line)) : undefined;
  if (backup !== undefined) return backup.replace(failedBackup, '');
  const last = lines.at(-1);
  return /exit(?:ed with)? code \d+$/.test(text) && last !== undefined && last !== text ? last : text;
}

function vmidOf(id: string | undefined): { vmid?: number } {
  const vmid = Number.parseInt(id ?? '', 10);
  return Number.isNaN(vmid) ? {} : { vmid };
}

/** The parts of a UPID. `node` is where the task runs, and the only node that knows it. */
export interface Upid {
  readonly node: string;
  readonly type: string;
  /** The guest's VMID; `9101-scsi0>100-unused0` for a disk that is attached, empty for an upload. */
  readonly id: string;
  /** Seconds since the epoch, by the node's clock. */
  readonly startTime: number;
}

const form = /^UPID:([^:]+):[0-9A-F]{8}:[0-9A-F]{8,9}:([0-9A-F]{8}):([^:]+):([^:]*):[^:]+:$/i;

/** Takes a UPID apart; `undefined` when it is none. */
export function readUpid(text: string): Upid | undefined {
  const [, node, start, type, id] = form.exec(text) ?? [];
  if (node === undefined || start === undefined || type === undefined || id === undefined) return undefined;
  return { node, type, id, startTime: Number.parseInt(start, 16) };
}

/** The path of a task; ids hold `>`, `@` and `!`, so the whole UPID is percent-encoded. */
export function taskPath(upid: string, node: string): string {
  return `/nodes/${node}/tasks/${encodeURIComponent(upid)}`;
}

/** How far a copy is, in bytes. */
export interface CopyProgress {
  readonly done: number;
  readonly total: number;
}

/** PVE 8.4 and 9.2: `transferred 6.4 MiB of 64.0 MiB (10.00%)`; of a running guest with `drive-scsi0: ` before it. */
const transferred = /^(?:\S+: )?transferred [\d.]+ \w+ of ([\d.]+) (\w+) \(([\d.]+)%\)/;
/** A backup (PVE 9.2): `INFO:  35% (23.0 MiB of 64.0 MiB) in 3s, read: 7.7 MiB/s, write: 341.3 KiB/s`. */
const backedUp = /^INFO:\s{1,4}(\d{1,3})% \([\d.]+ \w+ of ([\d.]+) ([KMGT]?i?B)\) in /;
const powers: Readonly<Record<string, number>> = { B: 0, KiB: 1, MiB: 2, GiB: 3, TiB: 4 };

/** Reads a line of a task's log. The percentage is the finer number: the sizes are rounded to a tenth. */
export function readProgress(line: string): CopyProgress | undefined {
  const part = backedUp.exec(line);
  if (part !== null) {
    const total = Math.round(Number(part[2]) * 1024 ** (powers[part[3] ?? ''] ?? 0));
    return { done: Math.round((total * Number(part[1])) / 100), total };
  }
  const found = transferred.exec(line);
  const power = powers[found?.[2] ?? ''];
  if (found === null || power === undefined) return undefined;
  const total = Math.round(Number(found[1]) * 1024 ** power);
  return { done: Math.round((total * Number(found[3])) / 100), total };
}
