import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder that goes with the test. */
export async function aFolder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-store-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}
