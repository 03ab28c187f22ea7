import { chmod, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What became of `.env`. `kept`: one was there and nobody asked to replace it. */
export type Written = 'new' | 'kept' | 'replaced';

/** Writes `.env` for its owner's eyes only. A replaced one stays beside it as `.env.old`: it may hold the only copy of a token. */
export async function writeEnv(dir: string, text: string, force: boolean): Promise<Written> {
  await mkdir(dir, { recursive: true });
  const file = path.join(dir, '.env');
  const isThere = await exists(file);
  if (isThere && !force) return 'kept';
  if (isThere) await rename(file, `${file}.old`);
  // `wx`: what appeared in between is somebody's, and a link is not followed.
  await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  // The mode above is cut by the umask, never widened; this one is exact.
  await chmod(file, 0o600);
  return isThere ? 'replaced' : 'new';
}

export async function writeManifest(dir: string, manifest: object): Promise<string> {
  await mkdir(dir, { recursive: true });
  const file = path.join(dir, 'slack-manifest.json');
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
  return file;
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
