import { mkdir, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Image, imageHash } from '../../core/guest.ts';
import { Newest } from '../../lib/newest.ts';
import { cut } from '../../lib/text.ts';
import { storeQueryArguments } from './arguments.ts';
import { runNix } from './process.ts';
import type { NixSettings } from './settings.ts';

/** Bytes of a log; a chat takes a file of this size. */
const maxLog = 8 * 1024 * 1024;

/** Which of these paths (outputs or derivations) the store has. */
export async function validPaths(settings: NixSettings, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const missing = new Set(await lines(settings, ['--check-validity', '--print-invalid', ...paths]));
  return new Set(paths.filter((path) => !missing.has(path)));
}

/** The derivations and sources a derivation is made of, itself included. */
export async function requisites(settings: NixSettings, drvPath: string): Promise<ReadonlySet<string>> {
  return new Set(await lines(settings, ['--query', '--requisites', drvPath]));
}

/** The log of a derivation's last build; `undefined` when Nix keeps none. */
export async function readLog(settings: NixSettings, drvPath: string): Promise<string | undefined> {
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, ['--read-log', drvPath]),
    maxOutput: maxLog,
  });
  // A log that is longer is cut, which is better than none.
  return result.exitCode === 0 || result.ended === 'too-much-output' ? result.stdout : undefined;
}

async function lines(settings: NixSettings, query: readonly string[]): Promise<readonly string[]> {
  const said = new Newest<string>({ count: 5, bytes: 4096 });
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, query),
    onLine: (line) => {
      const short = cut(line, 500);
      said.add(short, short.length);
    },
  });
  if (result.exitCode !== 0)
    throw new Error(`nix-store ${query[0]} ended with ${result.exitCode}: ${said.items().join('; ')}`);
  return result.stdout.split('\n').filter((line) => line !== '');
}

const hashPattern = /^[0-9a-df-np-sv-z]{32}$/;

/** Makes one GC root for each image that is built, named by its store hash. Needs no rights of root. */
export async function addRoots(settings: NixSettings, images: readonly Image[]): Promise<void> {
  await mkdir(settings.rootsDir, { recursive: true });
  const valid = await validPaths(settings, [...new Set(images.map((image) => image.storePath))]);
  for (const path of valid) {
    const link = join(settings.rootsDir, imageHash({ storePath: path }));
    if ((await readlink(link).catch(() => undefined)) === path) continue;
    const said: string[] = [];
    const args = storeQueryArguments(settings, ['--realise', path, '--add-root', link]);
    const result = await runNix(settings, { program: 'nix-store', args, onLine: (line) => said.push(line) });
    if (result.exitCode !== 0) throw new Error(`no GC root for ${path}: ${said.slice(-5).join('; ')}`);
  }
}

/**
 * Removes every root of ours but those of `images` and the links of the builds that run now (`build-<id>`, `build-<id>-2`).
 * @returns how many images lost theirs
 */
export async function removeOtherRoots(
  settings: NixSettings,
  images: readonly Image[],
  runningBuilds: ReadonlySet<string>,
): Promise<number> {
  const hashes = new Set(images.map((image) => imageHash(image)));
  let removed = 0;
  for (const name of await rootNames(settings)) {
    const build = /^(build-[^-]+)/.exec(name)?.[1];
    const ours = hashPattern.test(name) || build !== undefined;
    const wanted = hashes.has(name) || (build !== undefined && runningBuilds.has(build));
    if (!ours || wanted) continue;
    await rm(join(settings.rootsDir, name));
    if (build === undefined) removed++;
  }
  return removed;
}

/** Removes the links one build made; the images have roots of their own by then. */
export async function removeBuildLinks(settings: NixSettings, build: string): Promise<void> {
  for (const name of await rootNames(settings)) {
    if (name === build || name.startsWith(`${build}-`)) await rm(join(settings.rootsDir, name));
  }
}

async function rootNames(settings: NixSettings): Promise<readonly string[]> {
  await mkdir(settings.rootsDir, { recursive: true });
  return readdir(settings.rootsDir);
}
