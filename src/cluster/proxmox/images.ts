import type { LiveNode } from '../../core/live.ts';
import type { ClusterMonitor, StoredImage } from '../cluster.ts';
import type { Api } from './api.ts';
import type { Client } from './client.ts';
import { Resources, type StorageResource, Version, Volumes } from './schema.ts';
import { runTask } from './writes.ts';

/** What `upload` names its files: disk images of VMs and templates of containers. */
const ours = /^[^:]+:(?:import|vztmpl)\/proxnix-([0-9a-df-np-sv-z]{32})\.(?:qcow2|raw|tar\.\w+)$/;

/** Every image file of ours on the image storage, as each node that is online sees it; one on a shared storage is listed once. */
export async function listImages(api: Api): Promise<readonly StoredImage[]> {
  const resources = await api.client.get('/cluster/resources', Resources);
  const storages = resources.flatMap((entry) =>
    entry.type === 'storage' && entry.storage === api.imageStorage && entry.status === 'available' ? [entry] : [],
  );
  const shared = storages.filter((entry) => entry.shared === 1).map((entry) => entry.node);
  const places = [
    ...storages.filter((entry) => entry.shared === 0).map((entry) => [entry.node]),
    ...(shared.length === 0 ? [] : [shared]),
  ];
  return (await Promise.all(places.map((nodes) => imagesOn(api, nodes)))).flat();
}

async function imagesOn(api: Api, nodes: readonly string[]): Promise<readonly StoredImage[]> {
  const volumes = await api.client.get(`/nodes/${nodes[0]}/storage/${api.imageStorage}/content`, Volumes);
  return volumes.flatMap(({ volid, size, ctime }) => {
    const hash = ours.exec(volid)?.[1];
    return hash === undefined ? [] : [{ nodes, volid, hash, size, at: ctime * 1000 }];
  });
}

/** The task answers OK for a file that is gone. Needs Datastore.Allocate on the storage. */
export async function removeImage(api: Api, { nodes, volid }: StoredImage, monitor: ClusterMonitor): Promise<void> {
  const node = nodes[0] ?? '';
  const path = `/nodes/${node}/storage/${api.imageStorage}/content/${encodeURIComponent(volid)}`;
  const task = { node, type: 'imgdel', id: api.imageStorage, doing: `The deletion of ${volid}` };
  await runTask(api, { method: 'DELETE', path, ...task }, monitor);
}

/**
 * Asks for the version once: one that is new enough stays so. One that is too old is asked for again, so that nobody has
 * to restart the bot after an upgrade.
 */
export function rememberVersion(client: Client): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    if (known !== undefined) return known;
    const { version } = await client.get('/version', Version);
    if (takesDiskImages(version)) known = version;
    return version;
  };
}

/** Uploads of qcow2 came with 8.4; 8.3 takes only .ova files. */
function takesDiskImages(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 8 || (major === 8 && minor >= 4);
}

/**
 * Why images cannot be brought to a node, as far as the list of all storages and the version tell; the upload looks
 * again before its first byte. A storage that is disabled, or that the token may not audit, is on no node's list.
 */
export function imageProblemsOn(
  node: string,
  storages: readonly StorageResource[],
  { imageStorage: name, version }: { readonly imageStorage: string; readonly version: string },
): LiveNode['imageProblems'] {
  const places = storages.filter((entry) => entry.storage === name);
  const here = places.find((entry) => entry.node === node);
  if (here === undefined) {
    const problem = places.length === 0 ? unseen(name) : elsewhere(name, node, places);
    return { vm: problem, container: problem };
  }
  if (here.status !== 'available') {
    const problem = `The storage ${name} is not active on node ${node}. On the node, pvesm status says why.`;
    return { vm: problem, container: problem };
  }
  const content = here.content.split(',').filter((word) => word !== '' && word !== 'none');
  const old = `Disk images cannot be uploaded to Proxmox VE ${version}: Proxmox VE 8.4 or newer is needed.`;
  const vm = takesDiskImages(version) ? lacking('import', content, name) : old;
  const container = lacking('vztmpl', content, name);
  if (vm === undefined && container === undefined) return undefined;
  return { ...(vm === undefined ? {} : { vm }), ...(container === undefined ? {} : { container }) };
}

/** Not there, disabled, or a right is missing: for the token it is all the same. */
function unseen(storage: string): string {
  return `The token sees the storage ${storage} on no node: it does not exist, it is disabled, or the token lacks Datastore.Audit on it. proxnix doctor tells which; PROXMOX_IMAGE_STORAGE names another one.`;
}

function elsewhere(storage: string, node: string, places: readonly StorageResource[]): string {
  const nodes = [...new Set([...places.map((entry) => entry.node), node])].sort();
  return `The storage ${storage} does not exist on node ${node}: set PROXMOX_IMAGE_STORAGE to one that is on every node, or add the node to the storage: pvesm set ${storage} --nodes ${nodes.join(',')}`;
}

/** Sorted: Proxmox tells the words in another order each time. */
function lacking(word: 'import' | 'vztmpl', content: readonly string[], storage: string): string | undefined {
  if (content.includes(word)) return undefined;
  const holds = word === 'import' ? 'images of VMs' : 'templates of containers';
  const all = [...[...content].sort(), word].join(',');
  return `The storage ${storage} does not take ${holds} (content ${word}). Allow it: pvesm set ${storage} --content ${all}`;
}
