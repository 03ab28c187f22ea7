import { describe, expect, it } from 'vitest';
import { BuildError, type Builder, type BuildMonitor } from '../../src/builder/builder.ts';
import { UserError } from '../../src/core/errors.ts';
import { type Image, type ImageRequest, imageHash } from '../../src/core/guest.ts';
import type { Source } from '../../src/git/git.ts';

/** Commits of a flake with the image types `build-qcow2-website` and `build-qcow2-worker`, made when they are asked for. */
export interface BuilderWorld {
  readonly builder: Builder;
  readonly good: () => Promise<Source>;
  /** Another image of the website, the same of the worker. */
  readonly editedWebsite: () => Promise<Source>;
  /** The website's image with another version of openssl. */
  readonly bumpedWebsite: () => Promise<Source>;
  /** The worker's image evaluates and does not build; its log says `unknown option`. */
  readonly brokenWorker: () => Promise<Source>;
  /** The website's image writes a line and then builds for ever; `undefined` where nothing takes time. */
  readonly endlessWebsite?: () => Promise<Source>;
  /** The worker's configuration makes no tarball; `undefined` where no configuration does. */
  readonly workerWithoutTarball?: () => Promise<Source>;
  readonly isBuilt: (image: Image) => Promise<boolean>;
  /** `undefined` where there is no collector. */
  readonly collectGarbage?: () => Promise<void>;
}

export const [website, worker] = ['build-qcow2-website', 'build-qcow2-worker'];

export function vmImage(type: string): ImageRequest {
  return { kind: 'vm', type };
}

export function containerImage(type: string): ImageRequest {
  return { kind: 'container', type };
}

/** The images alone that a builder evaluates. */
export async function imagesOf(builder: Builder, ...asked: Parameters<Builder['evaluateImages']>): Promise<Image[]> {
  return (await builder.evaluateImages(...asked)).map(({ image }) => image);
}

/** A monitor that remembers. */
export function aMonitor() {
  const bars: { done: number; total: number; running: readonly string[]; failed: readonly string[] }[] = [];
  const lines: string[] = [];
  const monitor: BuildMonitor = {
    progress: (done, total, running, failed) => bars.push({ done, total, running, failed }),
    line: (derivation, text) => lines.push(`${derivation}: ${text}`),
  };
  return { monitor, bars, lines };
}

