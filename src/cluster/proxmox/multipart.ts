import type { Readable } from 'node:stream';
import { UserError } from '../../core/errors.ts';

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
