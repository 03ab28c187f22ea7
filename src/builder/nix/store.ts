import { lstat, mkdir, open, readdir, readlink, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { UserError } from '../../core/errors.ts';
import { type Image, type ImageRequest, imageHash, imageTitle } from '../../core/guest.ts';
import { Newest } from '../../lib/streams.ts';
import { cut } from '../../lib/text.ts';
import { runNix } from './process.ts';
import type { NixSettings } from './settings.ts';
import { storeQueryArguments } from './settings.ts';

/** Bytes of a log. */
const maxLog = 32 * 1024 * 1024;

/** The paths among these (outputs or derivations) that are in the store. */
export async function validPaths(settings: NixSettings, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const missing = new Set(await lines(settings, ['--check-validity', '--print-invalid', ...paths]));
  return new Set(paths.filter((path) => !missing.has(path)));
}

/** The derivations and sources a derivation is made of, itself included. */
export async function requisites(
  settings: NixSettings,
  drvPath: string,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  return new Set(await lines(settings, ['--query', '--requisites', drvPath], signal));
}

/** The log of a derivation's last build; `undefined` when Nix keeps none. */
export async function readLog(settings: NixSettings, drvPath: string): Promise<string | undefined> {
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, ['--read-log', drvPath]),
    maxOutput: maxLog,
  });
  if (result.ended === 'too-much-output')
    return `${result.stdout}\n[… the log goes on after ${maxLog / 2 ** 20} MiB …]\n`;
  return result.exitCode === 0 ? result.stdout : undefined;
}

async function lines(
  settings: NixSettings,
  query: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const said = new Newest<string>({ count: 5, bytes: 4096 });
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, query),
    signal,
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

/**
 * Follows every link of a path as the store means it: an absolute target is a path of the store, also when the store's
 * files lie in a folder of their own. Leaving the store is refused.
 * @param root the folder that stands for `/` of the store
 */
export async function resolveInStore(root: string, storePath: string, image: Image): Promise<string> {
  let path = normalize(storePath);
  for (let links = 0; links < 40; links++) {
    if (!/^\/nix\/store\/[^/]+/.test(path))
      throw new UserError(`The file of the image ${imageTitle(image)} lies outside the Nix store.`);
    const link = await firstLink(root, path);
    if (link === undefined) {
      if (await exists(realPath(root, path))) return realPath(root, path);
      throw new UserError(
        `The image ${imageTitle(image)} has no file ${path.slice(image.storePath.length + 1) || path}.`,
        chooseFile(image),
      );
    }
    path = normalize(link);
  }
  throw new UserError(`The file of the image ${imageTitle(image)} is a circle of links.`);
}

/** The path with its first link replaced by what that points to; `undefined` when there is none. */
async function firstLink(root: string, path: string): Promise<string | undefined> {
  const parts = path.split('/').slice(1);
  for (let length = 3; length <= parts.length; length++) {
    const at = `/${parts.slice(0, length).join('/')}`;
    const target = await readlink(realPath(root, at)).catch(() => undefined);
    if (target === undefined) continue;
    return join(target.startsWith('/') ? target : join(dirname(at), target), ...parts.slice(length));
  }
  return undefined;
}

/** Is there a file, a folder or a link at this path? */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Fewer than `length` bytes when the file has no more. */
export async function firstBytes(path: string, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The advice when the wrong image file was found, or none. */
export function chooseFile({ kind }: ImageRequest): { readonly next: string } {
  const what = kind === 'vm' ? 'image' : 'container';
  return { next: `Set the ${what} file of this fleet to its path below the store path.` };
}

/** A store path as Nix gives it; its base 32 has no e, o, t, u. */
export const storePathPattern = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,211}$/;

/** The store path of a derivation. */
export const drvPathPattern = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,207}\.drv$/;

/** The name of a derivation: `/nix/store/<hash>-nixos-root-web.drv` is `nixos-root-web`. */
export function derivationName(drvPath: string): string {
  return drvPath.replace(/^\/nix\/store\/[a-z0-9]{32}-/, '').replace(/\.drv$/, '');
}

/** The folder that stands for `/` of a store; a private store keeps its files below its own folder. */
export function storeRoot(store: string | undefined): string {
  return store !== undefined && isAbsolute(store) ? store : '/';
}

/** Where the files of a store path really are. */
export function realPath(root: string, storePath: string): string {
  return root === '/' ? storePath : join(root, storePath);
}

/**
 * Text without the store prefix of a source: `/nix/store/<hash>-source/flake.nix` is `flake.nix`.
 * @param label what stands for the prefix, by its hash
 */
export function withoutSource(text: string, label: (hash: string) => string = () => ''): string {
  // Word by word, each read from its beginning: a search from every slash would take the square of the length.
  return text.replace(/[^\s'"«»:]+/g, (word) =>
    word.replace(
      /^([^/]*)(?:\/.*)?\/nix\/store\/([a-z0-9]{32})-source\//,
      (_, before: string, hash: string) => `${before}${label(hash)}`,
    ),
  );
}
