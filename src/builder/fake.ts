import { createHash } from 'node:crypto';
import type { ImageFile } from '../cluster/cluster.ts';
import { UserError } from '../core/errors.ts';
import type { Image } from '../core/guest.ts';
import type { Source } from '../git/git.ts';
import type { Builder, BuildMonitor } from './builder.ts';

/** What one commit evaluates to. */
export interface FakeCommit {
  /** The output `proxnix`; absent: the flake does not evaluate. */
  readonly fleet?: unknown;
  /** For each image type a text that stands for all it is made of: another text is another store path. */
  readonly images?: Readonly<Record<string, string>>;
}

/** A builder in memory with scripted commits and failures, for tests of what uses the port. */
export class FakeBuilder implements Builder {
  readonly #commits = new Map<string, FakeCommit>();
  readonly #broken = new Map<string, readonly string[]>();
  readonly #built = new Set<string>();
  readonly #roots = new Set<string>();
  readonly #logs = new Map<string, string>();
  readonly #held = new Map<string, Promise<void>>();
  /** The images of the last `keep`. */
  kept: readonly Image[] = [];
  /** How often each member was called. */
  readonly calls = { evaluateFleet: 0, evaluateImages: 0, build: 0 };

  commit(rev: string, commit: FakeCommit): void {
    this.#commits.set(rev, commit);
  }

  /** Builds of images made of this text fail with these lines of log. */
  breakBuild(content: string, log: readonly string[]): void {
    this.#broken.set(this.#image('any', content).drvPath, log);
  }

  /** Builds of images made of this text wait until the promise is settled; its rejection is the build's. */
  holdBuild(content: string, until: Promise<void>): void {
    this.#held.set(this.#image('any', content).drvPath, until);
  }

  isBuilt(image: Image): boolean {
    return this.#built.has(image.storePath);
  }

  /** Forgets what was built before the last `keep` and is not kept. */
  collectGarbage(): void {
    for (const path of this.#built) if (!this.#roots.has(path)) this.#built.delete(path);
  }

  async evaluateFleet(source: Source, signal?: AbortSignal): Promise<unknown> {
    this.calls.evaluateFleet++;
    refuseCancelled(signal, 'evaluation');
    const fleet = this.#commits.get(source.rev)?.fleet;
    if (fleet === undefined) throw new UserError(`The flake of commit ${source.rev.slice(0, 7)} does not evaluate.`);
    return structuredClone(fleet);
  }

  async evaluateImages(source: Source, types: readonly string[], signal?: AbortSignal): Promise<readonly Image[]> {
    this.calls.evaluateImages++;
    refuseCancelled(signal, 'evaluation');
    const known = this.#commits.get(source.rev)?.images ?? {};
    const missing = types.filter((type) => !Object.hasOwn(known, type));
    if (missing.length > 0) {
      throw new UserError(`These images do not evaluate: ${missing.join(', ')}.`, {
        next: `Known are: ${Object.keys(known).join(', ')}.`,
      });
    }
    return types.map((type) => this.#image(type, known[type] ?? ''));
  }

  async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]> {
    this.calls.build++;
    refuseCancelled(signal, 'build');
    const todo = images.filter((image) => !this.isBuilt(image));
    let done = 0;
    const failed: Image[] = [];
    for (const image of todo) {
      const name = `image-${image.type}`;
      monitor.progress(done, todo.length, [name]);
      monitor.line(name, `making ${image.type}`);
      await this.#hold(image, signal);
      if (this.#broken.has(image.drvPath)) failed.push(image);
      else this.#built.add(image.storePath);
      this.#roots.add(image.storePath);
      this.#logs.set(image.drvPath, [`making ${image.type}`, ...(this.#broken.get(image.drvPath) ?? [])].join('\n'));
      monitor.progress(++done, todo.length, []);
    }
    const [first] = failed;
    if (first !== undefined) {
      throw new UserError(`Building ${failed.map((image) => image.type).join(' and ')} failed.`, {
        details: this.#broken.get(first.drvPath) ?? [],
      });
    }
    return images.map((image) => ({ image, path: image.storePath, size: 393_216, virtualSize: 2 ** 31 }));
  }

  async log(drvPath: string): Promise<string | undefined> {
    return this.#logs.get(drvPath);
  }

  async keep(images: readonly Image[]): Promise<void> {
    this.kept = images;
    this.#roots.clear();
    for (const image of images) this.#roots.add(image.storePath);
  }

  async #hold(image: Image, signal: AbortSignal | undefined): Promise<void> {
    const held = this.#held.get(image.drvPath);
    refuseCancelled(signal, 'build');
    if (held === undefined) return;
    const cancelled = new Promise<void>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new UserError('The build was cancelled.')), { once: true });
    });
    await Promise.race([held, cancelled]);
  }

  #image(type: string, content: string): Image {
    const name = 'nixos.qcow2';
    return {
      kind: 'vm',
      type,
      attr: `nixosConfigurations.${type}.config.system.build.qcow2`,
      drvPath: `/nix/store/${storeHash(`drv ${content}`)}-${name}.drv`,
      storePath: `/nix/store/${storeHash(`out ${content}`)}-${name}`,
    };
  }
}

function refuseCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new UserError(`The ${what} was cancelled.`);
}

/** 32 characters of Nix's base 32, which has no e, o, t, u. */
function storeHash(text: string): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
  const bytes = createHash('sha256').update(text).digest();
  return Array.from(bytes, (byte) => alphabet[byte % 32]).join('');
}
