import { z } from 'zod';
import type { MessageRef } from '../chat/chat.ts';
import type { AcknowledgedDrift } from '../core/acknowledged-drift.ts';
import { hasEnded } from '../core/advance.ts';
import { UserError } from '../core/errors.ts';
import type { GuestFacts } from '../core/guest-facts.ts';
import { healthValue } from '../core/health.ts';
import { imageFacts, type KnownImage } from '../core/image-facts.ts';
import { digestsOf, type Plan } from '../core/plan.ts';
import type { Lock } from '../core/policy.ts';
import { type Run, reachedApply } from '../core/run.ts';
import { settings } from '../core/settings.ts';
import { migrateFleet, migrateRun } from './migrations/1-2.ts';
import { StoredRetainedDisk } from './plan-schema.ts';
import { StoredRun, StoredWho } from './run-schema.ts';
import { lenient, list, name, optional, reads, strict, table, text, time, vmid } from './shape.ts';
import type { FleetChange, FleetRecord, LostPart, SavedRun } from './store.ts';

/** How many ended runs of each fleet are stored: this many that reached an apply, and this many others. */
const retention = 100;

/** The version of the store that this program writes; a store of an older one is migrated when it is read. */
export const currentVersion = 2;

/** Everything a store holds, as one value. */
export interface StoreData {
  readonly version: typeof currentVersion;
  /** Oldest first. */
  readonly runs: readonly SavedRun[];
  readonly fleets: Readonly<Record<string, FleetRecord>>;
  /** What holds for a fleet that is not among `fleets`; set where those of a damaged store could not be read. */
  readonly unread?: FleetRecord;
}

/** A store that holds nothing. */
export const emptyData: StoreData = { version: currentVersion, runs: [], fleets: {} };

/**
 * Saves a run and drops the oldest ended runs beyond the limit. Runs that reached an apply and other runs are counted
 * apart, and each fleet by itself, so that no number of requests drops a run that changed guests.
 */
export function withRun(data: StoreData, saved: Run): StoreData {
  const known = data.runs.some(({ run }) => run.id === saved.id);
  const runs: readonly SavedRun[] = known
    ? data.runs.map((one) => (one.run.id === saved.id ? { ...one, run: saved } : one))
    : [...data.runs, { run: saved, messages: {} }];
  const newer = new Map<string, number>();
  const kept = runs.toReversed().filter(({ run }) => {
    if (!hasEnded(run)) return true;
    const key = retentionKey(run);
    const count = newer.get(key) ?? 0;
    newer.set(key, count + 1);
    return count < retention;
  });
  return { ...data, runs: kept.reverse() };
}

/** Adds the place where a run is shown; `undefined` when the run is not stored. */
export function withMessages(data: StoreData, runId: string, messages: MessageRef): StoreData | undefined {
  if (!data.runs.some(({ run }) => run.id === runId)) return undefined;
  const add = (one: SavedRun) => (one.run.id === runId ? { ...one, messages: { ...one.messages, ...messages } } : one);
  return { ...data, runs: data.runs.map(add) };
}

/** Gives the places where a run is shown to another run; `undefined` when one of them is not stored. */
export function withMovedMessages(data: StoreData, from: string, to: string): StoreData | undefined {
  const moved = data.runs.find(({ run }) => run.id === from)?.messages;
  if (moved === undefined || !data.runs.some(({ run }) => run.id === to)) return undefined;
  const change = (one: SavedRun) => {
    if (one.run.id === from) return { ...one, messages: {} };
    return one.run.id === to ? { ...one, messages: moved } : one;
  };
  return { ...data, runs: data.runs.map(change) };
}

function retentionKey(run: Run): string {
  return `${reachedApply(run) ? 'applied' : 'other'} ${run.fleet}`;
}

/** The stored facts of a fleet. The name may be one that every object has, such as `constructor`. */
export function fleetIn(data: StoreData, name: string): FleetRecord {
  return (Object.hasOwn(data.fleets, name) ? data.fleets[name] : data.unread) ?? {};
}

/** Changes some facts of a fleet; `undefined` removes one. */
export function withFleet(data: StoreData, name: string, change: FleetChange): StoreData {
  const merged = Object.entries({ ...fleetIn(data, name), ...change }).filter(([, value]) => value !== undefined);
  return { ...data, fleets: { ...data.fleets, [name]: Object.fromEntries(merged) } };
}

