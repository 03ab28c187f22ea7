import type { ImageFile } from '../cluster/cluster.ts';
import { UserError } from '../core/errors.ts';
import type { PackageChanges } from '../core/facts-difference.ts';
import type { Image, ImageRequest } from '../core/guest.ts';
import type { ImageFacts } from '../core/image-facts.ts';
import type { Source } from '../git/git.ts';

/** Receives the progress of a build. */
export interface BuildMonitor {
  /**
   * Derivations: `done` of `total`, which never goes back. `running` are the names being built now, `failed` those that
   * failed so far, which do not count as done.
   */
  progress(done: number, total: number, running: readonly string[], failed: readonly string[]): void;
  /** A line of a builder's log, without colours, with the name of its derivation. */
  line(derivation: string, text: string): void;
}

/** A build that failed, with the derivations that broke themselves: `Builder.log` has the whole log of each. */
export class BuildError extends UserError {
  readonly broken: readonly { readonly drvPath: string; readonly name: string }[];

  constructor(
    message: string,
    { broken, ...options }: { next?: string; details: readonly string[]; broken: BuildError['broken'] },
  ) {
    super(message, options);
    this.broken = broken;
  }
}

/** Gets each warning of an evaluation once: of the flake's modules and of NixOS, at most 20 of 500 bytes for a commit. */
export type WarningSink = (text: string) => void;

/** An image, and beside it what its evaluation tells of its inside: no plan and no approval rests on that. */
export interface EvaluatedImage {
  readonly image: Image;
  /** Absent where evaluating them failed; a warning says so. */
  readonly facts?: ImageFacts;
}

/** Evaluates flakes and builds images. Evaluation never builds. Errors safe to show are `UserError`s. */
export interface Builder {
  /**
   * Brings the inputs of the flake into the store, as its lock file names them: evaluation has no network. Evaluates
   * nothing of the flake. Refuses inputs that lie on the bot's machine, outside of the repository.
   */
  fetchInputs(source: Source, signal?: AbortSignal): Promise<void>;
  /** The flake's output `proxnix` as JSON, alone and therefore cheap. */
  evaluateFleet(source: Source, signal?: AbortSignal, warn?: WarningSink): Promise<unknown>;
  /**
   * For each request its image with its facts, in the order asked; one type may be asked for both kinds. One error names
   * every image that has no derivation: what is wrong in a sentence, where in the flake, and Nix's own words.
   */
  evaluateImages(
    source: Source,
    wanted: readonly ImageRequest[],
    signal?: AbortSignal,
    warn?: WarningSink,
  ): Promise<readonly EvaluatedImage[]>;
  /**
   * The packages that two images are made of in different versions, by their derivations: at most 20 by name, and how many
   * there are. Downloads (fixed-output derivations) are left out. `undefined` when a derivation is no longer in the store.
   */
  packageVersions(before: string, after: string, signal?: AbortSignal): Promise<PackageChanges | undefined>;
  /**
   * Builds the images that are missing. The result has the planned store path, or the call fails. A failure names the
   * derivation that broke and the last lines of its log; images that were built stay built.
   * @param signal cancels: the builders end, and no incomplete output stays valid
   * @throws BuildError when derivations broke
   */
  build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal): Promise<readonly ImageFile[]>;
  /** The whole log of the last build of a derivation, 32 MiB at most; `undefined` when Nix keeps none. */
  log(drvPath: string): Promise<string | undefined>;
  /**
   * Protects exactly these images, and those of running builds, from Nix's garbage collector: one root per image.
   * @returns how many roots of other images were removed
   */
  keep(images: readonly Image[]): Promise<number>;
}
