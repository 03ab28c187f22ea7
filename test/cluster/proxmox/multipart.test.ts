import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { uploadBody } from '../../../src/cluster/proxmox/multipart.ts';

async function whole(size: number, chunks: readonly string[], sent: number[] = []) {
  const body = uploadBody({ name: 'x.qcow2', size, content: 'import' }, 'edge');
  const parts: Buffer[] = [];
  for await (const part of body.parts(Readable.from(chunks), (bytes) => sent.push(bytes))) parts.push(part);
  return { body, text: Buffer.concat(parts).toString() };
}

it('the content comes before the file, whose part is named filename', async () => {
  const { text } = await whole(5, ['he', 'llo']);
  expect(text.split('\r\n')).toEqual([
    '--edge',
    'Content-Disposition: form-data; name="content"',
    '',
    'import',
    '--edge',
    'Content-Disposition: form-data; name="filename"; filename="x.qcow2"',
    '',
    'hello',
    '--edge--',
    '',
  ]);
});

it('the length is known before the first byte goes out', async () => {
  const { body, text } = await whole(5, ['hello']);
  expect(body.length).toBe(Buffer.byteLength(text));
});

it('bytes are counted as they go out', async () => {
  const sent: number[] = [];
  await whole(5, ['he', 'llo'], sent);
  expect(sent).toEqual([2, 5]);
});

it('a file that changed meanwhile is not completed', async () => {
  await expect(whole(6, ['hello'])).rejects.toThrow('x.qcow2 changed while it was sent: 5 bytes instead of 6');
});
