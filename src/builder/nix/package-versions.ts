import { LRUCache } from 'lru-cache';
import { changesByName, type PackageChange, type PackageChanges, packageName } from '../../core/facts-difference.ts';
import type { NixSettings } from './settings.ts';
import { derivationName, drvPathPattern, firstBytes, realPath, requisites, storeRoot, validPaths } from './store.ts';

/** How many packages are told by name. */
const mostNamed = 20;
/** Of a derivation, what holds its first output: three texts of which the longest is a store path. */
const headBytes = 512;

/** A derivation and its name with the version. */
interface Derivation {
  readonly whole: string;
  readonly drvPath: string;
}

/** Derivations by the name of what they make, without its version. */
type Packages = ReadonlyMap<string, readonly Derivation[]>;

/** Compares the derivations that images are made of. Those of an image are asked for once. */
export class PackageVersions {
  readonly #settings: NixSettings;
  readonly #known = new LRUCache<string, Packages>({ max: 100 });

  constructor(settings: NixSettings) {
    this.#settings = settings;
  }

  /** See `Builder.packageVersions`. */
  async between(before: string, after: string, signal?: AbortSignal): Promise<PackageChanges | undefined> {
    if (![before, after].every((path) => drvPathPattern.test(path))) return undefined;
    // Nix's garbage collector may have deleted either, also one that was asked for before.
    if ((await validPaths(this.#settings, [before, after])).size < new Set([before, after]).size) return undefined;
    const [old, now] = [await this.#packages(before, signal), await this.#packages(after, signal)];
    const changed: PackageChange[] = [];
    for (const [name, is] of now) {
      const was = old.get(name);
      // Only of packages that seem to have changed it is read which of them are downloads: that takes a file each.
      if (was === undefined || !versionChange(wholes(was), wholes(is))) continue;
      const change = versionChange(wholes(await this.#made(was)), wholes(await this.#made(is)));
      if (change !== undefined) changed.push(change);
    }
    return { changed: changed.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, mostNamed), all: changed.length };
  }

  async #packages(drvPath: string, signal: AbortSignal | undefined): Promise<Packages> {
    const known = this.#known.get(drvPath);
    if (known !== undefined) return known;
    const packages = new Map<string, Derivation[]>();
    for (const path of await requisites(this.#settings, drvPath, signal)) {
      if (!drvPathPattern.test(path)) continue;
      const whole = derivationName(path);
      const { name, version } = packageName(whole);
      // The system itself has the release as its version, which is a fact of its own.
      if (version === '' || name.startsWith('nixos-system-')) continue;
      packages.set(name, [...(packages.get(name) ?? []), { whole, drvPath: path }]);
    }
    this.#known.set(drvPath, packages);
    return packages;
  }

  /** These without fixed-output derivations (sources, patches), whose hash is known before they are made. */
  async #made(derivations: readonly Derivation[]): Promise<readonly Derivation[]> {
    const made: Derivation[] = [];
    for (const one of derivations) {
      const head = await firstBytes(realPath(storeRoot(this.#settings.store), one.drvPath), headBytes);
      // Derive([("out","/nix/store/…","sha256","…")], with two empty texts where it is none (Nix's derivations.cc).
      if (/^Derive\(\[\("[^"]*","[^"]*","",/.test(Buffer.from(head).toString('latin1'))) made.push(one);
    }
    return made;
  }
}

/** The change of a package that both sides have in versions of their own. */
function versionChange(before: readonly string[], after: readonly string[]): PackageChange | undefined {
  const [change] = changesByName(before, after);
  return change?.from === undefined || change.to === undefined ? undefined : change;
}

function wholes(derivations: readonly Derivation[]): readonly string[] {
  return derivations.map(({ whole }) => whole);
}
