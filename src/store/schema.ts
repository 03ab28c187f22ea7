import type { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { KnownDrift } from '../core/known-drift.ts';
import type { Lock } from '../core/policy.ts';
import { emptyData, type StoreData } from './data.ts';
import { StoredKept } from './plan-schema.ts';
import { StoredRun, StoredWho } from './run-schema.ts';
import { acted, list, name, optional, reads, table, text, time, told, vmid } from './shape.ts';
import type { FleetRecord, LostPart, SavedRun } from './store.ts';

/** By chat; one that this version does not know is kept and written back. */
const StoredMessages = reads<SavedRun['messages']>()(table(name));

const StoredFleet = reads<FleetRecord>()(
  told({
    lastSeen: name,
    applied: name,
    lock: reads<Lock>()(acted({ reason: text, by: StoredWho, at: time })),
    running: list(vmid),
    kept: list(StoredKept),
    drifts: list(reads<KnownDrift>()(told({ digest: name, until: optional(time) }))),
  }).exactPartial(),
);

/** Facts whose items are read one by one. */
const lists: readonly string[] = ['running', 'kept', 'drifts'] satisfies (keyof FleetRecord)[];

/** What was read of a store, part by part, and what could not be. */
export interface ReadStore {
  readonly data: StoreData;
  /** Empty for a store that is sound. */
  readonly lost: readonly LostPart[];
}

/**
 * Reads the text of a store. Each run and each fact of a fleet is read alone: what is damaged is left out and named, the
 * rest is as it was written, with the fields that this version does not know. Where it cannot be told whether applying is
 * locked, it is locked.
 * @param now the time of such a lock
 * @throws UserError when a newer proxnix has written it
 */
export function readStore(stored: string, file: string, now: number): ReadStore {
  const reader = new Reader(now);
  return { data: reader.store(stored, file), lost: reader.lost };
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

  constructor(now: number) {
    this.#now = now;
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
    if (Number.isInteger(version) && Number(version) > 1) {
      throw new UserError(`The store ${file} was written by a newer proxnix (version ${version}).`, {
        next: 'Update this proxnix, or give it another STATE_DIR.',
      });
    }
    if (version !== 1) return this.#nothing('it has no version');
    const { runs, fleets, unread, ...unknown } = json;
    const defaults = unread === undefined ? {} : { unread: this.#fleet('every other fleet', unread) };
    return { ...unknown, version, ...defaults, runs: this.#runs(runs), ...this.#fleets(fleets) };
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
    const run = StoredRun.safeParse(frame);
    const id = isObject(frame) && typeof frame['id'] === 'string' ? frame['id'] : `number ${index + 1} of the list`;
    if (!run.success) {
      this.#lose(`run ${id}`, firstIssue(run.error));
      return undefined;
    }
    const shown = StoredMessages.safeParse(messages);
    // Its card is posted once more.
    if (!shown.success) this.#lose(`the messages of run ${id}`, firstIssue(shown.error));
    return { run: run.data, messages: shown.data ?? {} };
  }

  #fleets(json: unknown): Pick<StoreData, 'fleets' | 'unread'> {
    if (!isObject(json)) {
      this.#lose('what was remembered of every fleet', 'it is not an object');
      return { fleets: {}, unread: { lock: this.#lock() } };
    }
    // Built from entries: a name may be one that every object knows.
    return { fleets: Object.fromEntries(Object.entries(json).map(([fleet, one]) => [fleet, this.#fleet(fleet, one)])) };
  }

  #fleet(fleet: string, json: unknown): FleetRecord {
    const whole = StoredFleet.safeParse(json);
    if (whole.success) return whole.data;
    if (!isObject(json)) {
      this.#lose(`what was remembered of ${fleet}`, 'it is not an object');
      return { lock: this.#lock() };
    }
    const sound = Object.entries(json).flatMap(([key, value]) => this.#fact(fleet, key, value));
    return StoredFleet.parse(Object.fromEntries(sound));
  }

  /** One fact of a fleet: as it is, without what is damaged in a list, or none. */
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

  /** Stands where a lock may have been: what is unknown is not taken for absent. */
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
