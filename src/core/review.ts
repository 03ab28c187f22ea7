import { cut } from '../lib/text.ts';
import type { Change } from './change.ts';
import type { Comparison } from './commit.ts';
import type { FactsDifference } from './facts-difference.ts';
import type { InputChange } from './flake-lock.ts';
import type { RolledBackGuest } from './goal.ts';
import { imageHash, imageKey } from './guest.ts';
import type { ImageFacts } from './image-facts.ts';
import type { GuestTask } from './live.ts';
import { type Plan, runnable } from './plan.ts';

/**
 * What a card says beside the plan: why it changes, and what its values mean. No approval rests on it, and no step reads
 * it; each part is absent where it is not known.
 */
export interface Review {
  /** What the planned commit has and the one applied before it has not. */
  readonly commits?: Pick<Comparison, 'newest' | 'all'>;
  /** The inputs of the flake that it locks otherwise; absent without any. */
  readonly inputs?: readonly InputChange[];
  /** The guests that somebody rolled back and that this plan gives another image again; absent without any. */
  readonly undoes?: readonly RolledBackGuest[];
  /** What others did to the guests of a drift since the last apply, the newest first. */
  readonly deeds?: readonly GuestDeed[];
  /** By VMID, the addresses of guests that are destroyed, as far as they tell any; absent without any. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** What the apply is likely to cost; absent where earlier runs tell nothing. */
  readonly cost?: Cost;
  /** Every image changed, and none of the changed files is one that an image should read: these are the files. */
  readonly unreadFiles?: readonly string[];
  /** What is inside of images that take the place of others: each pair once, however many guests change so; absent without any. */
  readonly images?: readonly ImageReview[];
  /** What is inside of images that take the place of none that is known: each once; absent without any. */
  readonly newImages?: readonly NewImage[];
}

/** An image of a new guest. `facts` are absent where nothing is known of it. */
export interface NewImage {
  readonly image: string;
  readonly facts?: Pick<ImageFacts, (typeof newImageFacts)[number]>;
}

/** What a plan tells of the image of a new guest. */
export const newImageFacts = ['users', 'firewall', 'services', 'release', 'kernel'] as const;

/** An image and the one that takes its place, by their store hashes. */
export interface ImagePair {
  readonly from: string;
  readonly to: string;
}

/** How the two images of a pair differ inside. */
export interface ImageReview extends ImagePair {
  /** Absent where `notKnown` says why. */
  readonly difference?: FactsDifference;
  /** Of which of the two nothing is known. */
  readonly notKnown?: 'from' | 'to';
}

/** What an apply is likely to cost, from the runs before it. Times in milliseconds. */
export interface Cost {
  /** By VMID, how long a guest that runs is away. */
  readonly downtimeMs?: Readonly<Record<string, number>>;
  /** The newest apply that did as much. */
  readonly like?: { readonly run: string; readonly ms: number };
  /** What is uploaded, when the images are as large as the last ones of their kind. */
  readonly uploadBytes?: number;
}

/** What somebody did to a guest. */
export interface GuestDeed extends Omit<GuestTask, 'power'> {
  readonly vmid: number;
  readonly name: string;
}

/**
 * The changed files, where they are none that an image should read and every image changed all the same: the images
 * then read the whole repository (`self.outPath`, `"${self}/…"`), and each commit replaces every guest. Of a single
 * image it cannot be told.
 * @param files the paths that differ since the last apply
 */
export function unreadFiles({ goal, changes }: Plan, files: readonly string[]): readonly string[] {
  const images = new Set(goal.guests.map(({ image }) => imageKey(image)));
  const others = goal.guests.filter(({ vmid }) => {
    const change = changes.find((one) => one.vmid === vmid);
    return change?.action !== 'replace' || change.fromImage === undefined;
  });
  const isRead = files.some((file) => !documents.test(file));
  return images.size < 2 || others.length > 0 || isRead
    ? []
    : files.slice(0, mostNamed).map((file) => cut(file, longestFile));
}

const mostNamed = 5;
/** In bytes: git has no limit for a path, and a warning is never cut. */
const longestFile = 100;
/** Files for people and for forges. */
const documents =
  /(?:^|\/)(?:\.github|\.gitea|\.forgejo|\.gitlab|docs?)\/|(?:^|\/)(?:README|LICENSE|CHANGELOG|CONTRIBUTING|SECURITY)[^/]*$|\.(?:md|txt|adoc|rst|png|jpe?g|svg)$|(?:^|\/)\.(?:gitignore|gitattributes|editorconfig|gitlab-ci\.yml)$/i;

/** The images that a change puts in the place of others; `undefined` where it does not, or no tag names the image of now. */
export function imagePairOf(change: Change): ImagePair | undefined {
  const { fromImage: from, to } =
    change.action === 'replace'
      ? { fromImage: change.fromImage, to: change.toImage }
      : change.action === 'rollback'
        ? { fromImage: change.fromImage, to: change.to?.imageHash }
        : {};
  return from === undefined || to === undefined || from === to ? undefined : { from, to };
}

/** The image, by its store hash, that a change brings where none was that is known. */
export function newImageOf(change: Change): string | undefined {
  if (change.action === 'create') return imageHash(change.guest.image);
  return change.action === 'replace' && change.fromImage === undefined ? change.toImage : undefined;
}

/** The pairs of a plan, each once. */
export function imagePairs(plan: Plan): readonly ImagePair[] {
  const pairs = runnable(plan).flatMap((change) => imagePairOf(change) ?? []);
  return [...new Map(pairs.map((pair) => [`${pair.from} ${pair.to}`, pair])).values()];
}
