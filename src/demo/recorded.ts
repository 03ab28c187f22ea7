import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ImageRequest } from '../core/guest.ts';
import { imageFacts } from '../core/image-facts.ts';
import json from './recorded.json' with { type: 'json' };
import { type SampleGuest, sampleFiles } from './sample-files.ts';

/** The machine the recordings were made for: part of every derivation. */
export const recordedSystem = 'x86_64-linux';

/** One image as Nix evaluated it. `text` is its root file system; absent for an image that does not build. */
export const RecordedImage = z.object({
  drv: z.string(),
  root: z.string(),
  out: z.string(),
  /** Which of the guest's insides it has. */
  inside: z.int(),
  text: z.string().optional(),
});
/** A recorded image that was checked. */
export type RecordedImage = z.infer<typeof RecordedImage>;

/**
 * Recorded evaluations of the sample repository, by content and in parts. Combined they cover every state that the demo's
 * edits produce, in any order.
 */
export const Recording = z.object({
  /** Files that influence every image and that no edit changes, by path. Another text invalidates every recording. */
  base: z.record(z.string(), z.string()),
  /**
   * What the fleet is made of, by the hash of `flake.nix`: each part stands in a file of its name. Any other flake makes
   * every recording void as well.
   */
  flakes: z.record(z.string(), z.array(z.enum(['vms', 'containers']))),
  /** The values of the lines of a guest's entry. */
  lines: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** The errors of Nix for lines that it cannot read. */
  broken: z.record(z.string(), z.string()),
  /**
   * By name: the output of the builders, the insides that its images may have, with the packages that those are made of, and
   * the evaluations by hash of the image's file.
   */
  images: z.record(
    z.string(),
    z.object({
      insides: z.array(z.object({ facts: imageFacts, made: z.array(z.string()) })),
      rootLog: z.array(z.string()),
      imageLog: z.array(z.string()),
      brokenLog: z.array(z.string()),
      evaluations: z.record(z.string(), RecordedImage),
    }),
  ),
});
/** The recordings that were checked. */
export type Recording = z.infer<typeof Recording>;

/** The recordings that come with the program. Throws when they are not of this form. */
export function readRecording(): Recording {
  return Recording.parse(json);
}

/** The hashes of `base` as this version of proxnix makes the repository. */
export function baseHashes(): Readonly<Record<string, string>> {
  const base = Object.entries(sampleFiles(recordedSystem)).filter(([path]) => path.startsWith('lib/'));
  return Object.fromEntries(base.map(([path, text]) => [path, blobHash(text)]));
}

/** The hash git gives a file: every key of the recording, and what a tree lists. */
export function blobHash(text: string): string {
  return createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex');
}

/** An image of the sample repository as the flake asks for it. */
export function imageOf(guest: SampleGuest): ImageRequest {
  return guest === 'cache' ? { kind: 'container', type: 'lxc-cache' } : { kind: 'vm', type: `build-qcow2-${guest}` };
}
