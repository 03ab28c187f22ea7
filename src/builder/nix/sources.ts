import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Source } from '../../git/git.ts';
import type { Frame } from './process.ts';
import { withoutSource } from './store.ts';

/** A file of a source as Nix names it: in a message, or as the place of a frame. */
export interface SourceFile {
  /**
   * What tells sources apart: the hash of `/nix/store/<hash>-source`, or the flake reference that Nix 2.30 and newer
   * write as `«git+https://…»`.
   */
  readonly root: string;
  /** The path below the source. */
  readonly path: string;
}

/** Whose a source is. `nixpkgs` is one whatever its input is called; `other` is an input whose name is not known. */
export type Owner = 'own' | 'nixpkgs' | 'other' | { readonly input: string };

/** What is known of the flake that was evaluated. */
export interface FlakeFacts {
  readonly source?: Source;
  /** Where the commit lies in the store. */
  readonly storePath?: string;
  /** The memory limit of the evaluation, in bytes. */
  readonly memoryBytes?: number;
}

const Lock = z.object({
  nodes: z.record(
    z.string(),
    z.object({
      locked: z.object({ narHash: z.string().optional(), rev: z.string().optional() }).optional(),
    }),
  ),
});

/** An input of a lock file: its name there, and what its files are known by. */
interface LockedInput {
  readonly name: string;
  readonly hash: string | undefined;
  readonly rev: string | undefined;
}

/** The names of the inputs in a lock file; `undefined` when it cannot be read. */
export function lockedInputs(lock: string): readonly LockedInput[] | undefined {
  const read = Lock.safeParse(parseJson(lock));
  if (!read.success) return undefined;
  return Object.entries(read.data.nodes).map(([name, { locked = {} }]) => ({
    name,
    hash: locked.narHash === undefined ? undefined : sourceHash(locked.narHash),
    rev: locked.rev,
  }));
}

/**
 * Says whose a source is. Nix 2.8 to 2.26 name every source by its hash alone, so the fleet's own is known by where the
 * commit lies in the store, an input's by its hash in the lock file, and nixpkgs by its files. Where it is not known where
 * the commit lies, its source is the outermost one that is not nixpkgs: inputs are called by the flake.
 * @param files all that an error names, the innermost first
 */
export function ownership(facts: FlakeFacts, files: readonly SourceFile[]): (root: string) => Owner {
  const nixpkgs = new Set(files.filter(({ path }) => nixpkgsFile.test(path)).map(({ root }) => root));
  const inputs = facts.source?.lock === undefined ? [] : (lockedInputs(facts.source.lock) ?? []);
  const inputOf = (root: string) =>
    inputs.find(({ hash, rev }) => root === hash || (rev !== undefined && root.includes(rev)))?.name;
  const mine = facts.source === undefined ? undefined : mirrorUrl(facts.source);
  const own = [
    facts.storePath === undefined
      ? files.findLast(({ root }) => hashPattern.test(root) && !nixpkgs.has(root) && inputOf(root) === undefined)?.root
      : rootOf(facts.storePath),
    mine === undefined
      ? files.findLast(({ root }) => root.includes('?ref=refs') && !nixpkgs.has(root))?.root
      : files.find(({ root }) => root.startsWith(`git+${mine}`))?.root,
  ];
  return (root) => {
    if (own.includes(root)) return 'own';
    if (nixpkgs.has(root)) return 'nixpkgs';
    const input = inputOf(root) ?? inputName(root);
    return input === undefined ? 'other' : { input };
  };
}

/** The last part of the address in a flake reference, which most often is what the input is called. */
export function inputName(reference: string): string | undefined {
  const forge = /^(?:github|gitlab|sourcehut):[^/]+\/([^/?]+)/.exec(reference)?.[1];
  const url = /^[a-z+]+:\/\/[^?]*?([^/?]+?)(?:\.git|\.tar(?:\.\w+)?|\.zip|\.tgz)?\/?(?:\?.*)?$/.exec(reference)?.[1];
  return forge ?? url;
}

const hashPattern = /^[a-z0-9]{32}$/;
/** Files that stand in the traces of nixpkgs and NixOS, and in no other source. */
const nixpkgsFile =
  /^(?:lib\/(?:modules|types|attrsets|lists|customisation|trivial|asserts|options|strings|meta|fixed-points|debug)\.nix|nixos\/(?:modules|lib)\/|pkgs\/(?:stdenv|top-level|build-support|by-name|applications|tools|os-specific|servers|development)\/)/;

