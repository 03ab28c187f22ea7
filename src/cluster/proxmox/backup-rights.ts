import type { LiveGuest, LiveNode, LiveState } from '../../core/live.ts';
import { readTags } from '../../core/tags.ts';
import { type Api, Permissions } from './api.ts';
import { adviceFor } from './errors.ts';

/**
 * The nodes and guests with the rights for backups that the token surely lacks. Without VM.Backup a backup fails only in
 * its task (PVE 9.2), when the run is under way.
 */
export async function withBackupRights(
  api: Api,
  storages: readonly string[],
  { guests, nodes }: { readonly guests: readonly LiveGuest[]; readonly nodes: readonly LiveNode[] },
): Promise<Pick<LiveState, 'nodes' | 'noBackup'>> {
  if (storages.length === 0) return { nodes };
  const problems: Record<string, string> = {};
  for (const storage of storages) {
    const missing = await missingRight(api, `/storage/${storage}`, 'Datastore.AllocateSpace');
    if (missing !== undefined) problems[storage] = missing;
  }
  const noBackup: Record<number, string> = {};
  if ((await missingRight(api, '/vms', 'VM.Backup')) !== undefined) {
    for (const { vmid, tags } of guests) {
      if (!readTags(tags).ours) continue;
      const missing = await missingRight(api, `/vms/${vmid}`, 'VM.Backup');
      if (missing !== undefined) noBackup[vmid] = missing;
    }
  }
  return {
    nodes: nodes.map((node) => withProblems(node, problems)),
    ...(Object.keys(noBackup).length === 0 ? {} : { noBackup }),
  };
}

function withProblems(node: LiveNode, problems: Readonly<Record<string, string>>): LiveNode {
  const found = Object.entries(problems).filter(([storage]) => node.storages.includes(storage));
  if (found.length === 0) return node;
  const { storageFacts = {} } = node;
  const facts = found.map(([storage, noBackup]) => [storage, { ...storageFacts[storage], noBackup }] as const);
  return { ...node, storageFacts: { ...storageFacts, ...Object.fromEntries(facts) } };
}

/** The sentence that says which right is missing and how it is granted; `undefined` where the token has it. */
async function missingRight(api: Api, path: string, privilege: string): Promise<string | undefined> {
  const granted = (await api.client.get('/access/permissions', Permissions, { path }))[path] ?? {};
  if (privilege in granted) return undefined;
  const text = `Permission check failed (${path}, ${privilege})`;
  return `The token lacks ${privilege} on ${path}, so no backup is made before. ${adviceFor({ text, ...api.client.caller }) ?? ''}`.trimEnd();
}
