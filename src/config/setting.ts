import { z } from 'zod';

/** What is known of a setting beside its schema. */
export interface SettingFacts {
  /** One plain sentence for `.env.example`. */
  readonly about: string;
  /** A value that works and is not the default. */
  readonly example: string;
  /** Its value is a secret, which may also come as `<NAME>_FILE`: the path of a file (systemd credentials, Docker). */
  readonly isSecret?: true;
  /** Its key in the fleets file, where a cluster or a fleet may have a value of its own. */
  readonly inFile?: { readonly of: 'cluster' | 'fleet'; readonly key: string };
  /** With a fleets file it stands in that file alone: the variable would be ignored without a word. */
  readonly isOneFleets?: true;
}

const known = z.registry<SettingFacts>();

/**
 * A setting: a schema that reads it from text, with the facts about it. A list, a number and a yes or no read themselves
 * from JSON as well. The same schema object must not be given twice; `.optional()` and `.prefault()` make new ones.
 */
export function setting<Schema extends z.ZodType>(schema: Schema, facts: SettingFacts): Schema {
  known.add(schema, facts);
  return schema;
}

/** @throws Error for a schema that `setting` did not make */
export function factsOf(schema: z.core.$ZodType): SettingFacts {
  const facts = known.get(schema);
  if (facts === undefined) throw new Error('a setting has no facts');
  return facts;
}

/** The default as it would stand in the environment; empty: there is none. */
export function defaultOf(schema: z.core.$ZodType): string {
  if (!(schema instanceof z.ZodPrefault)) return '';
  return z.string().parse(schema.def.defaultValue);
}