/** By chat; one that this version does not know is kept and written back. */
const StoredMessages = reads<SavedRun['messages']>()(table(name));

const StoredGuestFacts = reads<GuestFacts>()(
  strict({
    vmid,
    hadAgent: optional(z.literal(true)),
    wanted: optional(strict({ imageHash: name, health: optional(healthValue), agent: optional(z.literal(true)) })),
    declared: optional(list(name)),
    detached: optional(table(name)),
    power: optional(z.enum(['stopped', 'unmanaged'])),
    backup: optional(settings.backup.value),
    root: optional(strict({ imageHash: name, uuid: optional(name), volid: optional(name) })),
  }),
);

const StoredFleet = reads<FleetRecord>()(
  lenient({
    lastSeen: name,
    applied: name,
    lock: reads<Lock>()(strict({ reason: text, by: StoredWho, at: time })),
    running: list(vmid),
    retainedDisks: list(StoredRetainedDisk),
    guests: list(StoredGuestFacts),
    uploadedImages: list(name),
    images: list(reads<KnownImage>()(lenient({ imageHash: name, drvPath: name, facts: imageFacts }))),
    acknowledgedDrifts: list(reads<AcknowledgedDrift>()(lenient({ digest: name, until: optional(time) }))),
  }).exactPartial(),
);

/** Facts whose items are read one by one. */
const lists: readonly string[] = [
  'running',
  'retainedDisks',
  'guests',
  'uploadedImages',
  'images',
  'acknowledgedDrifts',
] satisfies (keyof FleetRecord)[];

/** The readable parts of a store, and the names of the damaged ones. */
export interface ReadStore {
  readonly data: StoreData;
  /** Empty for a store that is sound. */
  readonly lost: readonly LostPart[];
  /** The version it was written in; absent for one of the current version. */
  readonly migratedFrom?: number;
}

/**
 * Reads the text of a store. Each run and each fact of a fleet is read alone: damaged ones are left out and named, the
 * others stay as written, including fields that this version does not know. When it is unknown whether applying is
 * locked, it is locked.
 * @param now the time of such a lock
 * @throws UserError when a newer proxnix has written the store
 */
export function readStore(stored: string, file: string, now: number): ReadStore {
  const reader = new Reader(now);
  const data = reader.store(stored, file);
  const { lost, migratedFrom } = reader;
  return { data, lost, ...(migratedFrom === undefined ? {} : { migratedFrom }) };
}

/** The highest number of a run that a text names, be it damaged or not; 0 when it names none. */
export function highestRun(stored: string): number {
  let highest = 0;
  for (const [, number] of stored.matchAll(/"id"\s*:\s*"r-(\d{1,9})"/g)) highest = Math.max(highest, Number(number));
  return highest;
}

class Reader {
  readonly lost: LostPart[] = [];
  readonly #now: number;
  /** Of the store that is read. */
  #version: number = currentVersion;

  constructor(now: number) {
    this.#now = now;
  }

  get migratedFrom(): number | undefined {
    return this.#version === currentVersion ? undefined : this.#version;
  }

