import { createHash } from 'node:crypto';
import {
  BuildError,
  type Builder,
  type BuildMonitor,
  type EvaluatedImage,
  type WarningSink,
} from '../../src/builder/builder.ts';
import type { ImageFile } from '../../src/cluster/cluster.ts';
import { UserError } from '../../src/core/errors.ts';
import { changesByName, type PackageChanges } from '../../src/core/facts-difference.ts';
import type { GuestKind, Image, ImageRequest } from '../../src/core/guest.ts';
import { imageTitle } from '../../src/core/guest.ts';
import type { ImageFacts } from '../../src/core/image-facts.ts';
import type { Source } from '../../src/git/git.ts';

/** What one commit evaluates to. */
export interface FakeCommit {
  /** The output `proxnix`; absent: the flake does not evaluate. */
  readonly fleet?: unknown;
  /** For each image type a text that stands for all its images are made of: another text is another store path. */
  readonly images?: Readonly<Record<string, string>>;
  /** Its flake has inputs: evaluated before they were fetched, it fails. */
  readonly inputs?: boolean;
  /** Image types whose configuration has an image for VMs only. */
  readonly withoutTarball?: readonly string[];
  /** What is inside of the images of a type, and the packages that their derivations are made of. */
  readonly inside?: Readonly<Record<string, { readonly facts?: ImageFacts; readonly made?: readonly string[] }>>;
  /** What evaluating its images warns of. */
  readonly warnings?: readonly string[];
}

const attributes: Readonly<Record<GuestKind, string>> = { vm: 'qcow2', container: 'tarball' };
const kinds = ['vm', 'container'] as const;

/** A builder in memory with scripted commits and failures, for tests of what uses the port. */
export class FakeBuilder implements Builder {
  readonly #commits = new Map<string, FakeCommit>();
  readonly #fetched = new Set<string>();
  readonly #broken = new Map<string, readonly string[]>();
  readonly #built = new Set<string>();
  readonly #roots = new Set<string>();
  readonly #logs = new Map<string, string>();
  readonly #held = new Map<string, Promise<void>>();
  /** The packages that derivations are made of; one that is not here is no longer in the store. */
  readonly #made = new Map<string, readonly string[]>();
  /** The images of the last `keep`. */
  kept: readonly Image[] = [];
  /** Called before a commit is evaluated; what it answers is waited for. */
  evaluationWaits: (rev: string) => Promise<void> | undefined = () => undefined;
  /** How often each member was called. */
  readonly calls = { evaluateFleet: 0, evaluateImages: 0, build: 0 };

  commit(rev: string, commit: FakeCommit): void {
    this.#commits.set(rev, commit);
  }

  /** Builds of images made of this text fail with these lines of log. */
  breakBuild(content: string, log: readonly string[]): void {
    for (const kind of kinds) this.#broken.set(this.#image({ kind, type: 'any' }, content).drvPath, log);
  }

  /** Builds of images made of this text wait until the promise is settled; its rejection is the build's. */
  holdBuild(content: string, until: Promise<void>): void {
    for (const kind of kinds) this.#held.set(this.#image({ kind, type: 'any' }, content).drvPath, until);
  }

  isBuilt(image: Image): boolean {
    return this.#built.has(image.storePath);
  }

