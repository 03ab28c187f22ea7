import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluationFailure } from './evaluation-failure.ts';
import type { FlakeFacts } from './sources.ts';
import { realPath, storeRoot } from './store.ts';

/** Bytes of a file that are searched: a file of a flake is some KiB. */
const longestFile = 512 * 1024;

/**
 * Adds the line to a place that is a file alone, as the module system names it: the first line of the file, as the commit
 * has it, with the word of the error (an option's last name). Where the word is not found, the file alone is the place.
 * @param store the private store, where there is one
 */
export async function lineOf(
  error: EvaluationFailure,
  { storePath }: FlakeFacts,
  store: string | undefined,
): Promise<EvaluationFailure> {
  const { place, word } = error;
  if (place === undefined || word === undefined || storePath === undefined || /:\d/.test(place)) return error;
  const root = realPath(storeRoot(store), storePath);
  const places = await Promise.all(place.split(' and ').map((file) => withLine(root, file, word)));
  return { ...error, place: places.join(' and ') };
}

async function withLine(root: string, file: string, word: string): Promise<string> {
  const text = await readInside(root, file).catch(() => undefined);
  if (text === undefined) return file;
  const named = new RegExp(`(?:^|[^\\w-])${word.replaceAll(/[.*+?^${'$'}{}()|[\]\\]/g, '\\$&')}(?:$|[^\\w-])`);
  const line = text.split('\n').findIndex((one) => named.test(one.replace(/#.*$/, '')));
  return line === -1 ? file : `${file}:${line + 1}`;
}

/** The beginning of a file below a folder; of a link that leads out of it nothing is read. */
async function readInside(root: string, file: string): Promise<string | undefined> {
  const [folder, path] = await Promise.all([realpath(root), realpath(join(root, file))]);
  if (!path.startsWith(`${folder}/`)) return undefined;
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(longestFile) });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
