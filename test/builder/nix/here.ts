import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, onTestFinished } from 'vitest';
import type { NixOptions } from '../../../src/builder/nix/settings.ts';
import { UserError } from '../../../src/core/errors.ts';
import { type DemoNix, findNix } from '../../../src/demo/private-store.ts';
import { commitFiles, createSampleRepository, type SampleRepository } from '../../../src/demo/repository.ts';
import type { Source } from '../../../src/git/git.ts';
import { removeTree } from '../../../src/lib/system.ts';

const dir = await mkdtemp(join(tmpdir(), 'proxnix-nix-'));

/** Nix with a store of this test file's own, from the folder PROXNIX_NIX_BIN where that is set; `undefined` where there is none that builds, and then never in CI. */
export const nix: DemoNix | undefined = await find();

/** Whether the store is ours alone, so that its garbage may be collected. */
export const ownStore = nix?.options.store !== undefined;

/** Whether builders reach the machine's own programs, so that they can make a folder. */
export const folders = nix?.options.config?.['sandbox-paths']?.includes('/bin?') === true;

afterAll(() => removeTree(dir));

async function find(): Promise<DemoNix | undefined> {
  const found = await findNix(dir, process.env['PROXNIX_NIX_BIN']).catch((error: unknown) => {
    if (error instanceof UserError) return { why: `${error.message} ${error.next}` };
    throw error;
  });
  if (!('why' in found)) return found;
  if (process.env['CI'] === 'true') throw new Error(`these tests need Nix: ${found.why}`);
  process.stderr.write(`skipped, because they need Nix: ${found.why}\n`);
  return undefined;
}

/** Options for a builder with a state of its own on the store of this test file. */
export async function nixOptions(more: Partial<NixOptions> = {}): Promise<NixOptions> {
  if (nix === undefined) throw new Error('no Nix');
  return { ...nix.options, dir: await mkdtemp(join(dir, 'state-')), ...more };
}

export async function aSampleRepository(): Promise<SampleRepository> {
  const folder = await mkdtemp(join(tmpdir(), 'proxnix-sample-'));
  onTestFinished(() => removeTree(folder));
  return createSampleRepository(folder, { system: nix?.system ?? 'x86_64-linux', now: () => new Date(0) });
}

/** Pins the newest commit as a mirror does. */
export async function pinned(repository: SampleRepository, dirInside?: string): Promise<Source> {
  const git = async (...args: string[]) => (await execa('git', ['--git-dir', repository.origin, ...args])).stdout;
  const rev = await git('rev-parse', `refs/heads/${repository.branch}`);
  const ref = `refs/proxnix/${rev.slice(0, 12)}`;
  await git('update-ref', ref, rev);
  return { mirror: repository.origin, ref, rev, ...(dirInside === undefined ? {} : { dir: dirInside }) };
}

/** A repository whose flake has these outputs, as Nix text. */
export async function aFlake(outputs: string, more = ''): Promise<Source> {
  const repository = await aSampleRepository();
  await commitFiles(repository, 'Another flake', { 'flake.nix': `{ ${more} outputs = { self }: ${outputs}; }\n` });
  return pinned(repository);
}
