import type { z } from 'zod';
import { Environment, secretNames, type VariableName } from './environment.ts';
import type { Mistakes } from './mistakes.ts';

/** Reads a text file in UTF-8; throws as `fs.readFileSync` does. */
export type ReadFile = (path: string) => string;

export type Env = Readonly<Record<string, string | undefined>>;

/** Every variable parsed by itself, so that one mistake hides no other. An empty variable counts as not set. */
export function readEnvironment(env: Env, readFile: ReadFile, mistakes: Mistakes): Environment {
  const right: Partial<Record<VariableName, string>> = {};
  for (const name of Environment.keyof().options) {
    const text = textOf(name, env, readFile, mistakes);
    const schema: z.ZodType = Environment.shape[name];
    if (text !== undefined && mistakes.parse(name, schema, text) !== undefined) right[name] = text;
  }
  return Environment.parse(right);
}

/** A file's text without white space around it; `undefined` when it cannot be read, which is noted under `name`. */
export function readText(name: string, path: string, readFile: ReadFile, mistakes: Mistakes): string | undefined {
  try {
    return readFile(path).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    mistakes.add(name, `expected a file that can be read (${code}): ${path}`);
    return undefined;
  }
}

function textOf(name: VariableName, env: Env, readFile: ReadFile, mistakes: Mistakes): string | undefined {
  const own = unlessEmpty(env[name]);
  if (!secretNames.includes(name)) return own;
  const path = unlessEmpty(env[`${name}_FILE`]);
  if (path === undefined) return own;
  if (own !== undefined) {
    mistakes.add(name, `expected only one of ${name} and ${name}_FILE`);
    return undefined;
  }
  const text = readText(`${name}_FILE`, path, readFile, mistakes);
  if (text === '') mistakes.add(`${name}_FILE`, `expected a file that is not empty: ${path}`);
  // Otherwise the variable itself would be reported as missing as well.
  return text === undefined || text === '' ? undefined : text;
}

function unlessEmpty(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}
