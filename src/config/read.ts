import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { factsOf } from './setting.ts';

/** Reads a text file in UTF-8; throws as `fs.readFileSync` does. */
export type ReadFile = (path: string) => string;

/** Variables by name, like `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The source of settings, and the collector of mistakes. */
export interface Source {
  readonly env: Env;
  readonly readFile: ReadFile;
  readonly mistakes: Mistakes;
}

/** A value with its place for a mistake: the name of a variable, or a place in the fleets file. */
export interface Found {
  readonly at: string;
  readonly value: unknown;
}

/**
 * Reads each setting by itself, so that one mistake hides no other: from `given`, else from the environment, else its
 * default. An empty variable counts as not set. A wrong value is noted, and is absent or has its default.
 * @param given values that override the environment, by the name of the variable
 */
export function readSettings<Shape extends z.ZodRawShape>(
  settings: z.ZodObject<Shape>,
  source: Source,
  given: ReadonlyMap<string, Found> = new Map(),
): z.output<z.ZodObject<Shape>> {
  const right: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries<z.core.$ZodType>(settings.shape)) {
    const found = given.get(name) ?? variable(name, factsOf(schema).isSecret === true, source);
    if (found === undefined) continue;
    if (source.mistakes.parse(found.at, schema, found.value) !== undefined) right[name] = found.value;
  }
  return settings.parse(right);
}

/** A file's text without white space around it; `undefined` when it cannot be read, which is noted under `name`. */
export function readText(name: string, path: string, { readFile, mistakes }: Source): string | undefined {
  try {
    return readFile(path).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    mistakes.add(name, `expected a file that can be read (${code}): ${path}`);
    return undefined;
  }
}

/** The value of a variable that is not empty. `<NAME>_FILE` may name a file with a secret. */
function variable(name: string, isSecret: boolean, source: Source): Found | undefined {
  const { env, mistakes } = source;
  const own = unlessEmpty(env[name]);
  const path = isSecret ? unlessEmpty(env[`${name}_FILE`]) : undefined;
  if (path === undefined) return own === undefined ? undefined : { at: name, value: own };
  if (own !== undefined) {
    mistakes.add(name, `expected only one of ${name} and ${name}_FILE`);
    return undefined;
  }
  const text = readText(`${name}_FILE`, path, source);
  if (text === '') mistakes.add(`${name}_FILE`, `expected a file that is not empty: ${path}`);
  // A mistake was noted about the file; the empty value keeps the variable from being reported as missing as well.
  return text === undefined || text === '' ? undefined : { at: name, value: text };
}

function unlessEmpty(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}

/** Collects the mistakes of a configuration, so that all are reported at once. */
export class Mistakes {
  readonly #lines: string[] = [];

  /** @param name the variable, e.g. `GIT_URL`; @param expected the expected value, never the actual one (it may be secret) */
  add(name: string, expected: string): void {
    const line = `${name}: ${expected}`;
    if (!this.#lines.includes(line)) this.#lines.push(line);
  }

  /** Notes that a value is missing, unless a mistake about it is already noted. */
  need<T>(name: string, value: T | undefined, why: string): T | undefined {
    const noted = this.#lines.some((line) => line.startsWith(`${name}: `) || line.startsWith(`${name}_FILE: `));
    if (value === undefined && !noted) this.add(name, `needed ${why}`);
    return value;
  }

  /** Parses one value; a mistake is noted and gives `undefined`. */
  parse<T>(name: string, schema: z.core.$ZodType<T>, value: unknown): T | undefined {
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const path = issue.path.map((part) => (typeof part === 'number' ? `entry ${part + 1}` : String(part)));
      this.add(name, [...path, issue.message].join(' '));
    }
    return undefined;
  }

  /** Throws one `UserError` when anything was noted. @param hints what may be meant by variables that are not read */
  check(hints: readonly string[] = []): void {
    if (this.#lines.length === 0) return;
    const count = this.#lines.length === 1 ? 'a mistake' : `${this.#lines.length} mistakes`;
    throw new UserError(`The configuration has ${count}.`, {
      details: [...this.#lines, ...hints],
      next: 'Correct the variables named above; .env.example explains each one.',
    });
  }
}

/**
 * A warning for each unknown variable whose name nearly equals a known one.
 * @param known the names of all variables
 */
export function nearMisses(env: Readonly<Record<string, unknown>>, known: readonly string[]): string[] {
  return Object.keys(env)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => isSlipOf(name.replace(/^PROXNIX_/, ''), candidate));
      if (meant !== undefined) return [`${name}: is not read; ${meant} is meant?`];
      return name.startsWith('PROXNIX_') ? [`${name}: is not read; .env.example has every variable.`] : [];
    })
    .sort();
}

/**
 * Whether two names differ in one place only: two characters changed or swapped, or up to four added or missing. Stricter than
 * the suggestions for typed commands, because an environment is full of other programs' variables (HTTP_PROXY, NIX_PATH).
 */
function isSlipOf(name: string, candidate: string): boolean {
  let start = 0;
  while (start < Math.min(name.length, candidate.length) && name[start] === candidate[start]) start++;
  let end = 0;
  const most = Math.min(name.length, candidate.length) - start;
  while (end < most && name.at(-1 - end) === candidate.at(-1 - end)) end++;
  const [left, right] = [name.length - start - end, candidate.length - start - end];
  if (start + end < 4) return false;
  return Math.min(left, right) === 0 ? Math.max(left, right) <= 4 : Math.max(left, right) <= 2;
}
