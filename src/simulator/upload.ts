import type { IncomingMessage } from 'node:http';
import { type Call, type Given, text } from './call.ts';
import { ApiError, failure, parameterError } from './errors.ts';
import { behaviourOf, inspect } from './images.ts';
import { readUpload, type UploadedFile } from './multipart.ts';
import { checkParameters } from './parameters/check.ts';
import { rulesOf } from './parameters/table.ts';
import { type TaskHandle, uploadPath } from './tasks.ts';
import { keepVolume } from './volume.ts';

/** The path of the one call whose body is read while it comes in. */
export const UPLOAD = '/nodes/{node}/storage/{storage}/upload';

/** Takes an upload in and starts the task that copies it to the storage. */
export async function serveUpload(call: Call, request: IncomingMessage): Promise<string> {
  if (!/^multipart\/form-data/i.test(request.headers['content-type'] ?? '')) {
    // Such a request never gets an answer (9.2.11).
    request.destroy();
    throw new ApiError(500, 'upload failed', { body: 'none' });
  }
  const { fields, file } = await readUpload(request);
  const given = new Map([...fields, ...call.given, ['filename', file.name]]);
  checkUpload(call, given);
  const { world, caller } = call;
  const path = uploadPath(world.clock);
  // The node that is asked takes it in and copies it over, whichever node the storage is on (9.2.11, source).
  return world.tasks.start({ node: world.localNode, type: 'imgcopy', id: '', caller }, (task) =>
    copy({ ...call, given }, file, path, task),
  );
}

function checkUpload(call: Call, given: Given): void {
  const rules = rulesOf(`POST ${UPLOAD}`, call.world.version.table);
  const checked = new Map(given);
  checked.delete('node');
  if (rules !== undefined) checkParameters(rules, checked, call.world.version);
  const content = given.get('content') ?? '';
  const problem = nameProblem(content, given.get('filename') ?? '', call.world.version.plainTarTemplates);
  if (problem !== undefined) throw parameterError({ filename: problem });
  const storage = call.world.storages.get(given.get('storage') ?? '');
  if (!storage.content.includes(content)) {
    throw failure(`storage '${storage.storage}' does not support '${content}' content`);
  }
}

function nameProblem(content: string, name: string, plainTar: boolean): string | undefined {
  if (content === 'import') {
    return /^[a-zA-Z0-9\-.+=_]+\.(?:ova|qcow2|raw|vmdk)$/.test(name)
      ? undefined
      : 'invalid filename or wrong extension';
  }
  const pattern = content === 'iso' ? /\.(?:iso|img)$/i : plainTar ? /\.tar(?:\.(?:gz|xz|zst|bz2))?$/i : TAR;
  return pattern.test(name) ? undefined : 'wrong file extension';
}

const TAR = /\.tar\.(?:gz|xz|zst|bz2)$/i;

function copy(call: Call, file: UploadedFile, path: string, task: TaskHandle): void {
  const { storages, clock } = call.world;
  const content = text(call, 'content');
  const storage = text(call, 'storage');
  const volid = `${storage}:${content}/${file.name}`;
  const format = /\.tar/.test(file.name) ? 'tgz' : (file.name.split('.').at(-1) ?? 'raw').replace('img', 'iso');
  task.log(`starting file import from: ${path}`);
  const found = content === 'import' ? inspect(file, format) : { virtualSize: file.size };
  if ('kind' in found && found.kind === 'not-qcow2') {
    task.log(`command '/usr/bin/qemu-img info '--output=json' ${path} -f qcow2' failed: exit code 1`);
    throw new Error(`qemu-img: Could not open '${path}': Image is not in qcow2 format`);
  }
  if ('kind' in found) {
    const what = found.kind === 'data-file' ? 'data file' : 'backing file';
    throw new Error(`${what} not allowed for untrusted image '${path}'!`);
  }
  checkSum(call, file, task);
  if (storages.space(storage).avail < file.size) throw new Error(`cp: error writing: No space left on device`);
  task.log(`target node: ${text(call, 'node')}`);
  task.log(`target file: ${storages.path(volid)}`);
  task.log(`file size is: ${file.size}`);
  task.log(`command: cp -- ${path} ${storages.path(volid)}`);
  const seed = { volid, content, format, size: file.size, virtualSize: found.virtualSize, ...behaviourOf(file.name) };
  storages.put(keepVolume(seed, clock.now()));
  task.log('finished file import successfully');
}

function checkSum(call: Call, file: UploadedFile, task: TaskHandle): void {
  const expected = call.given.get('checksum');
  if (expected === undefined) return;
  if (file.checksum !== expected.toLowerCase()) {
    throw new Error(`checksum mismatch: got '${file.checksum}' != expect '${expected}'`);
  }
  task.log('calculating checksum...OK, checksum verified');
}
