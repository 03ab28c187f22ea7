import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ImageFile } from '../../cluster/cluster.ts';
import { UserError } from '../../core/errors.ts';
import type { PackageChanges } from '../../core/facts-difference.ts';
import type { Image, ImageRequest } from '../../core/guest.ts';
import { imageKey, imageTitle } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { cleanText } from '../../lib/text.ts';
import type { Builder, BuildMonitor, EvaluatedImage, WarningSink } from '../builder.ts';
import { realise } from './build.ts';
import { type EvaluationOptions, evaluateFleet } from './evaluate.ts';
import { evaluateImages } from './evaluate-images.ts';
import { mostWarnings } from './evaluation-failure.ts';
import { expressionVersion } from './expression.ts';
import { findImageFile } from './image-file.ts';
import { fetchInputs } from './inputs.ts';
import { checkBuildSandbox, nixVersion } from './installation.ts';
import { PackageVersions } from './package-versions.ts';
import { checkSandbox } from './sandbox.ts';
import { type NixOptions, type NixSettings, nixSettings } from './settings.ts';
import {
  addRoots,
  drvPathPattern,
  readLog,
  removeBuildLinks,
  removeOtherRoots,
  storeRoot,
  validPaths,
} from './store.ts';

/** Characters of a VM list that is kept in memory: thousand guests, and fifty such lists may be kept. */
const longestCached = 512 * 1024;

/** Nix on this machine, 2.8 or newer, called as the bot's own user. Everything it needs to keep lies in `dir`. */
export class NixBuilder implements Builder {
  readonly #settings: NixSettings;
  readonly #cache = new EvaluationCache();
  readonly #running = new Map<string, readonly Image[]>();
  #checked: Promise<string> | undefined;
  /** Set once the check has shown that builds run in Nix's sandbox. */
  #boundary: Promise<void> | undefined;
  readonly #newId: () => string;
  readonly #versions: PackageVersions;
  #builds = 0;

  constructor(options: NixOptions, newId: () => string = randomUUID) {
    this.#newId = newId;
    this.#settings = nixSettings(options);
    this.#versions = new PackageVersions(this.#settings);
  }

