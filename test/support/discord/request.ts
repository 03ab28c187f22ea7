import type { IncomingMessage } from 'node:http';
import busboy from 'busboy';

/** A request as it came in: its JSON (alone or in `payload_json`) and its files by name. */
export interface FakeRequest {
  readonly method: string;
  /** Decoded, below the API's version: `/channels/1/messages`. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
  readonly files: ReadonlyMap<string, string>;
}

export async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const path = decodeURIComponent(url.pathname).replace(/^\/api\/v10/, '');
  const type = incoming.headers['content-type'] ?? '';
  const { body, files } = type.startsWith('multipart/') ? await readParts(incoming) : await readJson(incoming);
  return { method: incoming.method ?? 'GET', path, authorization: incoming.headers.authorization, body, files };
}

async function readJson(incoming: IncomingMessage): Promise<Pick<FakeRequest, 'body' | 'files'>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { body: text === '' ? undefined : JSON.parse(text), files: new Map() };
}

function readParts(incoming: IncomingMessage): Promise<Pick<FakeRequest, 'body' | 'files'>> {
  return new Promise((resolve, reject) => {
    const files = new Map<string, string>();
    let body: unknown;
    const parts = busboy({ headers: incoming.headers });
    parts.on('field', (name, value) => {
      if (name === 'payload_json') body = JSON.parse(value);
    });
    parts.on('file', (_, stream, { filename }) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => files.set(filename ?? 'unnamed', Buffer.concat(chunks).toString()));
    });
    parts.on('close', () => resolve({ body, files }));
    parts.on('error', reject);
    incoming.pipe(parts);
  });
}
