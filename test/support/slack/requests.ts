import type { IncomingMessage } from 'node:http';
import busboy from 'busboy';
import type { Json } from './state.ts';

const packed = ['blocks', 'view', 'metadata', 'attachments', 'files'];

/** A body of the Web API as Slack reads it: a form or multipart whose structured arguments are JSON. */
export async function readCall(request: IncomingMessage): Promise<Json> {
  const type = request.headers['content-type'] ?? '';
  const fields = type.startsWith('multipart/') ? await readMultipart(request) : await readForm(request);
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, packed.includes(key) ? JSON.parse(value) : value]),
  );
}

/** The bytes of an upload: multipart with one file. */
export async function readUpload(request: IncomingMessage): Promise<string> {
  const fields = await readMultipart(request);
  return Object.values(fields).join('');
}

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

async function readForm(request: IncomingMessage): Promise<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(await readText(request)));
}

function readMultipart(request: IncomingMessage): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const fields: Record<string, string> = {};
    const parser = busboy({ headers: request.headers });
    parser.on('field', (name, value) => {
      fields[name] = value;
    });
    parser.on('file', (name, stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        fields[name] = Buffer.concat(chunks).toString('utf8');
      });
    });
    parser.on('close', () => resolve(fields));
    parser.on('error', reject);
    request.pipe(parser);
  });
}
