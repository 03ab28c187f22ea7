import type { Image } from '../../core/guest.ts';
import { imageTitle } from '../../core/guest.ts';
import { BuildError } from '../builder.ts';
import type { NixSettings } from './settings.ts';
import { derivationName, requisites } from './store.ts';

/** One run of `nix-store --realise` with its output. */
export interface Attempt {
  readonly ok: boolean;
  readonly cancelled: boolean;
  /** The targets of the links that it made. */
  readonly built: readonly string[];
  readonly errors: readonly string[];
  /** Derivations named by errors, with the last lines of their logs. */
  readonly failed: ReadonlyMap<string, readonly string[]>;
}

const maxLines = 30;

/** The error of a build: the derivations that broke, the images they belong to, and their logs. */
export async function buildError(
  settings: NixSettings,
  images: readonly Image[],
  attempts: readonly Attempt[],
): Promise<BuildError> {
  const logs = new Map(attempts.flatMap((attempt) => [...attempt.failed]));
  const errors = attempts.flatMap((attempt) => attempt.errors);
  const broken = [...logs.keys()].filter((drv) => isCulprit(drv, logs.get(drv) ?? [], errors));
  const needed = await Promise.all(images.map((image) => requisites(settings, image.drvPath)));
  const hurt = images.filter((_, index) => broken.some((drv) => needed[index]?.has(drv)));
  const [first] = broken;
  if (first === undefined) {
    return new BuildError(`Building ${list(images.map(imageTitle))} failed.`, {
      details: errors.flatMap((text) => text.split('\n')).slice(-maxLines),
      broken: [],
      ...hint(errors),
    });
  }
  const titles = list([...new Set(hurt.map(imageTitle))]);
  const what = broken.map((drv) => `${derivationName(drv)} (${reasonOf(drv, errors)})`);
  return new BuildError(`Building ${titles} failed at ${list(what)}.`, {
    details: detailsOf(broken, logs, errors),
    broken: broken.map((drvPath) => ({ drvPath, name: derivationName(drvPath) })),
    ...hint(errors),
  });
}

/**
 * The derivations that failed themselves. Errors of derivations that only depend on them, and the summary of the
 * request, name no cause.
 */
function isCulprit(drv: string, log: readonly string[], errors: readonly string[]): boolean {
  return log.length > 0 || ownErrors(drv, errors).length > 0;
}

function ownErrors(drv: string, errors: readonly string[]): readonly string[] {
  return errors.filter((text) => text.includes(drv) && !isOfDependents(text));
}

/** Is it an error of what only depends on a broken derivation, or the summary of the request? */
export function isOfDependents(error: string): boolean {
  return /dependenc(?:y|ies) of derivation|^(?:error: )?build of /.test(error.split('\n', 1)[0] ?? '');
}

function reasonOf(drv: string, errors: readonly string[]): string {
  const text = ownErrors(drv, errors)[0] ?? 'no reason given';
  const known = [
    /failed with exit code \d+/,
    /failed due to signal \d+[^;.\n]*/,
    /timed out after \d+ seconds(?: of silence)?/,
    /hash mismatch/,
    /failed to produce output path/,
    /builder failed[^;.\n]*/,
  ];
  const match = known.map((pattern) => pattern.exec(text)?.[0]).find((words) => words !== undefined);
  const required = /a '([^']{0,100})' with features \{([^}]{0,500})\} is required/.exec(text);
  if (match !== undefined) return match;
  if (required !== null) return `needs a ${required[1]} machine${required[2] === '' ? '' : ` with ${required[2]}`}`;
  return (text.split('\n', 1)[0] ?? text).replace(drv, derivationName(drv));
}

/** The end of each log; without one, Nix's own words. */
function detailsOf(
  broken: readonly string[],
  logs: ReadonlyMap<string, readonly string[]>,
  errors: readonly string[],
): readonly string[] {
  const share = Math.floor(maxLines / broken.length);
  return broken
    .flatMap((drv) => {
      const log = logs.get(drv) ?? [];
      const lines = log.length > 0 ? log : ownErrors(drv, errors).flatMap((text) => text.split('\n'));
      if (broken.length === 1) return lines.slice(-maxLines);
      return [`${derivationName(drv)}:`, ...lines.slice(-Math.max(1, share - 1))];
    })
    .slice(0, maxLines);
}

function list(words: readonly string[]): string {
  return words.join(' and ');
}

const hints: readonly (readonly [RegExp, string])[] = [
  [
    /is required to build|required (?:system|features)/i,
    'Give Nix a machine of that kind: builders in the Nix settings of the bot.',
  ],
  [
    /the group '[^']*' specified in 'build-users-group' does not exist/,
    'Run Nix as a normal user, or make its build users: nix-setup-systemd on Debian.',
  ],
  [/timed out after/, 'Raise the time limit of a build, or make the image build faster.'],
  [/No space left on device/i, 'Free space on the disk of the Nix store.'],
  [
    /kernel does not support user namespaces|unable to (?:set up|unshare)|cloning (?:builder|namespace)/i,
    'This machine allows no sandbox: let the Nix daemon build, or allow user namespaces.',
  ],
];

function hint(errors: readonly string[]): { next?: string } {
  const text = errors.join('\n');
  const next = hints.find(([pattern]) => pattern.test(text))?.[1];
  return next === undefined ? {} : { next };
}
