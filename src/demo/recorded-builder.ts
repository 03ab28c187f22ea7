import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { BuildError, type Builder, type BuildMonitor, type EvaluatedImage } from '../builder/builder.ts';
import type { ImageFile } from '../cluster/cluster.ts';
import { UserError } from '../core/errors.ts';
import { changesByName, type PackageChanges } from '../core/facts-difference.ts';
import type { Image, ImageRequest } from '../core/guest.ts';
import { imageTitle } from '../core/guest.ts';
import type { Source } from '../git/git.ts';
import { imageOf, type RecordedImage, type Recording, readRecording } from './recorded.ts';
import { readRecordedFleet } from './recorded-fleet.ts';
import { sampleDisk } from './sample-disk.ts';
import { type SampleGuest, sampleGuests } from './sample-files.ts';
import { sampleTarball } from './sample-tarball.ts';

const notRecorded = { next: 'Install Nix for edits of your own; without it the demo knows its own edits only.' };
const notice = 'this is a recording: no Nix builds on this machine';

/** A commit: the hashes of its files by path, and its recorded parts. */
interface Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly parts: Recording['flakes'][string];
}

/**
 * For machines without Nix: answers with recorded evaluations of the sample repository and writes the same images. Its
 * log lines say that it is a recording.
 */
export class RecordedBuilder implements Builder {
  readonly #dir: string;
  readonly #recording: Recording;
  readonly #logs = new Map<string, string>();

  /** @param options.dir the folder of written images */
  constructor(options: { readonly dir: string; readonly recording?: Recording }) {
    this.#dir = options.dir;
    this.#recording = options.recording ?? readRecording();
  }

  /** The sample flake has no inputs. */
  async fetchInputs(): Promise<void> {}

