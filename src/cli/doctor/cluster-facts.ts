import { z } from 'zod';
import { Permissions, Resources, StorageStatus, StoragesOfNode } from '../../cluster/proxmox/api.ts';
import type { Client } from '../../cluster/proxmox/client.ts';
import { ProxmoxError } from '../../cluster/proxmox/errors.ts';
import { isDown } from '../../cluster/proxmox/resources.ts';
import { mapLimit } from '../../cluster/proxmox/state.ts';
import { readTags, splitTags } from '../../core/tags.ts';

/** The facts about a cluster that the checks need. */
export interface ClusterFacts {
  readonly nodes: readonly { readonly node: string; readonly online: boolean }[];
  /** The privileges of the token, by path. */
  readonly granted: Readonly<Record<string, readonly string[]>>;
  readonly storages: readonly StorageFact[];
  readonly tags: TagFacts;
}

/** The tag policy of the datacenter as far as the token may read it. */
export interface TagFacts {
  /** The tags that the token may set; under a policy without free tags no others. */
  readonly allowed: readonly string[];
  /** `free`, `existing`, `list` or `none`; absent without Sys.Audit on /, or where it has its default, `free`. */
  readonly userAllow?: string | undefined;
  readonly registered: readonly string[];
  /** Whether a guest that the token sees carries the tag `proxnix`. */
  readonly isInUse: boolean;
}

/** A storage on one node. `problem`, in place of its content, tells why it cannot be used or read. */
export interface StorageFact {
  readonly storage: string;
  readonly node: string;
  readonly content: readonly string[];
  readonly problem?: 'missing' | 'inactive' | 'forbidden';
}

/** The version of Proxmox VE: `9.2.11`, and of its release: `9.2`. */
export const Version = z.object({ version: z.string(), release: z.string() });
const words = z.union([z.array(z.string()), z.string().transform(splitTags)]);
const Options = z.object({
  'allowed-tags': words.default([]),
  'user-tag-access': z.object({ 'user-allow': z.string().optional() }).optional(),
  'registered-tags': words.default([]),
});
const Nodes = z.array(z.object({ node: z.string(), status: z.string().default('unknown') }));

/** Reads all facts, with at most six calls at once. */
export async function readFacts(
  client: Client,
  paths: readonly string[],
  storages: readonly string[],
): Promise<ClusterFacts> {
  const nodes = await mapLimit(await client.get('/nodes', Nodes), 3, async ({ node, status }) => ({
    node,
    online: status === 'online' || (status !== 'offline' && (await answers(client, node))),
  }));
  const places = nodes
    .filter(({ online }) => online)
    .flatMap(({ node }) => storages.map((storage) => ({ node, storage })));
  const [granted, found, tags] = await Promise.all([
    mapLimit(paths, 3, async (path) => [path, await privilegesOn(client, path)] as const),
    mapLimit(places, 3, ({ node, storage }) => readStorage(client, node, storage)),
    readTagFacts(client),
  ]);
  return { nodes, granted: Object.fromEntries(granted), storages: found, tags };
}

/** A node whose statistics hang is `unknown` in lists (PVE 9.2), which is not down: it answers itself. */
async function answers(client: Client, node: string): Promise<boolean> {
  try {
    await client.get(`/nodes/${node}/storage`, StoragesOfNode);
    return true;
  } catch (error) {
    if (isDown(error)) return false;
    throw error;
  }
}

/** `GET /cluster/options`: `allowed-tags` for every token, the policy itself only with Sys.Audit on / (9.2). */
async function readTagFacts(client: Client): Promise<TagFacts> {
  const options = await client.get('/cluster/options', Options);
  const resources = await client.get('/cluster/resources', Resources, { type: 'vm' });
  return {
    allowed: options['allowed-tags'],
    userAllow: options['user-tag-access']?.['user-allow'],
    registered: options['registered-tags'],
    isInUse: resources.some((entry) => 'tags' in entry && readTags(splitTags(entry.tags)).ours),
  };
}

/** The privileges on a path. Every listed one is granted; its value only tells whether it is inherited. */
async function privilegesOn(client: Client, path: string): Promise<readonly string[]> {
  const answer = await client.get('/access/permissions', Permissions, { path });
  return Object.keys(answer[path] ?? {});
}

async function readStorage(client: Client, node: string, storage: string): Promise<StorageFact> {
  try {
    const { content, active, enabled } = await client.get(`/nodes/${node}/storage/${storage}/status`, StorageStatus);
    const place = { node, storage, content: content.split(',') };
    return active === 1 && enabled === 1 ? place : { ...place, problem: 'inactive' };
  } catch (error) {
    const problem = problemIn(error);
    if (problem === undefined) throw error;
    return { node, storage, content: [], problem };
  }
}

/** 400 with `storage: No such storage.`, or a 500 `storage 'x' does not exist` / `is disabled` (8.4.1, 9.2.11). */
function problemIn(error: unknown): StorageFact['problem'] {
  if (!(error instanceof ProxmoxError)) return undefined;
  if (error.status === 403) return 'forbidden';
  if (error.errors['storage'] !== undefined || /does not exist|is not available on node/.test(error.reason))
    return 'missing';
  return /is disabled|is not active/.test(error.reason) ? 'inactive' : undefined;
}
