import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { UserError } from '../../core/errors.ts';
import { imageHash } from '../../core/guest.ts';
import type { LiveNode } from '../../core/live.ts';
import { noRoom } from '../../core/room.ts';
import type { ClusterMonitor, ImageFile, StoredImage } from '../cluster.ts';
import type { Api } from './api.ts';
import { type ListedTask, Permissions, type StorageResource, TaskList, Version, Volumes } from './api.ts';
import type { Client } from './client.ts';
import { adviceFor } from './errors.ts';
import { readResources } from './resources.ts';
import { findImage, imageContent, imageName, readStorage } from './storage.ts';
import { followTask, silent, taskFailure } from './tasks.ts';
import { isLost, newestTask, readUpid, runTask } from './writes.ts';

/** What `upload` names its files: disk images of VMs and templates of containers. */
const ours = /^[^:]+:(?:import|vztmpl)\/proxnix-([0-9a-df-np-sv-z]{32})\.(?:qcow2|raw|tar\.\w+)$/;

/** Every image file of ours on the image storage, as each node that is online sees it; one on a shared storage is listed once. */
export async function listImages(api: Api): Promise<readonly StoredImage[]> {
  const resources = await readResources(api);
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
    return hash === undefined
      ? []
      : [{ nodes, volid, hash, size, ...(ctime === undefined ? {} : { at: ctime * 1000 }) }];
  });
}

/** Deletes a file. The task also ends with OK when the file is gone. Needs Datastore.Allocate on the storage. */
export async function removeImage(api: Api, { nodes, volid }: StoredImage, monitor: ClusterMonitor): Promise<void> {
  const node = nodes[0] ?? '';
  const path = `/nodes/${node}/storage/${api.imageStorage}/content/${encodeURIComponent(volid)}`;
  const task = { node, type: 'imgdel', id: api.imageStorage, doing: `The deletion of ${volid}` };
  await runTask(api, { method: 'DELETE', path, ...task }, monitor);
}

/**
 * Reads the version until it is new enough. An old version is read again, so that nobody has to restart the bot after
 * an upgrade.
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
 * The reason why images cannot be uploaded for a node, according to the list of all storages and the version; the
 * upload checks again before its first byte. A storage that is disabled, or that the token may not audit, is missing
 * from the list.
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

/** The storage is missing, disabled, or hidden from the token: the API does not tell which. */
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

/**
 * Uploads an image to the image storage as a stream. Sends no checksum: Proxmox wants it before the file, which would
 * cost a second read of the whole image. TCP and TLS protect the transfer, and the task checks the format.
 */
export async function uploadImage(api: Api, file: ImageFile, node: string, monitor: ClusterMonitor): Promise<void> {
  // An upload of a killed bot may still be running: until it is copied into place, the size of its file is wrong.
  for (const task of await listUploads(api)) if (task.endtime === undefined) await followTask(api, task.upid, silent);
  if (await isThere(api, file, node)) {
    monitor.line(`the image is on ${api.imageStorage} already`);
    return;
  }
  await checkFile(file);
  await preflight(api, file, node);
  const upid = await send(api, file, node, monitor);
  if (upid === undefined) return;
  monitor.task(upid);
  const end = await followTask(api, upid, monitor);
  if (end?.ok === false) throw await taskFailure(api, upid, `The upload to ${api.imageStorage}`, end);
}

/** An upload runs on the node that was asked, whichever node its storage is on: only the list of all nodes shows it. */
async function listUploads(api: Api): Promise<readonly ListedTask[]> {
  return (await api.client.get('/cluster/tasks', TaskList)).filter((task) => task.type === 'imgcopy');
}

/** A complete file of that name is this image, because the name holds its hash. It is never overwritten. */
async function isThere(api: Api, file: ImageFile, node: string): Promise<boolean> {
  const image = await findImage(api, node, file.image);
  if (image === undefined) return false;
  if (image.size === file.size) return true;
  throw new UserError(
    `${image.volid} on ${node} has ${image.size} bytes, the image has ${file.size}: it was cut or is another file.`,
    {
      next: `Proxmox puts an upload in place only when it is whole, so look who made it, then \`pvesm free ${image.volid}\`.`,
    },
  );
}

async function checkFile(file: ImageFile): Promise<void> {
  const { size } = await stat(file.path).catch(() => ({ size: undefined }));
  if (size === file.size) return;
  const found = size === undefined ? 'is gone' : `has ${size} bytes instead of ${file.size}`;
  throw new UserError(`The built image ${file.path} ${found}.`, { next: 'Plan again: the image is built anew.' });
}

