import { isAbsolute, join } from 'node:path';

/** An image type, and each part of an attribute path. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/;

/** A store path as Nix gives it; its base 32 has no e, o, t, u. */
export const storePathPattern = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,211}$/;

/** The store path of a derivation. */
export const drvPathPattern = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,207}\.drv$/;

/** What people call a derivation: `/nix/store/<hash>-nixos-root-web.drv` is `nixos-root-web`. */
export function derivationName(drvPath: string): string {
  return drvPath.replace(/^\/nix\/store\/[a-z0-9]{32}-/, '').replace(/\.drv$/, '');
}

/** The folder that stands for `/` of a store; a private store keeps its files below its own folder. */
export function storeRoot(store: string | undefined): string {
  return store !== undefined && isAbsolute(store) ? store : '/';
}

/** Where the files of a store path really are. */
export function realPath(root: string, storePath: string): string {
  return root === '/' ? storePath : join(root, storePath);
}

/** Text without the store prefix of the flake's source: `/nix/store/<hash>-source/flake.nix` is `flake.nix`. */
export function withoutSource(text: string): string {
  // Word by word, each read from its beginning: a search from every slash would take the square of the length.
  return text.replace(/[^\s'"«»:]+/g, (word) =>
    word.replace(/^([^/]*)(?:\/.*)?\/nix\/store\/[a-z0-9]{32}-source\//, '$1'),
  );
}