/** What every `Builder` promises. */
export function builderContract(name: string, open: () => Promise<BuilderWorld>): void {
  describe(`${name} as Builder`, () => {
    it('gives the fleet as plain JSON', async () => {
      const { builder, good } = await open();
      const fleet = await builder.evaluateFleet(await good());
      expect(fleet).toMatchObject({ vms: { 'test-website': { vm_id: 823, image_type: website } } });
    });

    it('gives images in the order asked, also twice the same', async () => {
      const { builder, good } = await open();
      const source = await good();
      const images = await imagesOf(builder, source, [vmImage(worker), vmImage(website), vmImage(worker)]);
      expect(images.map((image) => image.type)).toEqual([worker, website, worker]);
      expect(images[0]).toEqual(images[2]);
      expect(images[1]?.attr).toBe(`nixosConfigurations.${website}.config.system.build.qcow2`);
      for (const image of images) {
        expect(imageHash(image)).toMatch(/^[0-9a-df-np-sv-z]{32}$/);
        expect(image.drvPath).toMatch(/^\/nix\/store\/[0-9a-df-np-sv-z]{32}-.+\.drv$/);
      }
      expect(await imagesOf(builder, source, [])).toEqual([]);
    });

    it('gives another store path to the image that was edited, and to no other', async () => {
      const { builder, good, editedWebsite } = await open();
      const before = await imagesOf(builder, await good(), [vmImage(website), vmImage(worker)]);
      const after = await imagesOf(builder, await editedWebsite(), [vmImage(website), vmImage(worker)]);
      expect(after[0]?.storePath).not.toBe(before[0]?.storePath);
      expect(after[1]).toEqual(before[1]);
    });

    it('tells what is inside of an image beside it, and not in it', async () => {
      const { builder, good, bumpedWebsite } = await open();
      const [before] = await builder.evaluateImages(await good(), [vmImage(website)]);
      const [after] = await builder.evaluateImages(await bumpedWebsite(), [vmImage(website)]);
      expect(before?.facts?.packages).toContain('openssl-3.0.13');
      expect(after?.facts?.packages).toContain('openssl-3.0.14');
      expect(JSON.stringify(before?.image)).not.toContain('openssl');
    });

    it('tells the packages that two images are made of in different versions', async () => {
      const { builder, good, bumpedWebsite } = await open();
      const [before] = await imagesOf(builder, await good(), [vmImage(website)]);
      const [after, other] = await imagesOf(builder, await bumpedWebsite(), [vmImage(website), vmImage(worker)]);
      if (before === undefined || after === undefined || other === undefined) throw new Error('no image');
      const openssl = { name: 'openssl', from: '3.0.13', to: '3.0.14' };
      expect(await builder.packageVersions(before.drvPath, after.drvPath)).toEqual({ changed: [openssl], all: 1 });
      expect(await builder.packageVersions(before.drvPath, before.drvPath)).toEqual({ changed: [], all: 0 });
      expect((await builder.packageVersions(after.drvPath, other.drvPath))?.changed).toContainEqual({
        ...openssl,
        ...{ from: '3.0.14', to: '3.0.13' },
      });
      const gone = `/nix/store/${'0'.repeat(32)}-gone.drv`;
      for (const path of [gone, '--help']) {
        expect(await builder.packageVersions(path, after.drvPath)).toBeUndefined();
        expect(await builder.packageVersions(after.drvPath, path)).toBeUndefined();
      }
    });

    it('names the images that are not there and those that are', async () => {
      const { builder, good } = await open();
      const asking = imagesOf(builder, await good(), [
        vmImage(website),
        vmImage('build-qcow2-webste'),
        vmImage('--option'),
        vmImage('$(id)'),
        vmImage('../x'),
      ]);
      const error: unknown = await asking.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect(error).toMatchObject({
        message: expect.stringContaining('build-qcow2-webste, --option, $(id), ../x'),
        next: expect.stringContaining(website),
      });
    });

    it('gives both images of one type, in the order asked', async () => {
      const { builder, good, workerWithoutTarball } = await open();
      if (workerWithoutTarball === undefined) return;
      const wanted = [containerImage(website), vmImage(worker), vmImage(website), containerImage(website)];
      const images = await imagesOf(builder, await good(), wanted);
      expect(images.map(({ kind, type }) => ({ kind, type }))).toEqual(wanted);
      const [tarball, , disk, again] = images;
      expect(tarball).toEqual(again);
      expect(tarball?.attr).toBe(`nixosConfigurations.${website}.config.system.build.tarball`);
      expect(disk?.attr).toBe(`nixosConfigurations.${website}.config.system.build.qcow2`);
      expect(tarball?.storePath).not.toBe(disk?.storePath);
      expect(tarball?.drvPath).not.toBe(disk?.drvPath);
    });

    it('gives another store path to the container image that was edited, and to no other', async () => {
      const { builder, good, editedWebsite, workerWithoutTarball } = await open();
      if (workerWithoutTarball === undefined) return;
      const wanted = [containerImage(website), containerImage(worker)];
      const before = await imagesOf(builder, await good(), wanted);
      const after = await imagesOf(builder, await editedWebsite(), wanted);
      expect(after[0]?.storePath).not.toBe(before[0]?.storePath);
      expect(after[1]).toEqual(before[1]);
    });

    it('names the attribute of a container image that is not there, and has the image for VMs all the same', async () => {
      const { builder, workerWithoutTarball } = await open();
      if (workerWithoutTarball === undefined) return;
      const source = await workerWithoutTarball();
      const disks = await imagesOf(builder, source, [vmImage(worker)]);
      await expect(imagesOf(builder, source, [containerImage(website), containerImage(worker)])).rejects.toThrow(
        `The image ${worker} (container) has no attribute tarball (nixosConfigurations.${worker}.config.system.build.tarball).`,
      );
      expect(await imagesOf(builder, source, [vmImage(worker)])).toEqual(disks);
      expect(await imagesOf(builder, source, [containerImage(website)])).toHaveLength(1);
    });

    it('names a type that is not there once, whatever is asked of it', async () => {
      const { builder, good } = await open();
      const asking = imagesOf(builder, await good(), [vmImage('nowhere'), containerImage('nowhere')]);
      const error: unknown = await asking.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect(String(error).match(/nowhere/g)).toHaveLength(1);
    });

    it('builds nothing before it is asked to, and then exactly what was planned', async () => {
      const { builder, good, isBuilt } = await open();
      const images = await imagesOf(builder, await good(), [vmImage(website), vmImage(worker)]);
      for (const image of images) expect(await isBuilt(image)).toBe(false);
      const { monitor, bars, lines } = aMonitor();
      const files = await builder.build(images, monitor);
      expect(files.map((file) => file.image)).toEqual(images);
      for (const file of files) {
        expect(await isBuilt(file.image)).toBe(true);
        expect(file.path).toContain(file.image.storePath);
        expect(file.size).toBe(393_216);
        expect(file.virtualSize).toBe(2 ** 31);
      }
      const total = bars[0]?.total ?? 0;
      expect(total).toBeGreaterThan(1);
      expect(bars.at(-1)).toEqual({ done: total, total, running: [], failed: [] });
      expect(bars.map((bar) => bar.done)).toEqual(bars.map((bar) => bar.done).sort((a, b) => a - b));
      expect(bars.some((bar) => bar.running.length > 0)).toBe(true);
      expect(lines.length).toBeGreaterThan(1);
    });

    it('builds both images of one type, and finds the file of each', async () => {
      const { builder, good, isBuilt, workerWithoutTarball } = await open();
      if (workerWithoutTarball === undefined) return;
      const images = await imagesOf(builder, await good(), [containerImage(website), vmImage(website)]);
      const [tarball, disk] = await builder.build(images, aMonitor().monitor);
      expect([tarball?.image, disk?.image]).toEqual(images);
      expect(await Promise.all(images.map(isBuilt))).toEqual([true, true]);
      expect(tarball?.path).toContain(images[0]?.storePath);
      expect(tarball?.path).toMatch(/\.tar\.xz$/);
      expect(tarball?.size).toBeGreaterThan(0);
      expect(tarball).not.toHaveProperty('virtualSize');
      expect(disk?.path).toContain(images[1]?.storePath);
      expect(disk?.virtualSize).toBe(2 ** 31);
    });

    it('has nothing to do for what is built', async () => {
      const { builder, good } = await open();
      const images = await imagesOf(builder, await good(), [vmImage(website)]);
      const first = await builder.build(images, aMonitor().monitor);
      const { monitor, bars, lines } = aMonitor();
      expect(await builder.build([...images, ...images], monitor)).toEqual([...first, ...first]);
      expect({ bars, lines }).toEqual({ bars: [], lines: [] });
    });

    it('names what broke with its log, and keeps what was built beside it', async () => {
      const { builder, brokenWorker, isBuilt } = await open();
      const images = await imagesOf(builder, await brokenWorker(), [vmImage(website), vmImage(worker)]);
      const { monitor, bars } = aMonitor();
      const error: unknown = await builder.build(images, monitor).catch((thrown: unknown) => thrown);
      if (!(error instanceof BuildError)) throw error;
      expect(error).toMatchObject({
        message: expect.stringContaining(worker),
        details: expect.arrayContaining([expect.stringContaining('unknown option')]),
      });
      expect(String(error)).not.toContain(website);
      const [first, second] = images;
      expect(first && (await isBuilt(first))).toBe(true);
      expect(second && (await isBuilt(second))).toBe(false);
      const [broken] = error.broken;
      expect(broken && (await builder.log(broken.drvPath))).toContain('unknown option');
      expect(bars.at(-1)?.failed).toEqual(error.broken.map((one) => one.name));
      expect(bars.at(-1)?.done).toBeLessThan(bars.at(-1)?.total ?? 0);
    });

    it('says of a container image that it broke', async () => {
      const { builder, brokenWorker, isBuilt, workerWithoutTarball } = await open();
      if (workerWithoutTarball === undefined) return;
      const images = await imagesOf(builder, await brokenWorker(), [vmImage(website), containerImage(worker)]);
      await expect(builder.build(images, aMonitor().monitor)).rejects.toMatchObject({
        message: expect.stringContaining(`Building ${worker} (container) failed`),
        details: expect.arrayContaining([expect.stringContaining('unknown option')]),
      });
      expect(await Promise.all(images.map(isBuilt))).toEqual([true, false]);
    });

    it('keeps no log of what it never heard of', async () => {
      const { builder } = await open();
      expect(await builder.log(`/nix/store/${'0'.repeat(32)}-never-built.drv`)).toBeUndefined();
      expect(await builder.log('--help')).toBeUndefined();
    });

    it('does not begin what is cancelled already', async () => {
      const { builder, good, isBuilt } = await open();
      const source = await good();
      const images = await imagesOf(builder, source, [vmImage(website)]);
      const edited = await open();
      await expect(edited.builder.evaluateFleet(await edited.good(), AbortSignal.abort())).rejects.toThrow(UserError);
      await expect(builder.build(images, aMonitor().monitor, AbortSignal.abort())).rejects.toThrow(UserError);
      for (const image of images) expect(await isBuilt(image)).toBe(false);
    });

    it('ends a build that is cancelled, and leaves nothing half made', async () => {
      const { builder, endlessWebsite, isBuilt } = await open();
      if (endlessWebsite === undefined) return;
      const images = await imagesOf(builder, await endlessWebsite(), [vmImage(website)]);
      const { monitor } = aMonitor();
      const cancel = new AbortController();
      const watched: BuildMonitor = { ...monitor, line: () => cancel.abort() };
      await expect(builder.build(images, watched, cancel.signal)).rejects.toThrow(/cancelled/);
      for (const image of images) expect(await isBuilt(image)).toBe(false);
    });

    it('keeps exactly the images it is told to', async () => {
      const { builder, good, editedWebsite, isBuilt, collectGarbage } = await open();
      if (collectGarbage === undefined) return;
      const old = await imagesOf(builder, await good(), [vmImage(website), vmImage(worker)]);
      const fresh = await imagesOf(builder, await editedWebsite(), [vmImage(website)]);
      await builder.build([...old, ...fresh], aMonitor().monitor);
      await collectGarbage();
      await builder.keep([...fresh, ...old.slice(1)]);
      await collectGarbage();
      expect(await Promise.all([...old, ...fresh].map(isBuilt))).toEqual([false, true, true]);
      const { monitor, bars } = aMonitor();
      await builder.build(old, monitor);
      expect(bars.length, 'what was collected is built again').toBeGreaterThan(0);
      expect(await Promise.all(old.map(isBuilt))).toEqual([true, true]);
    });

    it('keeps the one image of a type and not the other', async () => {
      const { builder, good, isBuilt, collectGarbage, workerWithoutTarball } = await open();
      if (collectGarbage === undefined || workerWithoutTarball === undefined) return;
      const wanted = [containerImage(website), vmImage(website), containerImage(worker), vmImage(worker)];
      const images = await imagesOf(builder, await good(), wanted);
      await builder.build(images, aMonitor().monitor);
      await builder.keep([...images.slice(0, 1), ...images.slice(3)]);
      await collectGarbage();
      expect(await Promise.all(images.map(isBuilt))).toEqual([true, false, false, true]);
    });
  });
}
