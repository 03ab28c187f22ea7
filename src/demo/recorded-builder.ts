import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Builder, BuildMonitor } from '../builder/builder.ts';
import { imageTitle } from '../builder/images.ts';
import type { ImageFile } from '../cluster/cluster.ts';
import { UserError } from '../core/errors.ts';
import type { Image, ImageRequest } from '../core/guest.ts';
import type { Source } from '../git/git.ts';
import { imageName, type RecordedImage, type Recording, readRecording } from './recorded.ts';
import { readRecordedFleet } from './recorded-fleet.ts';
import { sampleDisk } from './sample-disk.ts';

const notRecorded = { next: 'Install Nix for edits of your own; without it the demo knows its own edits only.' };
const notice = 'this is a recording: no Nix builds on this machine';

/**
 * For machines without Nix: answers with recorded evaluations of the sample repository and writes the same disks. Its
 * log lines say that it is a recording.
 */
export class RecordedBuilder implements Builder {
  readonly #dir: string;
  readonly #recording: Recording;
  readonly #logs = new Map<string, string>();

  /** @param options.dir where 'built' disks go */
  constructor(options: { readonly dir: string; readonly recording?: Recording }) {
    this.#dir = options.dir;
    this.#recording = options.recording ?? readRecording();
  }

  async evaluateFleet(source: Source, signal?: AbortSignal): Promise<unknown> {
    refuseCancelled(signal, 'evaluation');
    await this.#tree(source);
    const fleet = readRecordedFleet(this.#recording, await git(source, ['cat-file', 'blob', `${source.rev}:vms.nix`]));
    if (!('failure' in fleet)) return { vms: fleet.vms };
    const commit = source.rev.slice(0, 7);
    if (fleet.recorded) throw new UserError(`The flake of commit ${commit} does not evaluate: ${fleet.failure}.`);
    throw new UserError(`The demo has no recording of line ${fleet.line} of vms.nix in commit ${commit}.`, notRecorded);
  }

  async evaluateImages(
    source: Source,
    wanted: readonly ImageRequest[],
    signal?: AbortSignal,
  ): Promise<readonly Image[]> {
    refuseCancelled(signal, 'evaluation');
    const tree = await this.#tree(source);
    const types = new Set(wanted.map(({ type }) => type));
    const unknown = [...types].filter((type) => imageName(type) === undefined);
    if (unknown.length > 0) {
      throw new UserError(`These images do not evaluate: ${unknown.join(', ')}.`, {
        next: `Known are: ${Object.keys(this.#recording.images)
          .map((name) => `build-qcow2-${name}`)
          .join(', ')}.`,
      });
    }
    return wanted.map((request) => this.#evaluate(source, tree, request));
  }

  async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]> {
    refuseCancelled(signal, 'build');
    const built = await Promise.all(images.map((image) => this.#exists(image)));
    const todo = images.filter((image, index) => !built[index] && images.indexOf(image) === index);
    const total = todo.length * 2;
    const failed: Image[] = [];
    for (const [index, image] of todo.entries()) {
      refuseCancelled(signal, 'build');
      const ok = await this.#buildOne(image, monitor, { done: index * 2, total });
      if (!ok) failed.push(image);
    }
    if (failed.length > 0) throw this.#failure(failed);
    if (total > 0) monitor.progress(total, total, []);
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

  #evaluate(source: Source, tree: ReadonlyMap<string, string>, request: ImageRequest): Image {
    const { kind, type } = request;
    if (kind !== 'vm')
      throw new UserError(`The demo has no recording of the image ${imageTitle(request)}.`, notRecorded);
    const path = `images/${imageName(type)}.nix`;
    const found = this.#of(type)?.evaluations[tree.get(path) ?? ''];
    if (found === undefined) {
      throw new UserError(`The demo has no recording of ${path} in commit ${source.rev.slice(0, 7)}.`, notRecorded);
    }
    const attr = `nixosConfigurations.${type}.config.system.build.qcow2`;
    return { kind, type, attr, drvPath: found.drv, storePath: found.out };
  }

  async #buildOne(image: Image, monitor: BuildMonitor, at: { done: number; total: number }): Promise<boolean> {
    const recorded = this.#recorded(image);
    const [root, disk] = [nameOf(recorded.root), nameOf(recorded.drv)];
    const { rootLog = [], diskLog = [], brokenLog = [] } = this.#of(image.type) ?? {};
    monitor.progress(at.done, at.total, [root]);
    for (const line of [notice, ...(recorded.text === undefined ? brokenLog : rootLog)]) monitor.line(root, line);
    monitor.progress(at.done + 1, at.total, []);
    if (recorded.text === undefined) {
      this.#logs.set(image.drvPath, [notice, ...brokenLog].join('\n'));
      return false;
    }
    monitor.progress(at.done + 1, at.total, [disk]);
    for (const line of diskLog) monitor.line(disk, line);
    await mkdir(dirname(this.#path(image)), { recursive: true });
    await writeFile(this.#path(image), sampleDisk(recorded.text));
    monitor.progress(at.done + 2, at.total, []);
    this.#logs.set(image.drvPath, [notice, ...diskLog].join('\n'));
    return true;
  }

  #failure(failed: readonly Image[]): UserError {
    const roots = failed.map((image) => `${nameOf(this.#recorded(image).root)} (failed with exit code 1)`);
    const types = failed.map((image) => image.type);
    return new UserError(`Building ${types.join(' and ')} failed at ${roots.join(' and ')}.`, {
      details: failed.flatMap((image) => [notice, ...(this.#of(image.type)?.brokenLog ?? [])]),
    });
  }

  #recorded(image: Image): RecordedImage {
    const all = Object.values(this.#of(image.type)?.evaluations ?? {});
    const found = all.find((recorded) => recorded.drv === image.drvPath && recorded.out === image.storePath);
    if (found === undefined)
      throw new UserError(`The demo has no recording of the image ${imageTitle(image)}.`, notRecorded);
    return found;
  }

  #of(type: string): Recording['images'][string] | undefined {
    return this.#recording.images[imageName(type) ?? ''];
  }

  async #file(image: Image): Promise<ImageFile> {
    const path = this.#path(image);
    return { image, path, size: (await stat(path)).size, virtualSize: 2 ** 31 };
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

  /** The commit's files as hashes by path; refused when it makes images in a way nobody recorded. */
  async #tree(source: Source): Promise<ReadonlyMap<string, string>> {
    const listed = await git(source, ['ls-tree', '-r', source.rev]);
    const tree = new Map(
      Array.from(listed.matchAll(/^\d+ blob ([0-9a-f]+)\t(.+)$/gm), ([, hash = '', path = '']) => [path, hash]),
    );
    if (Object.entries(this.#recording.base).every(([path, hash]) => tree.get(path) === hash)) return tree;
    throw new UserError(`The demo has no recording of how commit ${source.rev.slice(0, 7)} makes images.`, notRecorded);
  }
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
