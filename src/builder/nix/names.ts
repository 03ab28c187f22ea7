import { isAbsolute, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** An image type, and each part of an attribute path. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/;

/** A store path as Nix gives it; its base 32 has no e, o, t, u. */
export const storePathPattern = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]{1,211}$/;

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

/** Text without colours and other control characters; the last state of a line that was redrawn. */
export function plainText(text: string): string {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.replace(/\r+$/, '').split('\r').at(-1))
    .join('\n')
    .replace(/[^\P{Cc}\t\n]/gu, '');
}

/** Text without the store prefix of the flake's source: `/nix/store/<hash>-source/flake.nix` is `flake.nix`. */
export function withoutSource(text: string): string {
  return text.replace(/(?:\/[^\s'"«»:]*)?\/nix\/store\/[a-z0-9]{32}-source\//g, '');
}
