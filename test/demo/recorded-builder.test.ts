import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NixBuilder } from '../../src/builder/nix/nix.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Image } from '../../src/core/guest.ts';
import * as edits from '../../src/demo/edits.ts';
import { imageOf, recordedSystem } from '../../src/demo/recorded.ts';
import { RecordedBuilder } from '../../src/demo/recorded-builder.ts';
import { commitFiles, createSampleRepository, readSample, type SampleRepository } from '../../src/demo/repository.ts';
import { sampleVms } from '../../src/demo/sample-files.ts';
import { removeTree } from '../../src/lib/system.ts';
import { nix, nixOptions, pinned } from '../builder/nix/here.ts';
import { aMonitor, builderContract, containerImage, imagesOf, vmImage, website, worker } from '../contracts/builder.ts';

async function aRecordedRepository(): Promise<SampleRepository> {
  const folder = await aFolder();
  return createSampleRepository(folder, { system: recordedSystem, now: () => new Date(0) });
}

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'proxnix-recorded-'));
  onTestFinished(() => removeTree(folder));
  return folder;
}

const types = sampleVms.map(imageOf);
const cache = imageOf('cache');

builderContract('RecordedBuilder', async () => {
  const dir = await aFolder();
  const repository = await aRecordedRepository();
  return {
    builder: new RecordedBuilder({ dir }),
    good: () => pinned(repository),
    async editedWebsite() {
      await edits.editImage(repository, 'website');
      return pinned(repository);
    },
    async bumpedWebsite() {
      await edits.bumpPackage(repository, 'website');
      return pinned(repository);
    },
    async brokenWorker() {
      await edits.breakImage(repository, 'worker');
      return pinned(repository);
    },
    isBuilt: (image) =>
      readFile(join(dir, image.storePath)).then(
        () => true,
        () => false,
      ),
    // It has no collector: what is not kept goes at once.
    collectGarbage: async () => {},
  };
});

describe('RecordedBuilder', () => {
  it('says in its log that it is a recording', async () => {
    const builder = new RecordedBuilder({ dir: await aFolder() });
    const images = await imagesOf(builder, await pinned(await aRecordedRepository()), [vmImage(website)]);
    const { monitor, lines } = aMonitor();
    await builder.build(images, monitor);
    expect(lines[0]).toBe('nixos-root-website: this is a recording: no Nix builds on this machine');
  });

  it('has no answer to what was never recorded, and says where', async () => {
    const repository = await aRecordedRepository();
    const builder = new RecordedBuilder({ dir: await aFolder() });
    await edits.editMemory(repository, 'cp', 1234);
    await expect(builder.evaluateFleet(await pinned(repository))).rejects.toThrow(
      /no recording of line \d+ of vms\.nix/,
    );
    const text = await readSample(repository, 'images/cp.nix');
    await commitFiles(repository, 'By hand', { 'images/cp.nix': text.replace('etcd', 'etcd-3') });
    await expect(imagesOf(builder, await pinned(repository), types)).rejects.toThrow(/no recording of images\/cp\.nix/);
    await expect(imagesOf(builder, await pinned(repository), [containerImage(website)])).rejects.toThrow(
      `The demo has no recording of the image ${website} (container).`,
    );
    const flake = await readSample(repository, 'flake.nix');
    await commitFiles(repository, 'By hand', { 'flake.nix': flake.replace('A small fleet', 'My fleet') });
    await expect(imagesOf(builder, await pinned(repository), types)).rejects.toThrow(/how commit .* makes images/);
  });
});

