import type { Caller } from './access.ts';
import { type Clock, randomHex } from './clock.ts';
import { textOf } from './errors.ts';

/** What a task has done so far. `exit` is undefined while it runs. */
export interface TaskRecord {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** Seconds since 1970. */
  readonly starttime: number;
  readonly type: string;
  readonly id: string;
  readonly user: string;
  readonly token: string;
  readonly log: readonly string[];
  readonly endtime: number | undefined;
  readonly exit: string | undefined;
}

/** What the body of a task gets: a log to write and a signal that says when somebody stops it. */
export interface TaskHandle {
  readonly upid: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The reason of the signal of a stopped task; its text is the task's last line. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The reason of the signal of a worker that was killed: nothing may be logged or cleaned up after it. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

interface Running {
  record: TaskRecord & { log: string[] };
  readonly control: AbortController;
  done: Promise<void>;
}

/** How the next task of a type ends: its worker dies or fails before it has done anything, or after all of its work. */
export interface TaskEnd {
  readonly when: 'before' | 'after';
  readonly exit: string;
}

/** The worker processes: each task runs on, whether the client that began it is still there or not. */
export class Tasks {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #tasks = new Map<string, Running>();
  readonly #ends = new Map<string, TaskEnd>();
  #pid = 2000;

  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Starts a task and answers its UPID. What `body` throws becomes `TASK ERROR: text`; lines `WARN: ` are counted at its end. */
  start(
    what: { readonly node: string; readonly type: string; readonly id: string; readonly caller: Caller },
    body: (task: TaskHandle) => void | Promise<void>,
  ): string {
    this.#pid += 1;
    const starttime = Math.floor(this.#clock.now() / 1000);
    const pstart = Math.floor(this.#clock.random() * 0x7fffffff);
    const numbers = [this.#pid, pstart, starttime].map((one) => one.toString(16).toUpperCase().padStart(8, '0'));
    const upid = `UPID:${what.node}:${numbers.join(':')}:${what.type}:${what.id}:${what.caller.tokenid}:`;
    const control = new AbortController();
    const log: string[] = [];
    const { user, token } = what.caller;
    const record = {
      ...{ upid, node: what.node, pid: this.#pid, pstart, starttime, type: what.type, id: what.id, user, token, log },
      ...{ endtime: undefined, exit: undefined },
    };
    const running: Running = { record, control, done: Promise.resolve() };
    const handle: TaskHandle = {
      upid,
      signal: control.signal,
      log: (line) => {
        if (running.record.exit === undefined) log.push(line);
      },
    };
    this.#tasks.set(upid, running);
    running.done = this.#run(running, handle, body);
    return upid;
  }

  /** The task of that UPID. */
  get(upid: string): TaskRecord | undefined {
    return this.#tasks.get(upid)?.record;
  }

  /** All tasks, the newest first. */
  list(): readonly TaskRecord[] {
    return [...this.#tasks.values()].map((one) => one.record).toReversed();
  }

  /** Ends when the task has ended. */
  async finished(upid: string): Promise<void> {
    await this.#tasks.get(upid)?.done;
  }

  /** Stops a task as `DELETE` on it does; a finished one stays as it is. */
  stop(upid: string, reason: string): void {
    this.#tasks.get(upid)?.control.abort(new Interrupted(reason));
  }

  /** The worker dies at once: no last line, no clean-up. */
  kill(upid: string): void {
    const task = this.#tasks.get(upid);
    if (task === undefined || task.record.exit !== undefined) return;
    this.#end(task, 'unexpected status');
    task.control.abort(new Killed('killed'));
  }

  /** Sets how the next task of that type ends. */
  endNext(type: string, end: TaskEnd): void {
    this.#ends.set(type, end);
  }

  /** Takes finished tasks over from a state file; those that ran then are dead now. */
  restore(records: readonly TaskRecord[]): void {
    for (const record of records) {
      const kept = { ...record, log: [...record.log], exit: record.exit ?? 'unexpected status' };
      this.#pid = Math.max(this.#pid, record.pid);
      this.#tasks.set(record.upid, { record: kept, control: new AbortController(), done: Promise.resolve() });
    }
  }

  /** Stops everything and forgets it. */
  async clear(): Promise<void> {
    const all = [...this.#tasks.values()];
    for (const task of all) this.kill(task.record.upid);
    await Promise.all(all.map((task) => task.done));
    this.#tasks.clear();
    this.#ends.clear();
  }

  async #run(running: Running, handle: TaskHandle, body: (task: TaskHandle) => void | Promise<void>): Promise<void> {
    const doomed = this.#ends.get(running.record.type);
    this.#ends.delete(running.record.type);
    if (doomed?.when === 'before') return this.#end(running, doomed.exit);
    try {
      await body(handle);
      if (doomed !== undefined) return this.#end(running, doomed.exit);
      const warnings = running.record.log.filter((line) => line.startsWith('WARN: ')).length;
      const exit = warnings === 0 ? 'OK' : `WARNINGS: ${warnings}`;
      handle.log(`TASK ${exit}`);
      this.#end(running, exit);
    } catch (error) {
      if (running.record.exit !== undefined) return;
      handle.log(`TASK ERROR: ${textOf(error)}`);
      this.#end(running, textOf(error));
    }
  }

  #end(running: Running, exit: string): void {
    if (running.record.exit !== undefined) return;
    running.record = { ...running.record, exit, endtime: Math.floor(this.#clock.now() / 1000) };
    this.#changed();
  }
}

/** A worker's file of an upload, by chance. */
export function uploadPath(clock: Clock): string {
  return `/var/tmp/pveupload-${randomHex(clock.random, 32)}`;
}
