import type { ServerResponse } from 'node:http';
import { type Reply, ReplyWith } from './call.ts';
import { ApiError, textOf } from './errors.ts';

const JSON_TYPE = 'application/json;charset=UTF-8';

/** Writes a 200 with `data`, and `total` where a list has one. */
export function writeData(response: ServerResponse, value: unknown, closes = false): void {
  const reply: Reply = value instanceof ReplyWith ? value.reply : { data: value ?? null };
  // The total is left out when it is 0, as Perl takes that for nothing.
  const body = reply.total ? { data: reply.data, total: reply.total } : { data: reply.data };
  response.statusCode = 200;
  response.statusMessage = 'OK';
  end(response, JSON.stringify(body), JSON_TYPE, closes);
}

/** Writes an error: the reason is the first line of the message, and the connection ends after it. */
export function writeError(response: ServerResponse, error: unknown): void {
  const known = error instanceof ApiError ? error : new ApiError(500, `simulator: ${textOf(error)}`);
  response.statusCode = known.status;
  // A reason phrase holds one line of latin1; everything else would end the process.
  response.statusMessage = (known.message.split('\n')[0] ?? '').replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
  if (known.body === 'none') {
    end(response, '', undefined, true);
    return;
  }
  if (known.body === 'text') {
    end(response, `${known.message}\n`, undefined, true);
    return;
  }
  const message = known.status === 501 ? known.message : `${known.message}\n`;
  const errors = known.errors === undefined ? {} : { errors: known.errors };
  end(response, JSON.stringify({ data: null, message, ...errors }), JSON_TYPE, true);
}

/** After so many requests the daemon closes a connection (9.2.11). */
const REQUESTS_PER_CONNECTION = 100;
const served = new WeakMap<object, number>();

function end(response: ServerResponse, body: string, type: string | undefined, closes: boolean): void {
  const bytes = Buffer.from(body);
  response.setHeader('Cache-Control', 'max-age=0');
  response.setHeader('Server', 'pve-api-daemon/3.0');
  response.setHeader('Content-Length', bytes.length);
  if (type !== undefined) response.setHeader('Content-Type', type);
  const count = (served.get(response.req.socket) ?? 0) + 1;
  served.set(response.req.socket, count);
  response.setHeader('Connection', closes || count >= REQUESTS_PER_CONNECTION ? 'close' : 'Keep-Alive');
  response.end(bytes);
}