describe.skipIf(nix?.system !== recordedSystem)('RecordedBuilder beside real Nix', () => {
  const everyEdit: readonly (readonly [string, (repository: SampleRepository) => Promise<unknown>])[] = [
    ['the first commit', async () => undefined],
    ['editImage', (repository) => edits.editImage(repository, 'website')],
    ['editMemory', (repository) => edits.editMemory(repository, 'cp', 4096)],
    ['editReadme', (repository) => edits.editReadme(repository)],
    ['growDisk', (repository) => edits.growDisk(repository, 'worker')],
    ['shrinkDisk', (repository) => edits.shrinkDisk(repository, 'website')],
    ['protect', (repository) => edits.protect(repository, 'init')],
    ['renameGuest', (repository) => edits.renameGuest(repository, 'cp', 'test-cp-renamed')],
    ['useStorage', (repository) => edits.useStorage(repository, 'worker', 'full')],
    ['bumpPackage', (repository) => edits.bumpPackage(repository, 'website')],
    ['addAdmin', (repository) => edits.addAdmin(repository, 'website')],
    ['manyChanges', (repository) => edits.manyChanges(repository, 'website', 'fast')],
    ['takeVmid', (repository) => edits.takeVmid(repository, 'init', 100)],
    ['duplicateVmId', edits.duplicateVmId],
    ['addUnknownField', edits.addUnknownField],
    ['breakImage', (repository) => edits.breakImage(repository, 'worker')],
    ['addContainer', edits.addContainer],
    ['editImage of the container', (repository) => edits.editImage(repository, 'cache')],
    ['editMemory of the container', (repository) => edits.editMemory(repository, 'cache', 1024)],
    ['editImage of a VM beside it', (repository) => edits.editImage(repository, 'website')],
    ['breakImage of the container', (repository) => edits.breakImage(repository, 'cache')],
    ['removeGuest of the container', (repository) => edits.removeGuest(repository, 'cache')],
    ['removeGuest', (repository) => edits.removeGuest(repository, 'website')],
    ['breakSyntax', edits.breakSyntax],
    ['emptyFleet', edits.emptyFleet],
  ];

  it('answers every edit, one after the other, as Nix does', { timeout: 120_000 }, async () => {
    const repository = await aRecordedRepository();
    const real = new NixBuilder(await nixOptions());
    const recorded = new RecordedBuilder({ dir: await aFolder() });
    let before: readonly Image[] = [];
    for (const [name, edit] of everyEdit) {
      await edit(repository);
      const source = await pinned(repository);
      const fleet = await answer(real.evaluateFleet(source));
      expect(await answer(recorded.evaluateFleet(source)), name).toEqual(fleet);
      const images = 'containers' in Object(fleet) ? [...types, cache] : types;
      const evaluated = await real.evaluateImages(source, images);
      expect(await recorded.evaluateImages(source, images), name).toEqual(evaluated);
      for (const [index, { drvPath }] of before.entries()) {
        const now = evaluated[index]?.image.drvPath ?? '';
        expect(await recorded.packageVersions(drvPath, now), name).toEqual(await real.packageVersions(drvPath, now));
      }
      before = evaluated.map(({ image }) => image);
    }
  });

  it('writes the same bytes and the same log', async () => {
    const repository = await aRecordedRepository();
    await edits.addContainer(repository);
    const source = await pinned(repository);
    const real = new NixBuilder(await nixOptions());
    const recorded = new RecordedBuilder({ dir: await aFolder() });
    const images = await imagesOf(real, source, [vmImage(website), cache, vmImage(worker)]);
    const [log, recordedLog] = [aMonitor(), aMonitor()];
    const files = await real.build(images, log.monitor);
    const recordedFiles = await recorded.build(images, recordedLog.monitor);
    for (const [index, file] of files.entries()) {
      expect(recordedFiles[index]).toEqual({ ...file, path: expect.any(String) });
      const copy = await readFile(recordedFiles[index]?.path ?? '');
      expect(copy.equals(await readFile(file.path))).toBe(true);
    }
    const honest = recordedLog.lines.filter((line) => !line.includes('this is a recording'));
    expect(honest.sort()).toEqual(log.lines.sort());
    expect(recordedLog.bars.at(-1)).toEqual(log.bars.at(-1));
  });
});

/** The value, or how the error begins: places are Nix's alone. */
async function answer(asked: Promise<unknown>): Promise<unknown> {
  return asked.catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(/ \([^)]*\)\.$/, '.');
  });
}
