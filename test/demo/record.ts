import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EvaluatedImage } from '../../src/builder/builder.ts';
import { NixBuilder } from '../../src/builder/nix/nix.ts';
import { type NixOptions, nixSettings } from '../../src/builder/nix/settings.ts';
import { derivationName, realPath, requisites, storeRoot } from '../../src/builder/nix/store.ts';
import { UserError } from '../../src/core/errors.ts';
import { packageName } from '../../src/core/facts-difference.ts';
import {
  addContainer,
  breakSyntax,
  brokenBuild,
  nextRelease,
  withAdmin,
  withPackage,
  withPort,
} from '../../src/demo/edits.ts';
import { editEntry, type NixValue, setValue } from '../../src/demo/entries.ts';
import { baseHashes, blobHash, imageOf, type RecordedImage, type Recording } from '../../src/demo/recorded.ts';
import { commitFiles, readSample } from '../../src/demo/repository.ts';
import { type SampleGuest, type SampleVm, sampleGuests, sampleVms } from '../../src/demo/sample-files.ts';
import { aSampleRepository, nixOptions, pinned } from '../builder/nix/here.ts';

type Inside = Recording['images'][string]['insides'][number];

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
    ['storage_location', () => 'fast'],
  ],
];

type Edit = (text: string) => string;
const maybe = (edit: Edit): readonly Edit[] => [(text) => text, edit];
/** What edits may do inside of the website's image, in any order; first: nothing. */
const insideEdits: readonly Edit[] = maybe(withPackage).flatMap((first) =>
  maybe(withPort).flatMap((second) =>
    maybe(withAdmin).map(
      (third): Edit =>
        (text) =>
          third(second(first(text))),
    ),
  ),
);

/** Evaluates and builds with real Nix what the demo's edits are made of. */
export async function record(): Promise<Recording> {
  const [flakes, lines] = [await recordFlakes(), await recordLines()];
  return { base: baseHashes(), flakes, lines, broken: await recordBroken(), images: await recordImages() };
}

async function recordFlakes(): Promise<Recording['flakes']> {
  const repository = await aSampleRepository();
  const builder = new NixBuilder(await nixOptions());
  const here = async () => {
    const fleet = Object(await builder.evaluateFleet(await pinned(repository)));
    const parts = (['vms', 'containers'] as const).filter((part) => part in fleet);
    return [blobHash(await readSample(repository, 'flake.nix')), parts] as const;
  };
  const first = await here();
  await addContainer(repository);
  return Object.fromEntries([first, await here()]);
}

