import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { checkGuest, type Doing } from '../config.ts';
import { TaskError } from '../errors.ts';
import { runTask } from '../writes.ts';

/**
 * Backs the guest up by vzdump, protected from the storage's own pruning, while it goes on running. The configuration
 * has the lock `backup` meanwhile. The guest is compared with the precondition again afterwards, which waits for the end
 * of that lock: what somebody changed during the backup is not written over.
 */
export async function backup({ api, step, precondition, monitor }: Doing<'backup'>): Promise<Precondition> {
  const { vmid, node, storage, notes } = step;
  await checkGuest(api, step, precondition);
  let archive: string | undefined;
  const reading: ClusterMonitor = {
    ...monitor,
    task: (upid) => monitor.task(upid),
    line(text) {
      archive = archiveIn(text) ?? archive;
      monitor.line(text);
    },
  };
  const params = {
    vmid,
    storage,
    mode: 'snapshot',
    remove: 0,
    compress: 'zstd',
    'notes-template': notes,
    protected: 1,
  };
  const doing = `The backup of ${guestLabel(step)} to ${storage}`;
  const task = { node, type: 'vzdump', id: String(vmid), doing };
  try {
    await runTask(api, { method: 'POST', path: `/nodes/${node}/vzdump`, params, ...task }, reading);
  } catch (error) {
    throw error instanceof TaskError ? untouched(step, error) : error;
  }
  if (archive !== undefined) monitor.backup?.(`${storage}:backup/${archive}`);
  await checkGuest(api, step, precondition);
  return precondition;
}

/** The name of the archive within its storage: a file of vzdump, or `vm/823/2026-…` of a Proxmox Backup Server. */
function archiveIn(line: string): string | undefined {
  const [, file, snapshot] =
    /^INFO: creating (?:vzdump archive '(?:[^']{0,400}\/)?([^'/]{1,255})'|Proxmox Backup Server archive '([^']{1,255})')$/.exec(
      line,
    ) ?? [];
  return file ?? snapshot;
}

function untouched(at: GuestRef, { message, upid, text, details, next }: TaskError): TaskError {
  const nothing = `Nothing was changed on ${guestLabel(at)}.`;
  return new TaskError(message, { upid, text, details, next: next === undefined ? nothing : `${nothing} ${next}` });
}
