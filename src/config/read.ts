import type { z } from 'zod';
import type { Mistakes } from './mistakes.ts';
import { factsOf } from './setting.ts';

/** Reads a text file in UTF-8; throws as `fs.readFileSync` does. */
export type ReadFile = (path: string) => string;

/** Variables by name, as `process.env` has them. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where settings are read from, and where mistakes in them are noted. */
export interface Source {
  readonly env: Env;
  readonly readFile: ReadFile;
  readonly mistakes: Mistakes;
}

/** A value, and how a mistake in it is called: the name of a variable, or a place in the fleets file. */
export interface Found {
  readonly at: string;
  readonly value: unknown;
}

/**
 * Reads each setting by itself, so that one mistake hides no other: from what is given, else from the environment, else its
 * default. An empty variable counts as not set. What is mistaken is noted and is absent, or has its default.
 * @param given by the name of the variable, what stands in its place
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

/** The value of a variable that is not empty; a secret may lie in a file, which `<NAME>_FILE` names. */
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
  // Otherwise the variable itself would be reported as missing as well.
  return text === undefined || text === '' ? undefined : { at: name, value: text };
}

function unlessEmpty(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}
