import { UserError } from '../../core/errors.ts';
import { nixString } from '../../core/nix-text.ts';
import type { Source } from '../../git/git.ts';
import { factsBindings, factsContext } from './facts-expression.ts';
import { namePattern } from './settings.ts';

/** Part of every cache key: raise it when the text below gives another answer. */
export const expressionVersion = 4;

/** Prefix of the trace frame that names the image an error came from. */
export const imageContext = 'proxnix image ';

/** Prefix of the trace frame that names the input an error came from. */
export const inputContext = 'proxnix input ';

const revPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const refPattern =
  /^refs\/(?:heads|tags|proxnix)\/(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}$/;
/** Neither Nix 2.8 nor 2.18 checks that `dir` stays inside the source. */
const dirPattern = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

/** The locked flake reference of a pinned commit. With `ref` and `rev` it means the same in every version of Nix. */
export function flakeRef(source: Source): string {
  const { mirror, ref, rev, dir } = source;
  if (!mirror.startsWith('/')) throw new Error('the mirror is no absolute path');
  if (!revPattern.test(rev)) throw new Error('the rev of a source is no commit hash');
  if (!refPattern.test(ref)) throw new Error('the ref of a source is no ref of ours');
  if (dir !== undefined && !dirPattern.test(dir)) {
    throw new UserError(`The flake's folder ${JSON.stringify(dir)} is no path inside the repository.`, {
      next: 'Give it like hosts/production, without a leading slash and without dots as parts.',
    });
  }
  const path = mirror.split('/').map(encodeURIComponent).join('/');
  const query = [
    `ref=${encodeURIComponent(ref)}`,
    `rev=${rev}`,
    ...(dir === undefined ? [] : [`dir=${encodeURIComponent(dir)}`]),
  ];
  return `git+file://${path}?${query.join('&')}`;
}

/** Brings a pinned commit into the store, and evaluates nothing of it. Gives its path. */
export function sourceExpression({ mirror, ref, rev }: Source): string {
  return `(builtins.fetchTree ${nixString(flakeRef({ mirror, ref, rev }))}).outPath`;
}

/** Gives `{ proxnix, rev }`; laziness makes it nearly free. */
export function fleetExpression(source: Source): string {
  return `let flake = builtins.getFlake ${nixString(flakeRef(source))}; in {
  proxnix = flake.proxnix or (throw "the flake has no output named proxnix");
  inherit (flake) rev;
}`;
}

/** An input of a lock file: its name there, and what Nix locked it to. */
export interface FetchedInput {
  readonly name: string;
  readonly locked: Readonly<Record<string, unknown>>;
}

/**
 * Fetches inputs into the store: the same call that Nix itself makes for a lock file (its `call-flake.nix`), and nothing
 * of the flake. Gives their store paths.
 */
export function fetchExpression(inputs: readonly FetchedInput[]): string {
  return `let
  inputs = builtins.fromJSON ${nixString(JSON.stringify(inputs))};
  fetch = { name, locked }: builtins.addErrorContext "${inputContext}\${name}"
    (let path = (builtins.fetchTree (builtins.removeAttrs locked [ "dir" ])).outPath; in builtins.seq path path);
in map fetch inputs`;
}

/** An image to look for: an attribute path below a configuration. */
export interface ImagePlace {
  /** What the trace of an error calls it. */
  readonly title: string;
  /** The `nixosConfigurations` key. */
  readonly type: string;
  readonly attribute: readonly string[];
  /** Whether its facts are told as well. */
  readonly facts: boolean;
}

/**
 * Gives `{ known, images }`: the names of all configurations, and one entry for each image asked, in order.
 * A list and not a set, because a set with a key `outPath` becomes a string in JSON.
 * An error names its image only while the whole entry is computed inside of `addErrorContext`: what is left to be computed
 * when JSON is written has lost it.
 * The firmware that an image boots by is told where its configuration says it: systemd-boot needs UEFI, GRUB on a device
 * without EFI support needs BIOS. Images made of a changed configuration (`config.system.build.images`) say it by their
 * name. What cannot be read is `null`, and breaks nothing.
 * Facts are computed when the image is, in a context of their own; an image that fails has none. Those of an image made of
 * a changed configuration are of that one, which it carries along: another would be evaluated for them alone.
 * @param caught whether `throw` and `assert` are caught, so that one bad image leaves the others; not caught, they tell
 * their message
 */
export function imagesExpression(source: Source, places: readonly ImagePlace[], caught: boolean): string {
  for (const name of places.flatMap(({ type, attribute }) => [type, ...attribute])) {
    if (!namePattern.test(name)) throw new Error('a name for the expression was not checked');
  }
  const image = `${caught ? 'guard' : 'whole'} place`;
  const asksFacts = places.some(({ facts }) => facts);
  return `let
  configurations = (builtins.getFlake ${nixString(flakeRef(source))}).nixosConfigurations or { };
  text = builtins.unsafeDiscardStringContext;
  textOrNull = value: if value == null then null else text value;
  step = at: key:
    if at ? lacks then at
    else if builtins.isAttrs at.here && at.here ? \${key} then { here = at.here.\${key}; }
    else { lacks = key; };
  describe = { type, attribute, ... }:
    let found = builtins.foldl' step { here = configurations.\${type}; } attribute; in
    if !(configurations ? \${type}) then { error = "unknown"; }
    else if found ? lacks then { error = "lacks"; attribute = found.lacks; }
    else {
      drv = text found.here.drvPath;
      out = text found.here.outPath;
      file = textOrNull (found.here.passthru.filePath or null);
      firmware = firmwareOf configurations.\${type};
    };
  loader = configuration: path:
    let found = builtins.foldl' step { here = configuration; } ([ "config" "boot" "loader" ] ++ path); in
    if found ? lacks then null else found.here;
  firmwareOf = configuration:
    let
      is = path: loader configuration path == true;
      device = loader configuration [ "grub" "device" ];
      onDevice = builtins.isString device && device != "" && device != "nodev";
      tried = builtins.tryEval (
        if is [ "systemd-boot" "enable" ] then "uefi"
        else if is [ "grub" "enable" ] && onDevice && loader configuration [ "grub" "efiSupport" ] == false then "bios"
        else null
      ); in
    if tried.success then tried.value else null;
  whole = place: let d = describe place; in builtins.deepSeq d d;
  guard = place:
    let tried = builtins.tryEval (whole place); in
    if tried.success then tried.value else { error = "throws"; };
${asksFacts ? factsText : ''}
  entry = place: builtins.addErrorContext "${imageContext}\${place.title}" (${asksFacts ? `withFacts place (${image})` : image});
in
builtins.seq configurations {
  known = builtins.attrNames configurations;
  images = map entry [ ${places.map(nixPlace).join(' ')} ];
}`;
}

/** `step` and `configurations` are those of the expression; an image that fails has an `error`. */
const factsText = `${factsBindings}
  configurationOf = { type, attribute, ... }:
    let found = builtins.foldl' step { here = configurations.\${type}; } attribute; in
    found.here.passthru.config or configurations.\${type}.config or { };
  withFacts = place: image:
    if !place.facts || image ? error then image
    else builtins.addErrorContext "${factsContext}\${place.title}"
      (let facts = factsOf (configurationOf place); in builtins.deepSeq facts (image // { inherit facts; }));`;

function nixPlace({ title, type, attribute, facts }: ImagePlace): string {
  return `{ title = ${nixString(title)}; type = ${nixString(type)}; attribute = [ ${attribute.map(nixString).join(' ')} ]; facts = ${facts}; }`;
}