async function recordLines(): Promise<Recording['lines']> {
  const repository = await aSampleRepository();
  await addContainer(repository);
  const builder = new NixBuilder(await nixOptions());
  const first = await readSample(repository, 'vms.nix');
  const containers = await readSample(repository, 'containers.nix');
  const lines = new Map<string, NixValue>();
  for (const [index, round] of rounds.entries()) {
    const text = sampleVms.reduce(
      (all, vm) =>
        editEntry(all, `test-${vm}`, (entry) =>
          round.reduce((part, [field, value]) => setValue(part, field, value(vm)), entry),
        ) ?? '',
      first,
    );
    if (index > 0) await commitFiles(repository, `Round ${index}`, { 'vms.nix': text });
    const fleet = Object(await builder.evaluateFleet(await pinned(repository)));
    for (const [line, value] of valuesOf(text, fleet.vms)) lines.set(line, value);
    for (const [line, value] of valuesOf(containers, fleet.containers)) lines.set(line, value);
  }
  return Object.fromEntries([...lines].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The lines of a file that set a field, with what it evaluates to. */
function* valuesOf(text: string, guests: Record<string, Record<string, NixValue>>): Generator<[string, NixValue]> {
  let key = '';
  for (const line of text.split('\n').map((each) => each.trim())) {
    key = /^([\w-]+) = \{$/.exec(line)?.[1] ?? key;
    const value = guests[key]?.[/^(\w+) = .*;$/.exec(line)?.[1] ?? ''];
    if (value !== undefined) yield [line, value];
  }
}

async function recordBroken(): Promise<Recording['broken']> {
  const repository = await aSampleRepository();
  await breakSyntax(repository);
  const builder = new NixBuilder(await nixOptions());
  const error: unknown = await builder.evaluateFleet(await pinned(repository)).catch((thrown: unknown) => thrown);
  if (!(error instanceof UserError)) throw error;
  const text = await readSample(repository, 'vms.nix');
  const line = text.split('\n').find((each) => / = .*[^;{]$/.test(each));
  // The sentence without its beginning and its place.
  const sentence = /does not evaluate: (.*?)(?: \([^)]*\))?\.$/.exec(error.message)?.[1];
  return { [line?.trim() ?? '']: sentence ?? '' };
}

async function recordImages(): Promise<Recording['images']> {
  const repository = await aSampleRepository();
  await addContainer(repository);
  const options = await nixOptions();
  const builder = new NixBuilder(options);
  const logs = new Map<string, string[]>();
  const recorded = Object.fromEntries(
    sampleGuests.map((guest) => [guest, { insides: [] as Inside[], evaluations: {} as Record<string, RecordedImage> }]),
  );
  /** What was built last of each guest; nothing of what does not build. */
  const roots = new Map<SampleGuest, { readonly text: string }>();
  const texts = new Map<SampleGuest, string>();
  for (const guest of sampleGuests) texts.set(guest, await readSample(repository, `images/${guest}.nix`));
  for (let release = 1; release <= releases; release++) {
    for (const broken of release <= brokenReleases ? [true, false] : [false]) {
      for (const [index, edit] of insideEdits.entries()) {
        const guests = index === 0 ? sampleGuests : (['website'] as const);
        const now = new Map(
          guests.map((guest) => {
            const text = edit(texts.get(guest) ?? '');
            return [guest, broken ? brokenBuild(text) : text];
          }),
        );
        const files = Array.from(now, ([guest, text]) => [`images/${guest}.nix`, text]);
        await commitFiles(repository, 'Images', Object.fromEntries(files));
        const images = await builder.evaluateImages(await pinned(repository), guests.map(imageOf));
        // What these edits do inside does not show in the root file system, so one build tells them all.
        if (index === 0) {
          const lines = new Map<string, string[]>();
          const line = (drv: string, text: string) => lines.set(drv, [...(lines.get(drv) ?? []), text]);
          const building = builder.build(
            images.map(({ image }) => image),
            { progress: () => {}, line },
          );
          await (broken ? expectFailure(building) : building);
          for (const [drv, log] of lines) logs.set(`${broken ? 'broken ' : ''}${drv}`, log);
          roots.clear();
        }
        for (const [at, guest] of guests.entries()) {
          const [one, all] = [images[at], recorded[guest]];
          if (one === undefined || all === undefined) throw new Error('no image');
          const found = await recordImage(options, one, all.insides);
          if (index === 0 && !broken) roots.set(guest, { text: await readRoot(options, found.root) });
          all.evaluations[blobHash(now.get(guest) ?? '')] = { ...found, ...roots.get(guest) };
        }
      }
    }
    for (const [guest, text] of texts) texts.set(guest, nextRelease(text));
  }
  return Object.fromEntries(
    sampleGuests.map((guest) => [
      guest,
      {
        insides: recorded[guest]?.insides ?? [],
        rootLog: logs.get(`nixos-root-${guest}`) ?? [],
        imageLog: logs.get(`nixos-${guest}.${guest === 'cache' ? 'tar.zst' : 'qcow2'}`) ?? [],
        brokenLog: logs.get(`broken nixos-root-${guest}`) ?? [],
        evaluations: recorded[guest]?.evaluations ?? {},
      },
    ]),
  );
}

async function expectFailure(building: Promise<unknown>): Promise<void> {
  const error: unknown = await building.catch((thrown: unknown) => thrown);
  if (!(error instanceof UserError)) throw new Error('the broken images were built');
}

/** @param insides those that are known already; a new one is added */
async function recordImage(
  options: NixOptions,
  { image, facts = {} }: EvaluatedImage,
  insides: Inside[],
): Promise<RecordedImage> {
  const all = [...(await requisites(nixSettings(options), image.drvPath))];
  const root = all.find((path) => /-nixos-root-\w+\.drv$/.test(path)) ?? '';
  const derivations = all.filter((path) => path.endsWith('.drv')).map(derivationName);
  const inside = { facts, made: derivations.filter((name) => packageName(name).version !== '').sort() };
  const known = insides.findIndex((one) => isDeepStrictEqual(one, inside));
  if (known < 0) insides.push(inside);
  return { drv: image.drvPath, root, out: image.storePath, inside: known < 0 ? insides.length - 1 : known };
}

/** What the derivation of the root file system made. */
async function readRoot(options: NixOptions, drv: string): Promise<string> {
  const store = storeRoot(options.store);
  const text = await readFile(realPath(store, drv), 'utf8');
  const out = /^Derive\(\[\("out","([^"]+)"/.exec(text)?.[1];
  if (out === undefined) throw new Error('a derivation without an output');
  return readFile(realPath(store, out), 'utf8');
}
