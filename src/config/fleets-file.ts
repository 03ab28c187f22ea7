import { z } from 'zod';
import { didYouMean } from '../core/nearest.ts';
import { type Found, readText, type Source } from './read.ts';
import { factsOf, fleetName, type SettingFacts } from './setting.ts';
import type { Section } from './settings.ts';

/** The variable that names the file. Mistakes in the file begin with it and name the place. */
const variable = 'PROXNIX_FLEETS';

/** The file's entry of one cluster or one fleet. */
export interface Entry {
  readonly name: string;
  /** The values that override the environment, by variable. */
  readonly given: ReadonlyMap<string, Found>;
  /** The place of a variable's value in the file, for a mistake. */
  readonly at: (variable: string) => string;
}

/** The entries of a fleets file. */
export interface FleetsFile {
  readonly clusters: readonly Entry[];
  /** `cluster` is the name of its cluster. */
  readonly fleets: readonly (Entry & { readonly cluster: string })[];
}

/** The place of a secret. The file itself holds no secret, so it may be kept in git. */
const SecretPlace = z.union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })], {
  error: 'expected { "env": NAME } or { "file": PATH }',
});

const Json = z.strictObject({
  clusters: z.record(fleetName, z.record(z.string(), z.unknown())),
  fleets: z.record(fleetName, z.record(z.string(), z.unknown())),
});

/** A key of the file with the corresponding variable. */
interface Key {
  readonly variable: string;
  readonly isSecret: boolean;
}

/** Reads several fleets and clusters from a JSON file, whose keys come from the list of settings. */
export function readFleetsFile(path: string, sections: readonly Section[], source: Source): FleetsFile {
  const { env, mistakes } = source;
  const settings = sections.flatMap((section) =>
    Object.entries(section.settings.shape).map(([name, schema]) => [name, factsOf(schema)] as const),
  );
  for (const [name, { isOneFleets }] of settings) {
    if (isOneFleets !== true || (env[name] ?? '') === '') continue;
    mistakes.add(name, `expected in the fleets file, because ${variable} is set`);
  }
  const text = readText(variable, path, source);
  const file = text === undefined ? undefined : mistakes.parse(variable, Json, parseJson(text, source));
  if (file === undefined) return { clusters: [], fleets: [] };
  if (Object.keys(file.fleets).length === 0) mistakes.add(variable, 'fleets: expected at least one fleet');
  const clusterKeys = keysOf(settings, 'cluster');
  const fleetKeys = keysOf(settings, 'fleet');
  const known = Object.keys(file.clusters);
  return {
    clusters: Object.entries(file.clusters).map(([name, json]) =>
      readEntry(`clusters.${name}`, name, json, clusterKeys, source),
    ),
    fleets: Object.entries(file.fleets).map(([name, { cluster, ...json }]) => {
      const isKnown = typeof cluster === 'string' && known.includes(cluster);
      if (!isKnown) mistakes.add(`${variable}: fleets.${name}.cluster`, `expected one of ${known.join(', ')}`);
      return { ...readEntry(`fleets.${name}`, name, json, fleetKeys, source), cluster: isKnown ? cluster : '' };
    }),
  };
}

function parseJson(text: string, { mistakes }: Source): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    mistakes.add(variable, `expected JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
    return { clusters: {}, fleets: {} };
  }
}

function keysOf(
  settings: readonly (readonly [string, SettingFacts])[],
  of: 'cluster' | 'fleet',
): ReadonlyMap<string, Key> {
  const keys = settings.flatMap(([name, { inFile, isSecret }]) =>
    inFile?.of === of ? [[inFile.key, { variable: name, isSecret: isSecret === true }] as const] : [],
  );
  return new Map(keys);
}

function readEntry(
  place: string,
  name: string,
  json: Readonly<Record<string, unknown>>,
  keys: ReadonlyMap<string, Key>,
  source: Source,
): Entry {
  const given = new Map<string, Found>();
  for (const [key, value] of Object.entries(json)) {
    const at = `${variable}: ${place}.${key}`;
    const known = keys.get(key);
    if (known === undefined) {
      source.mistakes.add(at, `expected another key${didYouMean(key, [...keys.keys()])}`);
      continue;
    }
    const found = known.isSecret ? secretAt(at, value, source) : value;
    if (found !== undefined) given.set(known.variable, { at, value: found });
  }
  const keyOf = new Map([...keys].map(([key, known]) => [known.variable, key]));
  return { name, given, at: (setting) => `${variable}: ${place}.${keyOf.get(setting) ?? setting}` };
}

/** The text of a secret; empty when its variable is not set, so that the mistake names the place in the file. */
function secretAt(at: string, value: unknown, source: Source): string | undefined {
  const place = source.mistakes.parse(at, SecretPlace, value);
  if (place === undefined) return undefined;
  return 'env' in place ? (source.env[place.env] ?? '') : readText(at, place.file, source);
}
