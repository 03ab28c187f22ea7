import { diffFacts } from '../core/facts-difference.ts';
import type { Goal } from '../core/goal.ts';
import { imageHash } from '../core/guest.ts';
import { type KnownImage, withKnownImages } from '../core/image-facts.ts';
import { type Plan, runnable } from '../core/plan.ts';
import {
  type ImagePair,
  type ImageReview,
  imagePairs,
  type NewImage,
  newImageFacts,
  newImageOf,
  type Review,
} from '../core/review.ts';
import { planOf } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import type { Store } from '../store/store.ts';
import type { Fleet } from './ports.ts';
import type { Runs } from './runs.ts';

/** What is known of images, and what needs them. */
export interface ImagePorts {
  readonly store: Store;
  readonly runs: Runs;
}

/**
 * Remembers what is inside of the images that were evaluated now, until no guest runs them, no plan wants them and no
 * retained disk holds them: with the next commit it is what is known of the images that guests run.
 */
export async function rememberImages(
  fleet: Fleet,
  plan: Plan,
  evaluated: readonly KnownImage[],
  { store, runs }: ImagePorts,
): Promise<void> {
  const { images, guests = [], retainedDisks = [] } = store.fleet(fleet.name);
  const open = runs.open(fleet.name).flatMap((run) => planOf(run)?.goal ?? []);
  const inUse = new Set([
    ...[plan.goal, ...open].flatMap(hashesOf),
    ...guests.flatMap(({ wanted, root }) => [wanted, root].flatMap((one) => one?.imageHash ?? [])),
    ...retainedDisks.flatMap((disk) => disk.imageHash ?? []),
    ...plan.changes.flatMap((change) => ('live' in change ? (readTags(change.live.tags).imageHash ?? []) : [])),
  ]);
  await store.saveFleet(fleet.name, { images: withKnownImages(images, evaluated, inUse) });
}

function hashesOf({ guests }: Goal): readonly string[] {
  return guests.map(({ image }) => imageHash(image));
}

/**
 * Compares the images of a plan with those whose place they take, and tells what is inside of those of new guests. The commit before is not evaluated for it.
 * @param evaluated what is known of the images of the plan's goal; of the others only what is remembered counts
 */
export async function reviewImages(
  fleet: Fleet,
  plan: Plan,
  evaluated: readonly KnownImage[],
  { store }: Pick<ImagePorts, 'store'>,
): Promise<Pick<Review, 'images' | 'newImages'>> {
  const remembered = byHash(store.fleet(fleet.name).images ?? []);
  const now = byHash(evaluated);
  const reviews: ImageReview[] = [];
  // One after the other: each may ask the Nix store for all that two images are made of.
  for (const pair of imagePairs(plan)) {
    const after = now.get(pair.to) ?? remembered.get(pair.to);
    reviews.push(await compare(fleet, pair, remembered.get(pair.from), after));
  }
  const hashes = new Set(runnable(plan).flatMap((change) => newImageOf(change) ?? []));
  const newImages = [...hashes].map((image) => newImage(image, now.get(image) ?? remembered.get(image)));
  return {
    ...(reviews.length === 0 ? {} : { images: reviews }),
    ...(newImages.length === 0 ? {} : { newImages }),
  };
}

/** What a card tells of an image, without all of its packages. */
function newImage(image: string, known: KnownImage | undefined): NewImage {
  if (known === undefined) return { image };
  const told = newImageFacts.flatMap((name) => (known.facts[name] === undefined ? [] : [[name, known.facts[name]]]));
  return { image, facts: Object.fromEntries(told) };
}

function byHash(images: readonly KnownImage[]): ReadonlyMap<string, KnownImage> {
  return new Map(images.map((image) => [image.imageHash, image]));
}

async function compare(
  { builder }: Fleet,
  { from, to }: ImagePair,
  before: KnownImage | undefined,
  after: KnownImage | undefined,
): Promise<ImageReview> {
  if (before === undefined) return { from, to, notKnown: 'from' };
  if (after === undefined) return { from, to, notKnown: 'to' };
  const versions = await builder.packageVersions(before.drvPath, after.drvPath);
  return { from, to, difference: diffFacts(before.facts, after.facts, versions) };
}
