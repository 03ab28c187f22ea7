import { readFile } from 'node:fs/promises';
import { realPath, storeRoot } from '../../src/builder/nix/names.ts';
import { NixBuilder } from '../../src/builder/nix/nix.ts';
import { type NixOptions, nixSettings } from '../../src/builder/nix/settings.ts';
import { requisites } from '../../src/builder/nix/store-queries.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Image } from '../../src/core/guest.ts';
import { breakSyntax, brokenBuild, nextRelease } from '../../src/demo/edits.ts';
import { baseHashes, blobHash, type RecordedImage, type Recording } from '../../src/demo/recorded.ts';
import { commitFiles, readSample } from '../../src/demo/repository.ts';
import { type SampleVm, sampleVms } from '../../src/demo/sample-files.ts';
import { editVm, type NixValue, setValue } from '../../src/demo/vms-text.ts';
import { aSampleRepository, nixOptions, pinned } from '../builder/nix/here.ts';

/** Releases of an image that the demo knows; each edit makes one more. */
const releases = 4;
/** How many of them it also knows broken. */
const brokenReleases = 2;

/** What edits may write into the entry of a VM; each round goes to all four. */
const rounds: readonly (readonly (readonly [field: string, value: (vm: SampleVm) => NixValue])[])[] = [
  [],
  [
    ['memory_mb', (vm) => [512, 1024, 1536, 2048][sampleVms.indexOf(vm)] ?? 0],
    ['disk_gb', () => 32],
    ['protected', () => true],
    ['storage_location', () => 'full'],
    ['name', (vm) => `test-${vm}-renamed`],
    ['memory_mib', () => 4096],
    ['vm_id', () => 100],
  ],
  [
    ['memory_mb', (vm) => [3072, 4096, 6144, 8192][sampleVms.indexOf(vm)] ?? 0],
    ['disk_gb', () => 4],
  ],
];

/** Evaluates and builds with real Nix what the demo's edits are made of. */
export async function record(): Promise<Recording> {
  return { base: baseHashes(), lines: await recordLines(), broken: await recordBroken(), images: await recordImages() };
}

async function recordLines(): Promise<Recording['lines']> {
  const repository = await aSampleRepository();
  const builder = new NixBuilder(await nixOptions());
  const first = await readSample(repository, 'vms.nix');
  const lines = new Map<string, NixValue>();
  for (const [index, round] of rounds.entries()) {
    const text = sampleVms.reduce(
      (all, vm) =>
        editVm(all, `test-${vm}`, (entry) =>
          round.reduce((part, [field, value]) => setValue(part, field, value(vm)), entry),
        ),
      first,
    );
    if (index > 0) await commitFiles(repository, `Round ${index}`, { 'vms.nix': text });
    const fleet = Object(await builder.evaluateFleet(await pinned(repository)));
    let key = '';
    for (const line of text.split('\n').map((each) => each.trim())) {
      key = /^([\w-]+) = \{$/.exec(line)?.[1] ?? key;
      const field = /^(\w+) = .*;$/.exec(line)?.[1];
      if (field !== undefined) lines.set(line, fleet.vms[key][field]);
    }
  }
  return Object.fromEntries([...lines].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function recordBroken(): Promise<Recording['broken']> {
  const repository = await aSampleRepository();
  await breakSyntax(repository);
  const builder = new NixBuilder(await nixOptions());
  const error: unknown = await builder.evaluateFleet(await pinned(repository)).catch((thrown: unknown) => thrown);
  if (!(error instanceof UserError)) throw error;
  const text = await readSample(repository, 'vms.nix');
  const line = text.split('\n').find((each) => / = .*[^;{]$/.test(each));
  return { [line?.trim() ?? '']: error.details[0] ?? '' };
}

async function recordImages(): Promise<Recording['images']> {
  const repository = await aSampleRepository();
  const options = await nixOptions();
  const builder = new NixBuilder(options);
  const wanted = sampleVms.map((vm) => ({ kind: 'vm' as const, type: `build-qcow2-${vm}` }));
  const logs = new Map<string, string[]>();
  const evaluations = new Map<SampleVm, Record<string, RecordedImage>>(sampleVms.map((vm) => [vm, {}]));
  const texts = new Map<SampleVm, string>();
  for (const vm of sampleVms) texts.set(vm, await readSample(repository, `images/${vm}.nix`));
  for (let release = 1; release <= releases; release++) {
    for (const broken of release <= brokenReleases ? [true, false] : [false]) {
      const now = new Map([...texts].map(([vm, text]) => [vm, broken ? brokenBuild(text) : text]));
      await commitFiles(
        repository,
        'Images',
        Object.fromEntries([...now].map(([vm, text]) => [`images/${vm}.nix`, text])),
      );
      const images = await builder.evaluateImages(await pinned(repository), wanted);
      const lines = new Map<string, string[]>();
      const line = (drv: string, text: string) => lines.set(drv, [...(lines.get(drv) ?? []), text]);
      const building = builder.build(images, { progress: () => {}, line });
      await (broken ? expectFailure(building) : building);
      for (const [drv, log] of lines) logs.set(`${broken ? 'broken ' : ''}${drv}`, log);
      for (const [index, vm] of sampleVms.entries()) {
        const image = images[index];
        const all = evaluations.get(vm);
        if (image === undefined || all === undefined) throw new Error('no image');
        all[blobHash(now.get(vm) ?? '')] = await recordImage(options, image, broken);
      }
    }
    for (const [vm, text] of texts) texts.set(vm, nextRelease(text));
  }
  return Object.fromEntries(
    sampleVms.map((vm) => [
      vm,
      {
        rootLog: logs.get(`nixos-root-${vm}`) ?? [],
        diskLog: logs.get(`nixos-${vm}.qcow2`) ?? [],
        brokenLog: logs.get(`broken nixos-root-${vm}`) ?? [],
        evaluations: evaluations.get(vm) ?? {},
      },
    ]),
  );
}

async function expectFailure(building: Promise<unknown>): Promise<void> {
  const error: unknown = await building.catch((thrown: unknown) => thrown);
  if (!(error instanceof UserError)) throw new Error('the broken images were built');
}

async function recordImage(options: NixOptions, image: Image, broken: boolean): Promise<RecordedImage> {
  const all = await requisites(nixSettings(options), image.drvPath);
  const root = [...all].find((path) => /-nixos-root-\w+\.drv$/.test(path)) ?? '';
  const text = broken ? {} : { text: await readRoot(options, root) };
  return { drv: image.drvPath, root, out: image.storePath, ...text };
}

/** What the derivation of the root file system made. */
async function readRoot(options: NixOptions, drv: string): Promise<string> {
  const store = storeRoot(options.store);
  const text = await readFile(realPath(store, drv), 'utf8');
  const out = /^Derive\(\[\("out","([^"]+)"/.exec(text)?.[1];
  if (out === undefined) throw new Error('a derivation without an output');
  return readFile(realPath(store, out), 'utf8');
}
