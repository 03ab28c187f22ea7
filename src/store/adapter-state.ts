import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from './durable-file.ts';

const Values = z.record(z.string(), z.string());

/** A few values of an adapter, kept in a file of its own. What is damaged is forgotten: it can be found out again. */
export function adapterState(file: string): {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
} {
  let writing: Promise<void> = Promise.resolve();
  return {
    get: async (key) => (await read(file))[key],
    set(key, value) {
      const written = writing.then(async () => {
        await mkdir(path.dirname(file), { recursive: true });
        await writeDurably(file, JSON.stringify({ ...(await read(file)), [key]: value }));
      });
      writing = written.catch(() => undefined);
      return written;
    },
  };
}

async function read(file: string): Promise<Record<string, string>> {
  try {
    return Values.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return {};
  }
}
