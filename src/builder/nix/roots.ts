import { mkdir, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Image, imageHash } from '../../core/guest.ts';
import { storeQueryArguments } from './arguments.ts';
import { runNix } from './process.ts';
import type { NixSettings } from './settings.ts';
import { validPaths } from './store-queries.ts';

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