  /** Forgets what was built before the last `keep` and is not kept, and every derivation. */
  collectGarbage(): void {
    this.#made.clear();
    for (const path of this.#built) if (!this.#roots.has(path)) this.#built.delete(path);
  }

  async fetchInputs(source: Source, signal?: AbortSignal): Promise<void> {
    refuseCancelled(signal, 'fetch of the inputs');
    this.#fetched.add(source.rev);
  }

  async evaluateFleet(source: Source, signal?: AbortSignal): Promise<unknown> {
    await orCancelled(this.evaluationWaits(source.rev), 'evaluation', signal);
    this.calls.evaluateFleet++;
    refuseCancelled(signal, 'evaluation');
    const { fleet, inputs = false } = this.#commits.get(source.rev) ?? {};
    if (fleet === undefined || (inputs && !this.#fetched.has(source.rev)))
      throw new UserError(`The flake of commit ${source.rev.slice(0, 7)} does not evaluate.`);
    return structuredClone(fleet);
  }

  async evaluateImages(
    source: Source,
    wanted: readonly ImageRequest[],
    signal?: AbortSignal,
    warn?: WarningSink,
  ): Promise<readonly EvaluatedImage[]> {
    this.calls.evaluateImages++;
    refuseCancelled(signal, 'evaluation');
    const { images: known = {}, withoutTarball = [], inside = {}, warnings = [] } = this.#commits.get(source.rev) ?? {};
    for (const text of warnings) warn?.(text);
    const missing = [...new Set(wanted.map(({ type }) => type))].filter((type) => !Object.hasOwn(known, type));
    if (missing.length > 0) {
      throw new UserError(`These images do not evaluate: ${missing.join(', ')}.`, {
        next: `Known are: ${Object.keys(known).join(', ')}.`,
      });
    }
    const bare = wanted.find(({ kind, type }) => kind === 'container' && withoutTarball.includes(type));
    if (bare !== undefined) {
      throw new UserError(`The image ${imageTitle(bare)} has no attribute tarball (${attrOf(bare)}).`, {
        next: 'Add the attribute.',
      });
    }
    return wanted.map((request) => {
      const image = this.#image(request, known[request.type] ?? '');
      const { facts, made = [] } = inside[request.type] ?? {};
      this.#made.set(image.drvPath, made);
      return { image, ...(facts === undefined ? {} : { facts }) };
    });
  }

  async packageVersions(before: string, after: string): Promise<PackageChanges | undefined> {
    const [old, now] = [this.#made.get(before), this.#made.get(after)];
    if (old === undefined || now === undefined) return undefined;
    const changed = changesByName(old, now).filter(({ from, to }) => from !== undefined && to !== undefined);
    return { changed: changed.slice(0, 20), all: changed.length };
  }

  async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]> {
    this.calls.build++;
    refuseCancelled(signal, 'build');
    const todo = images.filter((image) => !this.isBuilt(image));
    let done = 0;
    const failed: Image[] = [];
    for (const image of todo) {
      const name = nameOf(image);
      monitor.progress(done, todo.length, [name], failed.map(nameOf));
      monitor.line(name, `making ${image.type}`);
      await this.#hold(image, signal);
      if (this.#broken.has(image.drvPath)) failed.push(image);
      else this.#built.add(image.storePath);
      this.#roots.add(image.storePath);
      this.#logs.set(image.drvPath, [`making ${image.type}`, ...(this.#broken.get(image.drvPath) ?? [])].join('\n'));
      if (!failed.includes(image)) done++;
      monitor.progress(done, todo.length, [], failed.map(nameOf));
    }
    const [first] = failed;
    if (first !== undefined) {
      throw new BuildError(`Building ${failed.map(imageTitle).join(' and ')} failed.`, {
        broken: failed.map((image) => ({ drvPath: image.drvPath, name: nameOf(image) })),
        details: this.#broken.get(first.drvPath) ?? [],
      });
    }
    return images.map((image) => fileOf(image));
  }

  async log(drvPath: string): Promise<string | undefined> {
    return this.#logs.get(drvPath);
  }

  async keep(images: readonly Image[]): Promise<number> {
    this.kept = images;
    const kept = new Set(images.map((image) => image.storePath));
    const removed = [...this.#roots].filter((path) => !kept.has(path)).length;
    this.#roots.clear();
    for (const path of kept) this.#roots.add(path);
    return removed;
  }

  async #hold(image: Image, signal: AbortSignal | undefined): Promise<void> {
    refuseCancelled(signal, 'build');
    await orCancelled(this.#held.get(image.drvPath), 'build', signal);
  }

  #image({ kind, type }: ImageRequest, content: string): Image {
    // A disk and a tarball made of the same are two images.
    const [name, salt] = kind === 'vm' ? ['nixos.qcow2', ''] : ['tarball', 'tarball '];
    return {
      ...{ kind, type, attr: attrOf({ kind, type }) },
      drvPath: `/nix/store/${storeHash(`drv ${salt}${content}`)}-${name}.drv`,
      storePath: `/nix/store/${storeHash(`out ${salt}${content}`)}-${name}`,
    };
  }
}

function attrOf({ kind, type }: ImageRequest): string {
  return `nixosConfigurations.${type}.config.system.build.${attributes[kind]}`;
}

function fileOf(image: Image): ImageFile {
  if (image.kind === 'vm') return { image, path: image.storePath, size: 393_216, virtualSize: 2 ** 31 };
  return { image, path: `${image.storePath}/tarball/nixos-system-x86_64-linux.tar.xz`, size: 131_072 };
}

function refuseCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new UserError(`The ${what} was cancelled.`);
}

/** Waits for a promise, and no longer when the work is cancelled meanwhile. */
async function orCancelled(held: Promise<void> | undefined, what: string, signal?: AbortSignal): Promise<void> {
  if (held === undefined) return;
  const cancelled = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(new UserError(`The ${what} was cancelled.`)), { once: true });
  });
  await Promise.race([held, cancelled]);
}

/** 32 characters of Nix's base 32, which has no e, o, t, u. */
function storeHash(text: string): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
  const bytes = createHash('sha256').update(text).digest();
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join('');
}

function nameOf({ kind, type }: Image): string {
  return `${kind === 'vm' ? 'image' : 'tarball'}-${type}`;
}
