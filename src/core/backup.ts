import type { Commit } from './commit.ts';
import type { Goal } from './goal.ts';
import type { GuestSpec } from './guest.ts';
import type { LiveNode } from './live.ts';
import { chooseStorage } from './room.ts';
import type { Backup } from './settings.ts';

export type { Backup } from './settings.ts';

/** The kinds of changes that a backup may come before. A rollback of a root disk counts as a replace. */
export type BackedUp = Backup['before'][number];

/** The storage of the backup before a change; `undefined` where the flake wants none. */
export function storageBefore(change: BackedUp, backup: Backup | undefined): string | undefined {
  return backup?.before.includes(change) ? backup.storage : undefined;
}

/** The storages of the backups that a plan for the goal may need; none where the flake wants no backup. */
export function backupStorages({
  guests,
  backup,
}: Pick<Goal, 'backup'> & { readonly guests: readonly GuestSpec[] }): string[] {
  const all = [...guests.map((guest) => guest.backup), backup];
  const used = all.flatMap((one) => (one?.storage === undefined || one.before.length === 0 ? [] : [one.storage]));
  return [...new Set(used)].sort();
}

/** The notes of a backup, in one line. Proxmox puts the name of the guest in (PVE 8.4 and 9.2, `notes-template`). */
export function backupNotes({ sha }: Pick<Commit, 'sha'>): string {
  return `{{guestname}} before ${sha}, by proxnix`;
}

/** Why a guest on the node cannot be backed up to the storage, and what to do; `undefined` where nothing speaks against it. */
export function backupProblem(storage: string, node: LiveNode | undefined): string | undefined {
  if (node === undefined || !node.online) return undefined;
  if (!node.storages.includes(storage)) {
    return `Node ${node.node} has no storage "${storage}" for the backup before. ${chooseStorage(storage, [node], 'backup.storage')}`;
  }
  return node.storageFacts?.[storage]?.noBackup;
}
