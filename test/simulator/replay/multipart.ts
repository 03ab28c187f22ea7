import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Part } from './recording.ts';

/** A qcow2 file of nothing but a head, version 3. */
export function makeQcow2(virtualSize: number, backing?: string): Buffer {
  const head = Buffer.alloc(1024);
  head.write('QFI\xfb', 0, 'latin1');
  head.writeUInt32BE(3, 4);
  if (backing !== undefined) {
    head.writeBigUInt64BE(512n, 8);
    head.writeUInt32BE(backing.length, 16);
    head.write(backing, 512);
  }
  head.writeUInt32BE(16, 20);
  head.writeBigUInt64BE(BigInt(virtualSize), 24);
  head.writeUInt32BE(104, 100);
  return head;
}

/** A multipart body of the parts in their order, and its content type. */
export function makeMultipart(parts: readonly Part[]): { readonly body: Buffer; readonly type: string } {
  const boundary = 'recorded0123456789';
  const files = parts.map((part) => (part.make === undefined ? undefined : contentOf(part)));
  const file = files.find((one) => one !== undefined);
  const pieces = parts.flatMap((part, index) => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part.name}"`;
    const content = files[index];
    const sum = createHash('sha256')
      .update(file ?? '')
      .digest('hex');
    if (content === undefined) return [`${head}\r\n\r\n${part.value === '{sha256}' ? sum : part.value}\r\n`];
    return [`${head}; filename="${part.filename}"\r\nContent-Type: application/octet-stream\r\n\r\n`, content, '\r\n'];
  });
  const body = Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)));
  return { body, type: `multipart/form-data; boundary=${boundary}` };
}

function contentOf(part: Part): Buffer {
  const made = madeBy(part);
  return (part.size ?? 0) > made.length ? Buffer.concat([made, Buffer.alloc((part.size ?? 0) - made.length)]) : made;
}

function madeBy(part: Part): Buffer {
  const makers = {
    qcow2: () => makeQcow2(part.virtualSize ?? 0, part.backing),
    text: () => Buffer.from(part.text ?? ''),
    bytes: () => Buffer.alloc(part.size ?? 100, 'x'),
    gzip: () => gzipSync(Buffer.alloc(0)),
    tgz: () => gzipSync(Buffer.alloc(0)),
    zeros: () => Buffer.alloc(part.size ?? 4096),
  };
  return makers[part.make ?? 'zeros']();
}
