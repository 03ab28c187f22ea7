import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { perlText } from './body.ts';
import { ApiError } from './errors.ts';
import { QCOW2_HEAD_BYTES } from './images.ts';

/** The kept facts of an uploaded file, without its content. */
export interface UploadedFile {
  /** Cut to the last part of the path, odd characters replaced. */
  readonly name: string;
  readonly size: number;
  readonly head: Buffer;
  /** In hexadecimal, by the algorithm the form named. */
  readonly checksum: string | undefined;
}

/** An upload: the fields that came before the file, and the file. */
export interface Upload {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: UploadedFile;
}

/** Large buffers halve the time of a large upload; two of them are all the memory it takes. */
const BUFFERS = { highWaterMark: 1024 * 1024, fileHwm: 1024 * 1024 };
const FIELDS = ['content', 'checksum-algorithm', 'checksum', 'filename', 'tmpfilename'];

/** Reads a multipart form in the order it comes: fields after the file part are lost, as in the real server. */
export async function readUpload(request: IncomingMessage): Promise<Upload> {
  const fields = new Map<string, string>();
  const files: Promise<UploadedFile>[] = [];
  let fieldsBefore: ReadonlyMap<string, string> | undefined;
  let refusal: ApiError | undefined;
  const parser = busboy({ headers: request.headers, defParamCharset: 'utf8', preservePath: true, ...BUFFERS });
  parser.on('field', (name, value) => {
    if (!FIELDS.includes(name)) refusal ??= new ApiError(400, 'Bad Request', { body: 'none' });
    fields.set(name, value);
  });
  parser.on('file', (name, stream, info) => {
    if (name !== 'filename') {
      const text = `wrong field name '${name}' for file upload, expected 'filename'`;
      refusal ??= new ApiError(500, perlText(text), { body: 'text' });
    }
    fieldsBefore ??= new Map(fields);
    const file = digestFile(stream, cleanName(info.filename ?? ''), fields.get('checksum-algorithm'));
    // The parser reports a form that ends too early, and its file is not waited for.
    file.catch(() => undefined);
    files.push(file);
  });
  await new Promise<void>((resolve, reject) => {
    parser.once('close', resolve);
    parser.once('error', reject);
    request.once('error', reject);
    request.once('aborted', () => reject(new Error('the client went away')));
    request.pipe(parser);
  });
  if (refusal !== undefined) throw refusal;
  const file = await files[0];
  if (file === undefined || fieldsBefore === undefined) {
    throw new ApiError(500, perlText('upload failed'), { body: 'text' });
  }
  return { fields: fieldsBefore, file };
}

async function digestFile(stream: Readable, name: string, algorithm: string | undefined): Promise<UploadedFile> {
  const hash = hashOf(algorithm);
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (head.length < QCOW2_HEAD_BYTES) head = Buffer.concat([head, chunk.subarray(0, QCOW2_HEAD_BYTES)]);
    hash?.update(chunk);
    size += chunk.length;
  }
  return { name, size, head, checksum: hash?.digest('hex') };
}

function hashOf(algorithm: string | undefined): Hash | undefined {
  const known = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
  return algorithm !== undefined && known.includes(algorithm) ? createHash(algorithm) : undefined;
}

/** The last part of the path, every character outside [A-Za-z0-9_.-] as `_` (9.2.11). */
function cleanName(name: string): string {
  return name.replace(/^.*[/\\]/s, '').replace(/[^a-zA-Z0-9_.-]/gu, '_');
}