/** Where the hash and the path of a file stand in a text: its file and its line ends are no part of it. */
const inTexts =
  /«([^«»\n:]{1,20}:[^«»\n]{1,1000})»\/([^\s'"`«»()]{1,1000})|\/nix\/store\/([a-z0-9]{32})-source\/([^\s'"`«»()]{1,1000})/g;

/** The files of sources that a text names, in its order. */
export function filesIn(text: string): readonly SourceFile[] {
  return [...text.matchAll(inTexts)].map(([, reference, inner = '', hash, path = '']) => ({
    root: reference ?? hash ?? '',
    path: (reference === undefined ? path : inner).replace(/[:,.;]?(?::\d+){0,2}[:,.;]*$/, ''),
  }));
}

/** The file of a frame; `undefined` for Nix's own files and for an expression of ours, which Nix 2.8 gives whole. */
export function fileOf(frame: Frame): SourceFile | undefined {
  const [file] = frame.file === undefined || frame.file.length > 4096 ? [] : filesIn(frame.file);
  return file?.path === '' || frame.file?.includes('\n') === true ? undefined : file;
}

/** `hosts/web.nix:7:53`: Nix 2.26 and newer repeat line and column in the name of the file. */
export function placeText({ path }: Pick<SourceFile, 'path'>, frame: Pick<Frame, 'line' | 'column'> = {}): string {
  const { line, column } = frame;
  return [path, ...(line === undefined || line === 0 ? [] : [line, column])]
    .filter((part) => part !== undefined)
    .join(':');
}

/**
 * A text without what only the bot's machine has: the store prefix of a source, `«…»` before a file, the address of the
 * mirror. A file that is not the fleet's own says whose it is: `<nixpkgs>/lib/modules.nix`. The name and password in an
 * address are left out as well.
 */
export function readable(text: string, source: Source | undefined, ownerOf: (root: string) => Owner): string {
  const label = (root: string) => labelled(root, ownerOf);
  const words = withoutSource(
    text.replace(/«([^«»\n:]{1,20}:[^«»\n]{1,1000})»\//g, (_, root: string) => label(root)),
    label,
  ).replace(/\b([a-z][a-z+]{1,20}:\/\/)[^\s/@'"]{1,200}@/g, '$1');
  if (source === undefined) return words;
  const url = mirrorUrl(source).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return words.replace(new RegExp(`(?:git\\+)?${url}[^\\s'"«»]{0,500}`, 'g'), 'this repository');
}

/** What stands before a file: nothing for the fleet's own, else whose it is: `<nixpkgs>/`. */
export function labelled(root: string, ownerOf: (root: string) => Owner): string {
  const owner = ownerOf(root);
  if (owner === 'own') return '';
  return `<${typeof owner === 'string' ? owner.replace('other', 'an input') : owner.input}>/`;
}

/** The address of the mirror, without `git+`: git itself says it so. */
function mirrorUrl({ mirror }: Source): string {
  return `file://${mirror.split('/').map(encodeURIComponent).join('/')}`;
}

function rootOf(storePath: string): string | undefined {
  return /\/nix\/store\/([a-z0-9]{32})-/.exec(storePath)?.[1];
}

/**
 * The hash in the store path of a fetched source, made of the hash of its content as a lock file has it (Nix's
 * `makeFixedOutputPath` for the name `source`).
 */
export function sourceHash(narHash: string): string | undefined {
  const [, base64] = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(narHash) ?? [];
  if (base64 === undefined) return undefined;
  const text = `source:sha256:${Buffer.from(base64, 'base64').toString('hex')}:/nix/store:source`;
  const folded = new Uint8Array(20);
  for (const [index, byte] of createHash('sha256').update(text).digest().entries()) {
    folded[index % 20] = (folded[index % 20] ?? 0) ^ byte;
  }
  return Array.from({ length: 32 }, (_, digit) => {
    const [byte, shift] = [((31 - digit) * 5) >> 3, ((31 - digit) * 5) & 7];
    const bits = ((folded[byte] ?? 0) >> shift) | ((folded[byte + 1] ?? 0) << (8 - shift));
    return '0123456789abcdfghijklmnpqrsvwxyz'[bits & 31];
  }).join('');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
