import { cut } from '../lib/text.ts';

/** More than any cluster has, and more than a guest has fields: what is beyond costs time and says nothing. */
const most = { guests: 10_000, values: 500, depth: 8 } as const;
/** Characters of a guest's key. */
const longestKey = 255;

/**
 * What is wrong with the form of the flake's output, before its fields are read: sizes, and names that JavaScript takes
 * for something else. `JSON.parse` keeps `__proto__` as a name of its own, and most of what copies an object loses it.
 */
export function shapeProblems(output: unknown): readonly string[] {
  if (!isSet(output)) return [];
  const own = Object.keys(output).includes('__proto__') ? [reserved('__proto__')] : [];
  return [...own, ...guestsProblems('vms', output['vms']), ...guestsProblems('containers', output['containers'])];
}

function guestsProblems(name: string, entries: unknown): readonly string[] {
  if (!isSet(entries)) return [];
  const keys = Object.keys(entries);
  if (keys.length > most.guests) return [`"${name}" has ${keys.length} guests, at most ${most.guests} are possible`];
  return keys.flatMap((key) => {
    const path = `${name}.${cut(key, 100)}`;
    if (key === '__proto__') return [reserved(path)];
    if (key.length > longestKey) return [`"${path}" is a name of more than ${longestKey} characters`];
    return guestProblem(path, entries[key]);
  });
}

/** The first problem of one guest. Without recursion: the depth is what somebody else chose. */
function guestProblem(top: string, guest: unknown): readonly string[] {
  const open = [{ path: top, value: guest, depth: 0 }];
  let values = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth === most.depth) return [`"${top}" is nested deeper than ${most.depth}`];
    const entries = Object.entries(value);
    values += entries.length;
    if (values > most.values) return [`"${top}" has more than ${most.values} values`];
    for (const [key, inner] of entries) {
      const at = `${path}.${cut(key, 100)}`;
      if (key === '__proto__') return [reserved(at)];
      open.push({ path: at, value: inner, depth: depth + 1 });
    }
  }
  return [];
}

function reserved(path: string): string {
  return `"${path}" is a name that proxnix cannot take`;
}

function isSet(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