  async fetchInputs(source: Source, signal?: AbortSignal): Promise<void> {
    await this.#ready();
    await fetchInputs(this.#settings, source, signal);
  }

  async evaluateFleet(source: Source, signal?: AbortSignal, warn?: WarningSink): Promise<unknown> {
    const entry = this.#cache.entry(source, this.#settings, await this.#ready());
    const found = entry.fleet ?? { json: await evaluateFleet(this.#settings, source, heard(entry, signal)) };
    if (JSON.stringify(found.json).length <= longestCached) entry.fleet = found;
    for (const text of entry.warnings) warn?.(text);
    return found.json;
  }

  async evaluateImages(
    source: Source,
    wanted: readonly ImageRequest[],
    signal?: AbortSignal,
    warn?: WarningSink,
  ): Promise<readonly EvaluatedImage[]> {
    const entry = this.#cache.entry(source, this.#settings, await this.#ready());
    const distinct = new Map(wanted.map((request) => [imageKey(request), request]));
    const asked = [...distinct.values()].filter((request) => !entry.images.has(imageKey(request)));
    for (const one of await evaluateImages(this.#settings, source, asked, heard(entry, signal)))
      entry.images.set(imageKey(one.image), one);
    for (const text of entry.warnings) warn?.(text);
    return wanted.flatMap((request) => entry.images.get(imageKey(request)) ?? []);
  }

  packageVersions(before: string, after: string, signal?: AbortSignal): Promise<PackageChanges | undefined> {
    return this.#versions.between(before, after, signal);
  }

  async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]> {
    const build = `build-${process.pid}n${++this.#builds}`;
    this.#running.set(build, images);
    try {
      this.#boundary ??= checkBuildSandbox(this.#settings, this.#newId());
      await this.#boundary.catch((error: unknown) => {
        this.#boundary = undefined;
        throw error;
      });
      const missing = await this.#withoutDerivation(images, signal);
      await addRoots(this.#settings, missing);
      await realise(
        this.#settings,
        images.filter((image) => !missing.includes(image)),
        build,
        monitor,
        signal,
      );
      const root = storeRoot(this.#settings.store);
      return await Promise.all(
        images.map((image) => findImageFile(root, image, this.#settings.images[image.kind].file)),
      );
    } finally {
      this.#running.delete(build);
      await removeBuildLinks(this.#settings, build);
    }
  }

  async log(drvPath: string): Promise<string | undefined> {
    if (!drvPathPattern.test(drvPath)) return undefined;
    const text = await readLog(this.#settings, drvPath);
    return text === undefined ? undefined : cleanText(text);
  }

  async keep(images: readonly Image[]): Promise<number> {
    const kept = [...images, ...[...this.#running.values()].flat()];
    // The new roots are made first, so that an image is never without one.
    await addRoots(this.#settings, kept);
    return removeOtherRoots(this.#settings, kept, new Set(this.#running.keys()));
  }

  /**
   * Derivations that the garbage collector took are made again by evaluating; what is built already needs none.
   * @returns the images that are built and have no derivation
   */
  async #withoutDerivation(images: readonly Image[], signal: AbortSignal | undefined): Promise<readonly Image[]> {
    const valid = await validPaths(
      this.#settings,
      images.flatMap((image) => [image.drvPath, image.storePath]),
    );
    const built = images.filter((image) => !valid.has(image.drvPath) && valid.has(image.storePath));
    const lost = images.filter((image) => !valid.has(image.drvPath) && !valid.has(image.storePath));
    for (const image of lost) {
      const source = this.#cache.sourceOf(image);
      if (source !== undefined) await fetchInputs(this.#settings, source, signal);
      const [again] = source === undefined ? [] : await evaluateImages(this.#settings, source, [image], { signal });
      if (again?.image.drvPath === image.drvPath && again.image.storePath === image.storePath) continue;
      throw new UserError(`The derivation of the image ${imageTitle(image)} is no longer in the Nix store.`, {
        next: 'Plan again: evaluating the flake brings it back.',
      });
    }
    return built;
  }

  /** Checks once that evaluations can run. @returns the version of Nix */
  #ready(): Promise<string> {
    this.#checked ??= check(this.#settings).catch((error: unknown) => {
      // A failed check is repeated at the next plan, because the cause may have been removed.
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }
}

async function check(settings: NixSettings): Promise<string> {
  const version = await nixVersion(settings);
  await checkSandbox(settings);
  return version;
}

interface Entry {
  readonly source: Source;
  fleet?: { readonly json: unknown };
  /** By `imageKey`. */
  readonly images: Map<string, EvaluatedImage>;
  /** What evaluating the commit warned of, so far. */
  readonly warnings: Set<string>;
}

/** The options of an evaluation whose warnings are kept beside its result. */
function heard({ warnings }: Entry, signal: AbortSignal | undefined): EvaluationOptions {
  return {
    signal,
    warn: (text) => {
      if (warnings.size < mostWarnings) warnings.add(text);
    },
  };
}

/** The cache of evaluations, in memory: a commit always evaluates to the same result under the same Nix. */
export class EvaluationCache {
  readonly #entries = new LRUCache<string, Entry>({ max: 50 });

  /** The entry of a commit, made when it is new. The pinning ref is no part of the key: the commit decides. */
  entry(source: Source, { images }: NixSettings, nixVersion: string): Entry {
    const { mirror, rev, dir } = source;
    const attributes = [images.vm.attribute, images.container.attribute];
    const key = JSON.stringify([mirror, rev, dir, attributes, expressionVersion, nixVersion]);
    const entry = {
      images: new Map<string, EvaluatedImage>(),
      warnings: new Set<string>(),
      ...this.#entries.get(key),
      source,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  /** The newest pinned source that an image was evaluated from. */
  sourceOf(image: Image): Source | undefined {
    return [...this.#entries.values()].find(
      (entry) => entry.images.get(imageKey(image))?.image.drvPath === image.drvPath,
    )?.source;
  }
}
