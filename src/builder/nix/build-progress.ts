import { Newest } from '../../lib/newest.ts';
import { cleanText, lastState } from '../../lib/text.ts';
import type { BuildMonitor } from '../builder.ts';
import type { NixEvent } from './log-stream.ts';
import { derivationName } from './names.ts';

const activity = { builds: 104, build: 105 } as const;
const result = { logLine: 101, progress: 105 } as const;
const outputLimit = 50;
/** Nix allows names of 211 characters. */
const drvInText = /\/nix\/store\/[a-z0-9]{32}-[^'\s;!^]{1,211}?\.drv/g;
/** A builder may send messages that look like errors of Nix, without end. */
const keptErrors = { count: 200, bytes: 1024 * 1024 };

/**
 * Follows the events of one `nix-store --realise` and tells the monitor. The total is what Nix announces; the value is
 * `done + failed` of the first activity of kind Builds: a remote builder nests further ones, and `expected` climbs and
 * falls.
 */
export class BuildProgress {
  readonly #monitor: BuildMonitor;
  readonly #building = new Map<string, string>();
  readonly #lines = new Map<string, string[]>();
  readonly #errors = new Newest<string>(keptErrors);
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
    }
  }

  /** The build ended well: the bar stands at its end, whatever the last event said. */
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
    const named = this.#errors.items().flatMap((text) => withoutQuotes(text).match(drvInText) ?? []);
    return new Map([...new Set(named)].map((drv) => [drv, this.#lines.get(drv) ?? []]));
  }

  #addError(text: string): void {
    this.#errors.add(text, Buffer.byteLength(text));
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
      const [done, , running, failed] = fields;
      if (typeof done !== 'number' || typeof running !== 'number' || typeof failed !== 'number') return;
      const next = Math.max(this.#done, Math.min(this.#total, done + failed));
      if (next === this.#done && running === this.#running) return;
      this.#done = next;
      this.#running = running;
      this.#report();
    }
    const drv = this.#building.get(id);
    if (type !== result.logLine || drv === undefined || typeof fields[0] !== 'string') return;
    // Of a progress bar only its last state is worth a line.
    const text = cleanText(lastState(fields[0]));
    this.#lines.set(drv, [...(this.#lines.get(drv) ?? []), text].slice(-outputLimit));
    this.#monitor.line(derivationName(drv), text);
  }

  #report(): void {
    if (this.#total === 0) return;
    // `stop` may come long after the end, so the count decides: the newest so many are those that run.
    const names = [...new Set([...this.#building.values()].map(derivationName))];
    this.#monitor.progress(this.#done, this.#total, this.#running === 0 ? [] : names.slice(-this.#running));
  }
}

function withoutQuotes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*>/.test(line))
    .join('\n');
}