  async evaluateFleet(source: Source, signal?: AbortSignal): Promise<unknown> {
    refuseCancelled(signal, 'evaluation');
    const { parts } = await this.#tree(source);
    const read = await Promise.all(
      parts.map(async (part) => [part, await this.#readPart(source, `${part}.nix`)] as const),
    );
    return Object.fromEntries(read);
  }

  async evaluateImages(
    source: Source,
    wanted: readonly ImageRequest[],
    signal?: AbortSignal,
  ): Promise<readonly EvaluatedImage[]> {
    refuseCancelled(signal, 'evaluation');
    const tree = await this.#tree(source);
    const known = sampleGuests.map(imageOf).filter(({ kind }) => tree.parts.includes(partOf[kind]));
    const types = new Set(known.map(({ type }) => type));
    const unknown = [...new Set(wanted.map(({ type }) => type))].filter((type) => !types.has(type));
    if (unknown.length > 0) {
      throw new UserError(`These images do not evaluate: ${unknown.join(', ')}.`, {
        next: `Known are: ${[...types].join(', ')}.`,
      });
    }
    return wanted.map((request) => this.#evaluate(source, tree, request));
  }

  async packageVersions(before: string, after: string): Promise<PackageChanges | undefined> {
    const [old, now] = [this.#made(before), this.#made(after)];
    if (old === undefined || now === undefined) return undefined;
    const changed = changesByName(old, now).filter(({ from, to }) => from !== undefined && to !== undefined);
    return { changed, all: changed.length };
  }

  async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]> {
    refuseCancelled(signal, 'build');
    const built = await Promise.all(images.map((image) => this.#exists(image)));
    const todo = images.filter((image, index) => !built[index] && images.indexOf(image) === index);
    const total = todo.length * 2;
    const failed: Image[] = [];
    for (const [index, image] of todo.entries()) {
      refuseCancelled(signal, 'build');
      const names = failed.map((one) => nameOf(this.#recorded(one).root));
      const ok = await this.#buildOne(image, monitor, { done: (index - failed.length) * 2, total, failed: names });
      if (!ok) failed.push(image);
    }
    if (failed.length > 0) throw this.#failure(failed);
    if (total > 0) monitor.progress(total, total, [], []);
    return Promise.all(images.map((image) => this.#file(image)));
  }

  async log(drvPath: string): Promise<string | undefined> {
    return this.#logs.get(drvPath);
  }

  async keep(images: readonly Image[]): Promise<number> {
    const kept = new Set(images.map((image) => this.#path(image)));
    const folder = join(this.#dir, 'nix/store');
    const names = await readdir(folder).catch(() => []);
    const others = names.filter((name) => !kept.has(join(folder, name)));
    for (const name of others) await rm(join(folder, name));
    return others.length;
  }

  /** The entries of one file. */
  async #readPart(source: Source, file: string): Promise<unknown> {
    const fleet = readRecordedFleet(this.#recording, await git(source, ['cat-file', 'blob', `${source.rev}:${file}`]));
    if (!('failure' in fleet)) return fleet.guests;
    const commit = source.rev.slice(0, 7);
    if (fleet.recorded) throw new UserError(`The flake of commit ${commit} does not evaluate: ${fleet.failure}.`);
    throw new UserError(`The demo has no recording of line ${fleet.line} of ${file} in commit ${commit}.`, notRecorded);
  }

  #evaluate(source: Source, { files }: Tree, request: ImageRequest): EvaluatedImage {
    const { kind, type } = request;
    const guest = guestOf(request);
    if (guest === undefined)
      throw new UserError(`The demo has no recording of the image ${imageTitle(request)}.`, notRecorded);
    const path = `images/${guest}.nix`;
    const recorded = this.#recording.images[guest];
    const found = recorded?.evaluations[files.get(path) ?? ''];
    const inside = recorded?.insides[found?.inside ?? -1];
    if (found === undefined || inside === undefined) {
      throw new UserError(`The demo has no recording of ${path} in commit ${source.rev.slice(0, 7)}.`, notRecorded);
    }
    const attr = `nixosConfigurations.${type}.config.system.build.${kind === 'vm' ? 'qcow2' : 'tarball'}`;
    return { image: { kind, type, attr, drvPath: found.drv, storePath: found.out }, facts: inside.facts };
  }

  /** The packages that a derivation is made of. */
  #made(drvPath: string): readonly string[] | undefined {
    for (const { evaluations, insides } of Object.values(this.#recording.images)) {
      const found = Object.values(evaluations).find(({ drv }) => drv === drvPath);
      if (found !== undefined) return insides[found.inside]?.made;
    }
    return undefined;
  }

  async #buildOne(
    image: Image,
    monitor: BuildMonitor,
    at: { done: number; total: number; failed: readonly string[] },
  ): Promise<boolean> {
    const recorded = this.#recorded(image);
    const [root, file] = [nameOf(recorded.root), nameOf(recorded.drv)];
    const { rootLog = [], imageLog = [], brokenLog = [] } = this.#of(image) ?? {};
    const { done, total, failed } = at;
    monitor.progress(done, total, [root], failed);
    for (const line of [notice, ...(recorded.text === undefined ? brokenLog : rootLog)]) monitor.line(root, line);
    if (recorded.text === undefined) {
      this.#logs.set(recorded.root, [notice, ...brokenLog].join('\n'));
      monitor.progress(done, total, [], [...failed, root]);
      return false;
    }
    monitor.progress(done + 1, total, [], failed);
    monitor.progress(done + 1, total, [file], failed);
    for (const line of imageLog) monitor.line(file, line);
    await mkdir(dirname(this.#path(image)), { recursive: true });
    const bytes = image.kind === 'vm' ? sampleDisk(recorded.text) : sampleTarball(recorded.text);
    await writeFile(this.#path(image), bytes);
    monitor.progress(done + 2, total, [], failed);
    this.#logs.set(image.drvPath, [notice, ...imageLog].join('\n'));
    return true;
  }

  #failure(failed: readonly Image[]): BuildError {
    const broken = failed.map((image) => ({
      drvPath: this.#recorded(image).root,
      name: nameOf(this.#recorded(image).root),
    }));
    const roots = broken.map(({ name }) => `${name} (failed with exit code 1)`);
    const titles = failed.map(imageTitle);
    return new BuildError(`Building ${titles.join(' and ')} failed at ${roots.join(' and ')}.`, {
      broken,
      details: failed.flatMap((image) => [notice, ...(this.#of(image)?.brokenLog ?? [])]),
    });
  }

  #recorded(image: Image): RecordedImage {
    const all = Object.values(this.#of(image)?.evaluations ?? {});
    const found = all.find((recorded) => recorded.drv === image.drvPath && recorded.out === image.storePath);
    if (found === undefined)
      throw new UserError(`The demo has no recording of the image ${imageTitle(image)}.`, notRecorded);
    return found;
  }

  #of(image: Image): Recording['images'][string] | undefined {
    return this.#recording.images[guestOf(image) ?? ''];
  }

  async #file(image: Image): Promise<ImageFile> {
    const path = this.#path(image);
    const { size } = await stat(path);
    return { image, path, size, ...(image.kind === 'vm' ? { virtualSize: 2 ** 31 } : {}) };
  }

  async #exists(image: Image): Promise<boolean> {
    return stat(this.#path(image)).then(
      () => true,
      () => false,
    );
  }

  #path(image: Image): string {
    return join(this.#dir, image.storePath);
  }

  /** The recorded parts of a commit. Refuses a commit whose image builders were not recorded. */
  async #tree(source: Source): Promise<Tree> {
    const listed = await git(source, ['ls-tree', '-r', source.rev]);
    const files = new Map(
      Array.from(listed.matchAll(/^\d+ blob ([0-9a-f]+)\t(.+)$/gm), ([, hash = '', path = '']) => [path, hash]),
    );
    const parts = this.#recording.flakes[files.get('flake.nix') ?? ''];
    const isBase = Object.entries(this.#recording.base).every(([path, hash]) => files.get(path) === hash);
    if (parts !== undefined && isBase) return { files, parts };
    throw new UserError(`The demo has no recording of how commit ${source.rev.slice(0, 7)} makes images.`, notRecorded);
  }
}

const partOf = { vm: 'vms', container: 'containers' } as const;

function guestOf({ kind, type }: ImageRequest): SampleGuest | undefined {
  return sampleGuests.find((guest) => imageOf(guest).kind === kind && imageOf(guest).type === type);
}

function refuseCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new UserError(`The ${what} was cancelled.`);
}

function nameOf(drvPath: string): string {
  return drvPath.slice('/nix/store/'.length + 33).replace(/\.drv$/, '');
}

async function git(source: Source, args: readonly string[]): Promise<string> {
  const { stdout } = await execa('git', ['--git-dir', source.mirror, ...args], {
    stdin: 'ignore',
    stripFinalNewline: false,
  });
  return stdout;
}
