import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { UserError } from '../../core/errors.ts';
import { imageHash } from '../../core/guest.ts';
import type { ClusterMonitor, ImageFile } from '../cluster.ts';
import type { Api } from './api.ts';
import { adviceFor } from './errors.ts';
import { type ListedTask, Permissions, TaskList } from './schema.ts';
import { findImage, imageContent, imageName, noRoom, readStorage } from './storage.ts';
import { followTask, silent, taskFailure } from './tasks.ts';
import { isLost, newestTask, readUpid } from './writes.ts';

/**
 * Brings an image to the image storage as a stream. No checksum goes along: Proxmox would want it before the file, so
 * it costs a second read of the whole image; TCP and TLS check what travels, and the task checks the format.
 */
export async function uploadImage(api: Api, file: ImageFile, node: string, monitor: ClusterMonitor): Promise<void> {
  // One that a killed bot left may still be copied into place: its size would be half the truth.
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

/** Named by its hash, so a file of that name is that image, unless it was cut. It is never overwritten. */
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

/** With a body on its way a refusal looks like a lost connection: everything is asked before the first byte. */
async function preflight(api: Api, file: ImageFile, node: string): Promise<void> {
  const path = `/storage/${api.imageStorage}`;
  const granted = (await api.client.get('/access/permissions', Permissions, { path }))[path] ?? {};
  if (granted['Datastore.AllocateTemplate'] === undefined) {
    const text = `Permission check failed (${path}, Datastore.AllocateTemplate)`;
    throw new UserError(`The token may not upload to ${api.imageStorage}: ${text}`, {
      next: adviceFor({ text, tokenId: api.client.tokenId }) ?? '',
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

/** The ending by which Proxmox knows what a file is. */
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
