import { mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import type { BuildMonitor } from '../builder.ts';
import { imageTitle } from '../images.ts';
import { buildArguments } from './arguments.ts';
import { type Attempt, buildError } from './build-error.ts';
import { BuildProgress } from './build-progress.ts';
import { parseLine } from './log-stream.ts';
import { runNix } from './process.ts';
import type { NixSettings } from './settings.ts';
import { addRoots, requisites, validPaths } from './store.ts';

/**
 * Builds the derivations of images, which all are in the store. Afterwards every image that was built has its GC root,
 * also when others failed.
 * @param build name of this build: its links hold the outputs until the images have roots of their own
 * @throws UserError naming the derivations that broke, or when a path differs from the planned one
 */
export async function realise(
  settings: NixSettings,
  images: readonly Image[],
  build: string,
  monitor: BuildMonitor,
  signal?: AbortSignal,
): Promise<void> {
  if (images.length === 0) return;
  await mkdir(settings.rootsDir, { recursive: true });
  const attempts: Attempt[] = [];
  for (let todo = images; todo.length > 0; ) {
    const attempt = await tryToRealise(settings, todo, join(settings.rootsDir, build), monitor, signal);
    attempts.push(attempt);
    // No exit code tells what was built (a daemon always says 1): validity does.
    const valid = await validPaths(
      settings,
      todo.map((image) => image.storePath),
    );
    await addRoots(
      settings,
      todo.filter((image) => valid.has(image.storePath)),
    );
    if (attempt.cancelled) throw new UserError('The build was cancelled. What was finished stays built.');
    if (attempt.ok) {
      checkPaths(todo, attempt.built);
      if (attempts.length === 1) return;
      break;
    }
    const rest = await unharmed(
      settings,
      todo.filter((image) => !valid.has(image.storePath)),
      attempt,
    );
    if (rest.length === 0 || rest.length === todo.length) break;
    todo = rest;
  }
  throw await buildError(settings, images, attempts);
}

async function tryToRealise(
  settings: NixSettings,
  images: readonly Image[],
  link: string,
  monitor: BuildMonitor,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  const drvs = [...new Set(images.map((image) => image.drvPath))];
  const progress = new BuildProgress(monitor);
  const started = settings.now();
  const result = await runNix(settings, {
    program: 'nix-store',
    args: buildArguments(settings, drvs, link),
    signal,
    onLine: (line) => {
      const event = parseLine(line);
      if (event !== undefined) progress.event(event);
    },
  });
  const ok = result.exitCode === 0;
  if (ok) progress.finish();
  settings.log.debug({ drvs, ms: settings.now() - started, exitCode: result.exitCode }, 'built');
  const links = ok ? result.stdout.split('\n').filter((line) => line !== '') : [];
  const built = await Promise.all(links.map((path) => readlink(path)));
  return { ok, cancelled: result.ended === 'cancelled', built, errors: progress.errors(), failed: progress.failed() };
}

/** What is in the store must be what was approved. */
function checkPaths(images: readonly Image[], built: readonly string[]): void {
  const other = images.find((image) => !built.includes(image.storePath));
  if (other === undefined) return;
  throw new UserError(
    `The image ${imageTitle(other)} was built as another store path than the planned ${other.storePath}.`,
    {
      next: 'Plan again; if it happens again, the image is not a plain derivation.',
      details: built,
    },
  );
}

/** `--keep-going` stops at a derivation this machine cannot build; images that need none of those are tried again. */
async function unharmed(settings: NixSettings, images: readonly Image[], attempt: Attempt): Promise<readonly Image[]> {
  if (!attempt.errors.some((text) => /\bis required to build\b|required (?:system|features)/i.test(text))) return [];
  const culprits = [...attempt.failed.keys()];
  const needed = await Promise.all(images.map((image) => requisites(settings, image.drvPath)));
  return images.filter((_, index) => !culprits.some((drv) => needed[index]?.has(drv)));
}
