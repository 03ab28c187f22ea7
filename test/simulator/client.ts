import type { Simulator } from '../../src/simulator/simulator.ts';
import { ask } from './replay/ask.ts';
import { parse } from './replay/compare.ts';
import { makeMultipart, makeQcow2 } from './replay/multipart.ts';

/** What a call answered: `data` of a 200, else the status and the reason. */
export interface Told {
  readonly status: number | null;
  readonly reason: string;
  readonly data: unknown;
}

/** Calls a simulator with the demo's token. */
export function clientOf(simulator: Simulator, token: string) {
  const authorization = `PVEAPIToken=${token}`;
  const call = async (method: string, path: string, params: Record<string, string | number> = {}): Promise<Told> => {
    const pairs = Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]);
    const form = new URLSearchParams(pairs).toString();
    const isQuery = method === 'GET' || method === 'DELETE';
    const body = isQuery ? {} : { body: form, type: 'application/x-www-form-urlencoded' };
    const answer = await ask(simulator.url, { method, path, authorization, ...(isQuery ? { query: form } : body) });
    return told(answer.status, answer.reason, parse(answer.text));
  };
  const ended = async (upid: unknown): Promise<string> => {
    for (;;) {
      const task = simulator.tasks().find((one) => one.upid === upid);
      if (task === undefined || task.exit !== undefined) return task?.exit ?? 'no such task';
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    call,
    ended,
    /** Makes a call that starts a task and answers how the task ended. */
    run: async (method: string, path: string, params: Record<string, string | number> = {}): Promise<string> => {
      const { status, reason, data } = await call(method, path, params);
      return status === 200 ? await ended(data) : `${status} ${reason}`;
    },
    /** Uploads an image of nothing but a head. */
    upload: async (filename: string, virtualSize: number): Promise<string> => {
      const { body, type } = makeMultipart([
        { name: 'content', value: 'import' },
        { name: 'filename', filename, make: 'qcow2', virtualSize, size: makeQcow2(virtualSize).length },
      ]);
      const path = '/nodes/pve1/storage/local/upload';
      const answer = await ask(simulator.url, { method: 'POST', path, authorization, body, type });
      return await ended(told(answer.status, answer.reason, parse(answer.text)).data);
    },
  };
}

function told(status: number | null, reason: string, body: unknown): Told {
  return { status, reason, data: typeof body === 'object' && body !== null ? Reflect.get(body, 'data') : undefined };
}
