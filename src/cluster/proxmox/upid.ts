/** What a UPID says. `node` is where the task runs: the only node to ask about it. */
export interface Upid {
  readonly node: string;
  readonly type: string;
  /** The guest's VMID, `9101-scsi0>100-unused0` for a disk handed over, empty for an upload. */
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
