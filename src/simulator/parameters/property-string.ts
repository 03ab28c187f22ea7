import type { Rule, Rules } from './table.ts';
import { plainProblem, UNKNOWN } from './value.ts';

/** `fast:1,discard=on` taken apart: the values by their full key and what is wrong with them. */
export interface PropertyString {
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly (readonly [key: string, text: string])[];
}

/** Takes a property string apart by its rules: default key, aliases, booleans in words. */
export function parsePropertyString(text: string, rules: Rules): PropertyString {
  const values = new Map<string, string>();
  const problems: [string, string][] = [];
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const cut = part.indexOf('=');
    const byName = cut < 0 ? undefined : rules.get(part.slice(0, cut));
    if (cut >= 0 && byName === undefined) {
      problems.push([part.slice(0, cut), UNKNOWN]);
      continue;
    }
    const keyed = byName ?? aliasedModel(part, rules) ?? [...rules.values()].find((rule) => rule.isDefault);
    if (keyed === undefined) {
      problems.push([part, UNKNOWN]);
      continue;
    }
    if (keyed.keyAlias !== undefined) values.set(keyed.keyAlias, keyed.name);
    if (keyed.keyAlias !== undefined && cut < 0) continue;
    values.set(keyed.alias ?? keyed.name, part.slice(cut + 1));
  }
  for (const [key, value] of values) {
    const rule = rules.get(key);
    const plain = rule?.type === 'boolean' ? booleanOf(value) : value;
    values.set(key, plain);
    const problem = rule === undefined ? UNKNOWN : plainProblem(plain, rule);
    if (problem !== undefined) problems.push([key, problem]);
  }
  for (const rule of rules.values()) {
    if (rule.required && !values.has(rule.name)) {
      problems.push([rule.name, 'property is missing and it is not optional']);
    }
  }
  return { values, problems };
}

/** Writes the values back as the server stores them: default key, then mandatory keys, then the rest by name. */
export function printPropertyString(values: ReadonlyMap<string, string>, rules: Rules): string {
  const model = [...rules.values()].find((rule) => rule.keyAlias !== undefined);
  const keys = [...values.keys()].toSorted();
  const rank = (key: string): number => (rules.get(key)?.isDefault ? 0 : rules.get(key)?.required ? 1 : 2);
  const parts = keys
    .toSorted((a, b) => rank(a) - rank(b))
    .filter((key) => key !== model?.keyAlias && key !== model?.alias)
    .map((key) => (rank(key) === 0 ? (values.get(key) ?? '') : `${key}=${values.get(key)}`));
  if (model?.keyAlias === undefined) return parts.join(',');
  const name = values.get(model.keyAlias) ?? '';
  const mac = values.get(model.alias ?? '');
  return [mac === undefined ? name : `${name}=${mac}`, ...parts].join(',');
}

function aliasedModel(part: string, rules: Rules): Rule | undefined {
  const rule = rules.get(part);
  return rule?.keyAlias === undefined ? undefined : rule;
}

/** Inside property strings words are fine, unlike in parameters of their own. */
function booleanOf(value: string): string {
  if (/^(1|on|yes|true)$/i.test(value)) return '1';
  if (/^(0|off|no|false)$/i.test(value)) return '0';
  return value;
}
