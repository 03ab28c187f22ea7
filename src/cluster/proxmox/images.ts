import type { ClusterMonitor, StoredImage } from '../cluster.ts';
import type { Api } from './api.ts';
import { Resources, Volumes } from './schema.ts';
import { runTask } from './writes.ts';

/** What `upload` names its files: disk images of VMs and templates of containers. */
const ours = /^[^:]+:(?:import|vztmpl)\/proxnix-([0-9a-df-np-sv-z]{32})\.(?:qcow2|raw|tar\.\w+)$/;

/** Every image file of ours on the image storage, as each node that is online sees it; a shared one is told once. */
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