/** Checks everything before the first byte: during an upload a refusal looks like a lost connection. */
async function preflight(api: Api, file: ImageFile, node: string): Promise<void> {
  const path = `/storage/${api.imageStorage}`;
  const granted = (await api.client.get('/access/permissions', Permissions, { path }))[path] ?? {};
  if (granted['Datastore.AllocateTemplate'] === undefined) {
    const text = `Permission check failed (${path}, Datastore.AllocateTemplate)`;
    throw new UserError(`The token may not upload to ${api.imageStorage}: ${text}`, {
      next: adviceFor({ text, ...api.client.caller }) ?? '',
    });
  }
  const status = await readStorage(api, node, api.imageStorage);
  const content = imageContent[file.image.kind];
  if (!status.content.split(',').includes(content)) {
    const since = content === 'import' ? ' (Proxmox VE 8.4 or newer)' : '';
    throw new UserError(`storage '${api.imageStorage}' does not support '${content}' content`, {
      next: `\`pvesm set ${api.imageStorage} --content ${status.content},${content}\` allows it${since}.`,
    });
  }
  if (status.avail !== undefined && status.avail < file.size) {
    throw new UserError(noRoom(api.imageStorage, node, { free: status.avail, needed: file.size }), {
      next: 'Remove images that are not used any more (`proxnix-<hash>`) from it.',
    });
  }
}

/** @returns the UPID; `undefined` when the answer was lost but the image is there */
async function send(api: Api, file: ImageFile, node: string, monitor: ClusterMonitor): Promise<string | undefined> {
  const hash = imageHash(file.image);
  const name = imageName(hash, formatOf(file));
  const body = uploadBody({ name, size: file.size, content: imageContent[file.image.kind] }, `proxnix-${hash}`);
  const content = createReadStream(file.path, { highWaterMark: 2 ** 18 });
  const stalled = new AbortController();
  const watch = setTimeout(() => stalled.abort(), api.timeouts.stallMs);
  const sent = (bytes: number) => {
    watch.refresh();
    monitor.progress(bytes, file.size, 'bytes');
  };
  const stream = Readable.from(body.parts(content, sent), { objectMode: false });
  const since = api.client.serverTime() - 1;
  try {
    const answer = await api.client.upload(
      `/nodes/${node}/storage/${api.imageStorage}/upload`,
      { stream, ...body },
      stalled.signal,
    );
    return readUpid(api, answer);
  } catch (error) {
    if (!isLost(error)) throw error;
    api.log.warn({ node, name, error }, 'the answer to an upload was lost');
    const upid = await newestTask(
      api,
      () => listUploads(api),
      (task) => task.starttime >= since,
    );
    if (upid !== undefined) return upid;
    if (await isThere(api, file, node)) return undefined;
    throw error;
  } finally {
    clearTimeout(watch);
    stream.destroy();
    content.destroy();
  }
}

/** The file extension that tells Proxmox the format. */
function formatOf({ image, path }: ImageFile): string {
  if (image.kind === 'vm') return path.endsWith('.raw') || path.endsWith('.img') ? 'raw' : 'qcow2';
  const ending = /\.(tar(?:\.(?:gz|xz|zst|bz2))?)$/.exec(path)?.[1];
  if (ending !== undefined) return ending;
  throw new UserError(`The image ${path} is no tarball that Proxmox can unpack.`, {
    next: "Build the container's image as a .tar.xz, .tar.gz, .tar.zst or .tar.bz2 file.",
  });
}

/** An upload's body in the order Proxmox needs: `content` before the file, the file part under the name `filename`. */
export interface Multipart {
  readonly contentType: string;
  /** Bytes of the whole body: the server takes no chunked one. */
  readonly length: number;
  /** @param onSent bytes of the file that went out so far */
  parts(file: Readable, onSent: (bytes: number) => void): AsyncGenerator<Buffer>;
}

/** @param boundary goes out unquoted: letters, digits and `-` */
export function uploadBody(file: { name: string; size: number; content: string }, boundary: string): Multipart {
  const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
  const head = Buffer.from(
    `${part('name="content"')}${file.content}\r\n${part(`name="filename"; filename="${file.name}"`)}`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: head.length + file.size + tail.length,
    async *parts(stream, onSent) {
      yield head;
      let sent = 0;
      for await (const chunk of stream) {
        const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
        sent += bytes.length;
        yield bytes;
        onSent(sent);
      }
      if (sent !== file.size)
        throw new UserError(`${file.name} changed while it was sent: ${sent} bytes instead of ${file.size}.`);
      yield tail;
    },
  };
}
