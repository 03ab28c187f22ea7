import { LRUCache } from 'lru-cache';
import { changesByName, type PackageChange, type PackageChanges, packageName } from '../../core/facts-difference.ts';
import type { NixSettings } from './settings.ts';
import { derivationName, drvPathPattern, firstBytes, realPath, requisites, storeRoot, validPaths } from './store.ts';

/** How many packages are told by name. */
const mostNamed = 20;
/** Of a derivation, what holds its first output: three texts of which the longest is a store path. */
const headBytes = 512;

/** Derivations by the package that they make, with the version that the name tells. */
type Packages = ReadonlyMap<string, readonly { readonly whole: string; readonly drvPath: string }[]>;

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
      if (was === undefined) continue;
      const [change] = changesByName(wholes(was), wholes(is));
      if (change?.from === undefined || change.to === undefined) continue;
      if (!(await this.#areDownloads([...was, ...is]))) changed.push(change);
    }
    return { changed: changed.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, mostNamed), all: changed.length };
  }

  async #packages(drvPath: string, signal: AbortSignal | undefined): Promise<Packages> {
    const known = this.#known.get(drvPath);
    if (known !== undefined) return known;
    const packages = new Map<string, { whole: string; drvPath: string }[]>();
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

  /** Are these fixed-output derivations: sources, patches? Their hash is known before they are made. */
  async #areDownloads(derivations: readonly { readonly drvPath: string }[]): Promise<boolean> {
    for (const { drvPath } of derivations) {
      const head = await firstBytes(realPath(storeRoot(this.#settings.store), drvPath), headBytes);
      // Derive([("out","/nix/store/…","sha256","…")], with two empty texts where it is none (Nix's derivations.cc).
      if (!/^Derive\(\[\("[^"]*","[^"]*","",/.test(Buffer.from(head).toString('latin1'))) return true;
    }
    return false;
  }
}

function wholes(derivations: readonly { readonly whole: string }[]): string[] {
  return derivations.map(({ whole }) => whole);
}