  store(stored: string, file: string): StoreData {
    let json: unknown;
    try {
      json = JSON.parse(stored);
    } catch {
      return this.#nothing('it is not JSON');
    }
    if (!isObject(json)) return this.#nothing('it is not an object');
    const { version } = json;
    if (Number.isInteger(version) && Number(version) > currentVersion) {
      throw new UserError(`The store ${file} was written by a newer proxnix (version ${version}).`, {
        next: 'Update this proxnix, or give it another STATE_DIR.',
      });
    }
    if (version !== 1 && version !== currentVersion) return this.#nothing('it has no version');
    this.#version = version;
    const { runs, fleets, unread, ...unknown } = json;
    const defaults = unread === undefined ? {} : { unread: this.#fleet('every other fleet', unread) };
    return { ...unknown, version: currentVersion, ...defaults, runs: this.#runs(runs), ...this.#fleets(fleets) };
  }

  #nothing(why: string): StoreData {
    this.#lose('the whole store', why);
    return { ...emptyData, unread: { lock: this.#lock() } };
  }

  #runs(json: unknown): readonly SavedRun[] {
    if (!Array.isArray(json)) {
      this.#lose('every run', 'they are not a list');
      return [];
    }
    const runs = new Map<string, SavedRun>();
    for (const [index, one] of json.entries()) {
      const saved = this.#run(one, index);
      if (saved === undefined) continue;
      if (runs.has(saved.run.id)) this.#lose(`run ${saved.run.id}`, 'another run has its number');
      else runs.set(saved.run.id, saved);
    }
    return [...runs.values()];
  }

  #run(json: unknown, index: number): SavedRun | undefined {
    const { run: frame, messages } = isObject(json) ? json : {};
    const run = StoredRun.safeParse(this.#version === 1 ? migrateRun(frame) : frame);
    const id = isObject(frame) && typeof frame['id'] === 'string' ? frame['id'] : `number ${index + 1} of the list`;
    if (!run.success) {
      this.#lose(`run ${id}`, firstIssue(run.error));
      return undefined;
    }
    const shown = StoredMessages.safeParse(messages);
    // The card of this run is posted once more.
    if (!shown.success) this.#lose(`the messages of run ${id}`, firstIssue(shown.error));
    return { run: this.#version === 1 ? withFreshDigests(run.data) : run.data, messages: shown.data ?? {} };
  }

  #fleets(json: unknown): Pick<StoreData, 'fleets' | 'unread'> {
    if (!isObject(json)) {
      this.#lose('what was remembered of every fleet', 'it is not an object');
      return { fleets: {}, unread: { lock: this.#lock() } };
    }
    // Built from entries, because a name may be one that every object has.
    return { fleets: Object.fromEntries(Object.entries(json).map(([fleet, one]) => [fleet, this.#fleet(fleet, one)])) };
  }

  #fleet(fleet: string, stored: unknown): FleetRecord {
    const json = this.#version === 1 ? migrateFleet(stored) : stored;
    const whole = StoredFleet.safeParse(json);
    if (whole.success) return whole.data;
    if (!isObject(json)) {
      this.#lose(`what was remembered of ${fleet}`, 'it is not an object');
      return { lock: this.#lock() };
    }
    const sound = Object.entries(json).flatMap(([key, value]) => this.#fact(fleet, key, value));
    return StoredFleet.parse(Object.fromEntries(sound));
  }

  /** One fact of a fleet without the damaged items of a list, or none. */
  #fact(fleet: string, key: string, value: unknown): readonly (readonly [string, unknown])[] {
    const alone = (fact: unknown) => StoredFleet.safeParse(Object.fromEntries([[key, fact]]));
    const read = alone(value);
    if (read.success) return [[key, value]];
    if (lists.includes(key) && Array.isArray(value) && value.length <= mostLookedAt) {
      const sound = value.filter((item, index) => {
        const one = alone([item]);
        if (!one.success) this.#lose(`number ${index + 1} of "${key}" of ${fleet}`, firstIssue(one.error));
        return one.success;
      });
      return [[key, sound]];
    }
    this.#lose(`"${key}" of ${fleet}`, firstIssue(read.error));
    return key === 'lock' ? [[key, this.#lock()]] : [];
  }

  /** The lock that replaces a damaged one: what is unknown is not taken for absent. */
  #lock(): Lock {
    return {
      reason: 'The store was damaged, so it is not known whether applying was locked.',
      by: { chat: 'console', id: 'proxnix', name: 'proxnix' },
      at: this.#now,
    };
  }

  #lose(what: string, why: string): void {
    this.lost.push({ what: what.slice(0, longestWord), why: why.slice(0, longestWord) });
  }
}

/**
 * Computes the digests of a migrated plan anew, because they depend on the words of a version: the approval is still
 * for the same plan. The plan id stays, because it is on the buttons of the card.
 */
function withFreshDigests(run: Run): Run {
  if (run.phase === 'failed') {
    return run.applying === undefined ? run : { ...run, applying: { ...run.applying, plan: fresh(run.applying.plan) } };
  }
  return 'plan' in run && run.plan !== undefined ? { ...run, plan: fresh(run.plan) } : run;
}

function fresh(plan: Plan): Plan {
  return { ...plan, ...digestsOf(plan) };
}

/** Text of a damaged store that is shown, in characters. */
const longestWord = 200;
/** A longer list is left out whole. */
const mostLookedAt = 10_000;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? 'it has another shape' : `${issue.path.join('.') || 'it'}: ${issue.message}`;
}
