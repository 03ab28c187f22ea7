import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { ConsoleMessage, MessageStore } from './message.ts';
import { messageSchema } from './message-schema.ts';

/**
 * One JSON file per message in a folder of its own: a progress tick writes one card, not the channel. A file that
 * cannot be read is set aside as `<name>.damaged` and logged. Writes are done in the order of the calls.
 */
export function messageFolder(folder: string, log: Pick<Logger, 'warn'>): MessageStore {
  const writes = new PQueue({ concurrency: 1 });
  return {
    async load() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
      const found = await Promise.all(names.map((name) => readMessage(join(folder, name), log)));
      return found.filter((message) => message !== undefined);
    },
    save: (message) => writes.add(() => writeMessage(folder, message)),
    remove: (id) => writes.add(() => rm(join(folder, `${id}.json`), { force: true })),
  };
}

/** For tests and for a demo that keeps nothing. */
export function messageMemory(messages: Map<string, ConsoleMessage> = new Map()): MessageStore {
  return {
    load: () => Promise.resolve([...messages.values()]),
    save(message) {
      messages.set(message.id, message);
      return Promise.resolve();
    },
    remove(id) {
      messages.delete(id);
      return Promise.resolve();
    },
  };
}

async function readMessage(path: string, log: Pick<Logger, 'warn'>): Promise<ConsoleMessage | undefined> {
  const read = messageSchema.safeParse(parseJson(await readFile(path, 'utf8')));
  if (read.success) return read.data;
  log.warn({ path, aside: `${path}.damaged`, problem: read.error.message }, 'console message unreadable, set aside');
  await rename(path, `${path}.damaged`);
  return undefined;
}

async function writeMessage(folder: string, message: ConsoleMessage): Promise<void> {
  const path = join(folder, `${message.id}.json`);
  await writeFile(`${path}.new`, JSON.stringify(message), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
