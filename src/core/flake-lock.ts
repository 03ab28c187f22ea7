import { z } from 'zod';
import { isDeeperThan } from '../lib/text.ts';

/** An input of a flake as its lock file pins it. */
export interface LockedInput {
  /** The first digits of the commit, or of the content's hash where there is no commit. */
  readonly rev: string;
  /** The time of that commit, in milliseconds since the epoch; absent where the lock file does not say it. */
  readonly at?: number;
}

/** An input that two lock files pin otherwise: added without `from`, removed without `to`. */
export interface InputChange {
  readonly name: string;
  readonly from?: LockedInput;
  readonly to?: LockedInput;
}

const shortRev = 7;
const longestName = 60;
const mostInputs = 200;
const deepest = 8;

const Locked = z.looseObject({
  rev: z.string().max(200).optional(),
  narHash: z.string().max(200).optional(),
  lastModified: z.number().min(0).max(1e11).optional(),
});
/** `nix flake lock --help`, "Lock files"; an input that follows another one is a path, and pins nothing itself. */
const Node = z.looseObject({
  locked: Locked.optional(),
  inputs: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
});
const Lock = z.looseObject({ root: z.string(), nodes: z.record(z.string(), Node) });

/**
 * What changed in the inputs of a flake, those of the flake itself first, then the inputs of inputs.
 * @param before the text of `flake.lock`, absent where there is none
 * @returns nothing where a text is none that Nix wrote: an evaluation says that in its own words
 */
export function changedInputs(before: string | undefined, after: string | undefined): readonly InputChange[] {
  const [old, now] = [readInputs(before), readInputs(after)];
  if (old === undefined || now === undefined) return [];
  const names = [...new Set([...now.keys(), ...old.keys()])].slice(0, mostInputs);
  return names.flatMap((name): InputChange[] => {
    const [from, to] = [old.get(name), now.get(name)];
    if (from?.rev === to?.rev) return [];
    return [{ name: shortened(name), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }];
  });
}

/** The inputs by name: `nixpkgs`, `home-manager`, and those of an input as `home-manager/nixpkgs`. */
function readInputs(text: string | undefined): ReadonlyMap<string, LockedInput> | undefined {
  if (text === undefined) return new Map();
  const lock = Lock.safeParse(parse(text)).data;
  if (lock === undefined) return undefined;
  const found = new Map<string, LockedInput>();
  const seen = new Set<string>();
  let level: readonly (readonly [path: string, key: string])[] = [['', lock.root]];
  while (level.length > 0 && found.size < mostInputs) {
    const next: (readonly [string, string])[] = [];
    for (const [path, key] of level) {
      if (seen.has(key)) continue;
      seen.add(key);
      const node = Object.hasOwn(lock.nodes, key) ? lock.nodes[key] : undefined;
      const locked = lockedInput(node?.locked);
      if (path !== '' && locked !== undefined) found.set(path, locked);
      for (const [name, to] of Object.entries(node?.inputs ?? {})) {
        if (typeof to === 'string') next.push([path === '' ? name : `${path}/${name}`, to]);
      }
    }
    level = next;
  }
  return found;
}

function lockedInput(locked: z.infer<typeof Locked> | undefined): LockedInput | undefined {
  const rev = locked?.rev ?? locked?.narHash?.replace(/^sha256-/, '');
  if (rev === undefined) return undefined;
  const at = locked?.lastModified;
  return { rev: rev.slice(0, shortRev), ...(at === undefined ? {} : { at: at * 1000 }) };
}

function shortened(name: string): string {
  return name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name;
}

function parse(text: string): unknown {
  if (isDeeperThan(text, deepest)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
