import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import {
  type NixOptions,
  nixEnvironment,
  nixSettings,
  storeQueryArguments,
} from '../../../src/builder/nix/settings.ts';
import { validPaths } from '../../../src/builder/nix/store.ts';
import { imageHash } from '../../../src/core/guest.ts';
import { breakImage, bumpPackage, editImage } from '../../../src/demo/edits.ts';
import { commitFiles, readSample, type SampleRepository } from '../../../src/demo/repository.ts';
import {
  aMonitor,
  builderContract,
  containerImage,
  imagesOf,
  vmImage,
  website,
  worker,
} from '../../contracts/builder.ts';
import { aSampleRepository, folders, nix, nixOptions, ownStore, pinned } from './here.ts';
import { likeNixpkgs, tarball, withoutTarball, withTarballs } from './tarballs.ts';

describe.skipIf(nix === undefined)('with Nix', () => {
  builderContract('NixBuilder', async () => {
    const options = await nixOptions();
    const repository = await aSampleRepository();
    // Tests share a store: what one built is not new to the next.
    await commitFiles(repository, 'Be unique', { ...(await unique(repository)), ...(await withTarballs(repository)) });
    return {
      builder: new NixBuilder(options),
      good: () => pinned(repository),
      async editedWebsite() {
        await editImage(repository, 'website');
        return pinned(repository);
      },
      async bumpedWebsite() {
        await bumpPackage(repository, 'website');
        return pinned(repository);
      },
      async brokenWorker() {
        await breakImage(repository, 'worker');
        return pinned(repository);
      },
      async endlessWebsite() {
        const text = await readSample(repository, 'images/website.nix');
        const endless = text.replace('postBuild = ""', 'postBuild = "printf \'%s\\n\' begin; while :; do :; done"');
        await commitFiles(repository, 'Never end', { 'images/website.nix': endless });
        return pinned(repository);
      },
      async workerWithoutTarball() {
        await commitFiles(repository, 'VMs only', await withoutTarball(repository));
        return pinned(repository);
      },
      isBuilt: async (image) => (await validPaths(nixSettings(options), [image.storePath])).has(image.storePath),
      ...(ownStore ? { collectGarbage: () => collectGarbage(options) } : {}),
    };
  });

  describe('NixBuilder', () => {
    it('evaluates a commit once', async () => {
      const repository = await aSampleRepository();
      const evaluated: unknown[] = [];
      const log = { debug: (facts: object) => evaluated.push(facts) };
      const builder = new NixBuilder(await nixOptions({ log }));
      const source = await pinned(repository);
      await builder.evaluateFleet(source);
      await builder.evaluateFleet({ ...source, ref: 'refs/heads/main' });
      await imagesOf(builder, source, [vmImage(website)]);
      await imagesOf(builder, source, [vmImage(website)]);
      expect(evaluated).toHaveLength(2);
      await imagesOf(builder, source, [vmImage(website), vmImage(worker)]);
      expect(evaluated.at(-1)).toMatchObject({ what: worker });
    });

    it('evaluates both kinds of an image once each, and in one process', async () => {
      const repository = await aSampleRepository();
      await commitFiles(repository, 'Containers', await withTarballs(repository));
      const evaluated: unknown[] = [];
      const log = { debug: ({ what }: { what?: string }) => evaluated.push(what) };
      const builder = new NixBuilder(await nixOptions({ log, batchSize: 2, workers: 1 }));
      const source = await pinned(repository);
      const wanted = [vmImage(website), vmImage(worker), containerImage(website), containerImage(worker)];
      const images = await imagesOf(builder, source, wanted);
      expect(evaluated).toEqual([`${website}, ${website} (container)`, `${worker}, ${worker} (container)`]);
      expect(await imagesOf(builder, source, [containerImage(worker), vmImage(worker)])).toEqual([
        images[3],
        images[1],
      ]);
      expect(evaluated).toHaveLength(2);
      const after = new NixBuilder(await nixOptions({ log }));
      await imagesOf(after, source, [vmImage(website)]);
      await imagesOf(after, source, [vmImage(website), containerImage(website)]);
      expect(evaluated.slice(2)).toEqual([website, `${website} (container)`]);
    });

    it("tells a container image's own error in Nix's words, beside the VM's", async () => {
      const repository = await aSampleRepository();
      await commitFiles(repository, 'Containers', await withTarballs(repository));
      const text = await readSample(repository, 'lib/tarball.nix');
      await commitFiles(repository, 'No init', {
        'lib/tarball.nix': text.replace('derivation {', 'if name == "website" then throw "no init" else derivation {'),
        'images/worker.nix': '1 + "a"\n',
      });
      const builder = new NixBuilder(await nixOptions());
      const wanted = [vmImage(website), containerImage(website), vmImage(worker), containerImage(worker)];
      await expect(imagesOf(builder, await pinned(repository), wanted)).rejects.toMatchObject({
        message: `These images do not evaluate: ${website} (container), ${worker}, ${worker} (container).`,
        details: expect.arrayContaining([
          `The image ${website} (container) does not evaluate: no init (lib/tarball.nix:1:15).`,
          expect.stringMatching(/^The image build-qcow2-worker does not evaluate: .* \(images\/worker\.nix:1:5\)\.$/),
        ]),
      });
    });

    it('evaluates many images in batches, and tells each one its own error', async () => {
      const repository = await aSampleRepository();
      const what: unknown[] = [];
      const log = { debug: (facts: object) => what.push(facts) };
      const builder = new NixBuilder(await nixOptions({ log, batchSize: 2, workers: 2 }));
      const broken =
        'configuration = name: if name == "cp" then throw "no etcd" else if name == "worker" then 1 + "a" else {';
      const flake = await readSample(repository, 'flake.nix');
      await commitFiles(repository, 'Break two', { 'flake.nix': flake.replace('configuration = name: {', broken) });
      const types = ['init', 'cp', 'worker', 'website'].map((name) => `build-qcow2-${name}`);
      const asking = imagesOf(builder, await pinned(repository), types.map(vmImage));
      await expect(asking).rejects.toMatchObject({
        message: 'These images do not evaluate: build-qcow2-cp, build-qcow2-worker.',
        details: expect.arrayContaining([
          expect.stringMatching(/^The image build-qcow2-cp does not evaluate: no etcd/),
          expect.stringMatching(
            /^The image build-qcow2-worker does not evaluate: cannot add a string to an integer \(flake\.nix:/,
          ),
        ]),
      });
      // Two batches; the image that was caught tells its message alone, and the rest goes on without the one that was named.
      expect(what).toHaveLength(4);
      expect(what.map((facts) => Reflect.get(Object(facts), 'what'))).toEqual(
        expect.arrayContaining([types.slice(0, 2).join(', '), types.slice(2).join(', '), types[1], types[3]]),
      );
    });

    it('leaves one root for each image, named by its hash', async () => {
      const options = await nixOptions();
      const builder = new NixBuilder(options);
      const images = await imagesOf(builder, await pinned(await aSampleRepository()), [
        vmImage(website),
        vmImage(worker),
      ]);
      await builder.build(images, aMonitor().monitor);
      const roots = join(options.dir, 'roots');
      expect((await readdir(roots)).sort()).toEqual(images.map(imageHash).sort());
      for (const image of images) {
        expect(basename(await readlink(join(roots, imageHash(image))))).toBe(basename(image.storePath));
      }
    });

    it.skipIf(!folders)('finds the tarball where nixpkgs puts it', async () => {
      const repository = await aSampleRepository();
      await commitFiles(repository, 'Containers', await withTarballs(repository));
      const script = await readSample(repository, 'lib/tarball.sh');
      await commitFiles(repository, 'Like nixpkgs', { 'lib/tarball.sh': likeNixpkgs(script) });
      const builder = new NixBuilder(await nixOptions());
      const images = await imagesOf(builder, await pinned(repository), [containerImage(website)]);
      const [file] = await builder.build(images, aMonitor().monitor);
      expect(file?.path).toContain(`${images[0]?.storePath}/tarball/nixos-system-x86_64-linux.tar.xz`);
      expect(await readFile(file?.path ?? '')).toEqual(tarball);
    });

    it("looks for the settings' file in images of that kind only", async () => {
      const repository = await aSampleRepository();
      await commitFiles(repository, 'Containers', await withTarballs(repository));
      const builder = new NixBuilder(await nixOptions({ containerFile: 'other.tar.xz' }));
      const wanted = [vmImage(website), containerImage(website)];
      const images = await imagesOf(builder, await pinned(repository), wanted);
      expect(await builder.build(images.slice(0, 1), aMonitor().monitor)).toHaveLength(1);
      await expect(builder.build(images, aMonitor().monitor)).rejects.toMatchObject({
        message: `The image ${website} (container) has no file other.tar.xz.`,
        next: 'Set the container file of this fleet to its path below the store path.',
      });
    });

    it('refuses a path that is not the planned one', async () => {
      const builder = new NixBuilder(await nixOptions());
      const images = await imagesOf(builder, await pinned(await aSampleRepository()), [vmImage(website)]);
      const other = images.map((image) => ({
        ...image,
        storePath: `/nix/store/${'0'.repeat(32)}-nixos-website.qcow2`,
      }));
      await expect(builder.build(other, aMonitor().monitor)).rejects.toThrow(/as another store path than the planned/);
    });

    it.skipIf(!ownStore)('evaluates again when the collector took the derivation', async () => {
      const options = await nixOptions();
      const builder = new NixBuilder(options);
      const repository = await aSampleRepository();
      await commitFiles(repository, 'Be unique', {
        ...(await unique(repository)),
        ...(await withTarballs(repository)),
      });
      const images = await imagesOf(builder, await pinned(repository), [vmImage(website), containerImage(website)]);
      await collectGarbage(options);
      await expect(new NixBuilder(options).build(images, aMonitor().monitor)).rejects.toMatchObject({
        message: `The derivation of the image ${website} is no longer in the Nix store.`,
        next: expect.stringContaining('Plan again'),
      });
      const files = await builder.build(images, aMonitor().monitor);
      expect(files.map((file) => file.image)).toEqual(images);
    });

    it.skipIf(!ownStore)('needs no derivation for what is built', async () => {
      const options = await nixOptions();
      const builder = new NixBuilder(options);
      const images = await imagesOf(builder, await pinned(await aSampleRepository()), [vmImage(website)]);
      const files = await builder.build(images, aMonitor().monitor);
      await collectGarbage(options, ['--option', 'keep-derivations', 'false']);
      expect(await new NixBuilder(options).build(images, aMonitor().monitor)).toEqual(files);
    });

    it('builds what this machine can when another image needs another machine', async () => {
      const repository = await aSampleRepository();
      const image = await readSample(repository, 'lib/image.nix');
      const foreign = image.replace(
        '        inherit system;',
        '        system = if attributes.hostName or "" == "test-worker" then "riscv64-none" else system;',
      );
      await commitFiles(repository, 'Another machine', { 'lib/image.nix': foreign, ...(await unique(repository)) });
      const options = await nixOptions();
      const builder = new NixBuilder(options);
      const images = await imagesOf(builder, await pinned(repository), [vmImage(worker), vmImage(website)]);
      await expect(builder.build(images, aMonitor().monitor)).rejects.toMatchObject({
        message: `Building ${worker} failed at nixos-root-worker (needs a riscv64-none machine).`,
        next: expect.stringContaining('machine of that kind'),
      });
      const valid = await validPaths(
        nixSettings(options),
        images.map((each) => each.storePath),
      );
      expect(images.map((each) => valid.has(each.storePath))).toEqual([false, true]);
    });

    it('stops a derivation that builds too long', async () => {
      const repository = await aSampleRepository();
      const text = await readSample(repository, 'images/website.nix');
      const endless = text.replace('postBuild = ""', 'postBuild = "while :; do :; done"');
      await commitFiles(repository, 'Never end', { 'images/website.nix': endless });
      const builder = new NixBuilder(await nixOptions({ buildTimeoutS: 1 }));
      const images = await imagesOf(builder, await pinned(repository), [vmImage(website)]);
      await expect(builder.build(images, aMonitor().monitor)).rejects.toMatchObject({
        message: `Building ${website} failed at nixos-root-website (timed out after 1 seconds).`,
      });
    });
  });
});

/** Images that no other test has: the store of a test file is shared. */
async function unique(repository: SampleRepository): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const path of ['images/website.nix', 'images/worker.nix']) {
    releases += 10;
    files[path] = (await readSample(repository, path)).replace('release = 1', `release = ${releases}`);
  }
  return files;
}

let releases = 100;

async function collectGarbage(options: NixOptions, more: readonly string[] = []): Promise<void> {
  const settings = nixSettings(options);
  await execa('nix-store', [...storeQueryArguments(settings, ['--gc']), ...more], {
    env: nixEnvironment(settings),
    extendEnv: false,
  });
}
