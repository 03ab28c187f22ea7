import { mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import { imageTitle } from '../../core/guest.ts';
import { Newest } from '../../lib/streams.ts';
import { cleanText, lastState } from '../../lib/text.ts';
import type { BuildMonitor } from '../builder.ts';
import { type Attempt, buildError, isOfDependents } from './build-error.ts';
import { type NixEvent, parseLine, runNix } from './process.ts';
import type { NixSettings } from './settings.ts';
import { buildArguments } from './settings.ts';
import { addRoots, derivationName, requisites, validPaths } from './store.ts';

/**
 * Builds the derivations of images, which all are in the store. Afterwards every image that was built has its GC root,
 * also when others failed.
 * @param build name of this build: its links hold the outputs until the images have roots of their own
 * @throws UserError naming the derivations that broke, or when a path differs from the planned one
 */
export async function realise(
  settings: NixSettings,
  images: readonly Image[],
  build: string,
  monitor: BuildMonitor,
  signal?: AbortSignal,
): Promise<void> {
  if (images.length === 0) return;
  await mkdir(settings.rootsDir, { recursive: true });
  const attempts: Attempt[] = [];
  for (let todo = images; todo.length > 0; ) {
    const attempt = await tryToRealise(settings, todo, join(settings.rootsDir, build), monitor, signal);
    attempts.push(attempt);
    // The validity of paths tells which images were built; the exit code does not (a daemon always returns 1).
    const valid = await validPaths(
      settings,
      todo.map((image) => image.storePath),
    );
    await addRoots(
      settings,
      todo.filter((image) => valid.has(image.storePath)),
    );
    if (attempt.cancelled) throw new UserError('The build was cancelled. What was finished stays built.');
    if (attempt.ok) {
      checkPaths(todo, attempt.built);
      if (attempts.length === 1) return;
      break;
    }
    const rest = await unharmed(
      settings,
      todo.filter((image) => !valid.has(image.storePath)),
      attempt,
    );
    if (rest.length === 0 || rest.length === todo.length) break;
    todo = rest;
  }
  throw await buildError(settings, images, attempts);
}

async function tryToRealise(
  settings: NixSettings,
  images: readonly Image[],
  link: string,
  monitor: BuildMonitor,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  const drvs = [...new Set(images.map((image) => image.drvPath))];
  const progress = new BuildProgress(monitor);
  const started = settings.now();
  const result = await runNix(settings, {
    program: 'nix-store',
    args: buildArguments(settings, drvs, link),
    signal,
    onLine: (line) => {
      const event = parseLine(line);
      if (event !== undefined) progress.event(event);
    },
  });
  const ok = result.exitCode === 0;
  if (ok) progress.finish();
  settings.log.debug({ drvs, ms: settings.now() - started, exitCode: result.exitCode }, 'built');
  const links = ok ? result.stdout.split('\n').filter((line) => line !== '') : [];
  const built = await Promise.all(links.map((path) => readlink(path)));
  return { ok, cancelled: result.ended === 'cancelled', built, errors: progress.errors(), failed: progress.failed() };
}

/** Throws when the built path differs from the approved one. */
function checkPaths(images: readonly Image[], built: readonly string[]): void {
  const other = images.find((image) => !built.includes(image.storePath));
  if (other === undefined) return;
  throw new UserError(
    `The image ${imageTitle(other)} was built as another store path than the planned ${other.storePath}.`,
    {
      next: 'Plan again; if it happens again, the image is not a plain derivation.',
      details: built,
    },
  );
}

/** `--keep-going` stops at a derivation this machine cannot build; images that need none of those are tried again. */
async function unharmed(settings: NixSettings, images: readonly Image[], attempt: Attempt): Promise<readonly Image[]> {
  if (!attempt.errors.some((text) => /\bis required to build\b|required (?:system|features)/i.test(text))) return [];
  const culprits = [...attempt.failed.keys()];
  const needed = await Promise.all(images.map((image) => requisites(settings, image.drvPath)));
  return images.filter((_, index) => !culprits.some((drv) => needed[index]?.has(drv)));
}

const activity = { builds: 104, build: 105 } as const;
const result = { logLine: 101, progress: 105 } as const;
const outputLimit = 50;
/** Nix allows names of 211 characters. */
const drvInText = /\/nix\/store\/[a-z0-9]{32}-[^'\s;!^]{1,211}?\.drv/g;
/** A builder may send messages that look like errors of Nix, without end. */
const keptErrors = { count: 200, bytes: 1024 * 1024 };

/**
 * Follows the events of one `nix-store --realise` and tells the monitor. The total is what Nix announces; the value is
 * `done` of the first activity of kind Builds: a remote builder nests further ones, and `expected` climbs and falls.
 * With `--keep-going` Nix names a derivation that failed while others are still built.
 */
export class BuildProgress {
  readonly #monitor: BuildMonitor;
  readonly #building = new Map<string, string>();
  readonly #lines = new Map<string, string[]>();
  readonly #errors = new Newest<string>(keptErrors);
  readonly #failedNames = new Set<string>();
  #buildsId: string | undefined;
  #total = 0;
  #done = 0;
  #running = 0;

  constructor(monitor: BuildMonitor) {
    this.#monitor = monitor;
  }

  event(event: NixEvent): void {
    switch (event.kind) {
      case 'message':
        this.#message(event.level, event.text);
        return;
      case 'start':
        this.#start(event.id, event.type, event.fields);
        return;
      case 'result':
        this.#result(event.id, event.type, event.fields);
        return;
      case 'stop':
        this.#building.delete(event.id);
        return;
      case 'text':
        if (event.text.startsWith('error:')) this.#addError(event.text.replace(/^error:\s*/, ''));
        return;
      case 'trace':
      case 'warning':
        // Only an evaluation says them.
        return;
    }
  }

  /** The build succeeded: the progress is set to its end, whatever the last event said. */
  finish(): void {
    this.#running = 0;
    this.#done = this.#total;
    this.#report();
  }

  /** Nix's errors, oldest first. */
  errors(): readonly string[] {
    return this.#errors.items();
  }

  /** The derivations that an error names, with the last lines of their logs; those that never ran have none. */
  failed(): ReadonlyMap<string, readonly string[]> {
    // Through a daemon an error quotes log lines, and those may name anything.
    const named = this.#errors.items().flatMap(namedIn);
    return new Map([...new Set(named)].map((drv) => [drv, this.#lines.get(drv) ?? []]));
  }

  #addError(text: string): void {
    this.#errors.add(text, Buffer.byteLength(text));
    if (isOfDependents(text)) return;
    const before = this.#failedNames.size;
    for (const drv of namedIn(text)) this.#failedNames.add(derivationName(drv));
    if (this.#failedNames.size > before) this.#report();
  }

  #message(level: number, text: string): void {
    if (level === 0) this.#addError(text);
    const announced = /^(?:these (\d+) derivations|this derivation) will be built:/.exec(text);
    if (announced === null || this.#total > 0) return;
    this.#total = Number(announced[1] ?? 1);
    this.#report();
  }

  #start(id: string, type: number, fields: readonly (string | number)[]): void {
    if (type === activity.builds) this.#buildsId ??= id;
    if (type !== activity.build || typeof fields[0] !== 'string') return;
    this.#building.set(id, fields[0]);
  }

  #result(id: string, type: number, fields: readonly (string | number)[]): void {
    if (type === result.progress && id === this.#buildsId) {
      const [done, , running] = fields;
      if (typeof done !== 'number' || typeof running !== 'number') return;
      const next = Math.max(this.#done, Math.min(this.#total, done));
      if (next === this.#done && running === this.#running) return;
      this.#done = next;
      this.#running = running;
      this.#report();
    }
    const drv = this.#building.get(id);
    if (type !== result.logLine || drv === undefined || typeof fields[0] !== 'string') return;
    // Only the last state of a progress bar is reported.
    const text = cleanText(lastState(fields[0]));
    this.#lines.set(drv, [...(this.#lines.get(drv) ?? []), text].slice(-outputLimit));
    this.#monitor.line(derivationName(drv), text);
  }

  #report(): void {
    if (this.#total === 0) return;
    // `stop` may come long after the end of a derivation, so the count decides: the newest ones are running.
    const names = [...new Set([...this.#building.values()].map(derivationName))];
    const failed = [...this.#failedNames];
    const running = this.#running === 0 ? [] : names.filter((name) => !failed.includes(name)).slice(-this.#running);
    this.#monitor.progress(this.#done, this.#total, running, failed);
  }
}

function namedIn(error: string): readonly string[] {
  return withoutQuotes(error).match(drvInText) ?? [];
}

function withoutQuotes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*>/.test(line))
    .join('\n');
}
