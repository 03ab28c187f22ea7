import { placeText } from '../sources.ts';
import { type Kind, linesOf, type Reading, type Said } from './kind.ts';

/**
 * What the module system of NixOS says (`lib/modules.nix`, `lib/types.nix`, `lib/options.nix`, the `assertions` of
 * `nixos/modules/system/activation`). It names files and never a line.
 */
export const moduleErrors: readonly Kind[] = [
  failedAssertions,
  unknownOption,
  wrongType,
  conflict,
  declaredTwice,
  ({ text }) => {
    const name = /^The option [`'‘]([^`\n]{1,300}?)['’] (?:is used but not defined|was accessed but has no value)/.exec(
      text,
    )?.[1];
    return name === undefined
      ? undefined
      : { text: `The option ${name} has no value.`, next: 'Set it in the configuration of the image.' };
  },
  ({ text, files }) => {
    const name = /^The option [`'‘]([^`\n]{1,300}?)['’] is read-only, but/.exec(text)?.[1];
    return name === undefined
      ? undefined
      : { text: `The option ${name} is read-only and cannot be set.`, ...inFile(files, name) };
  },
  missingArgument,
  recursion,
];

/** The message begins with an empty line and `Failed assertions:`; each assertion begins with `- `. */
function failedAssertions({ text, files }: Said): Reading | undefined {
  const [, list] = /^Failed assertions:\n(.*)$/s.exec(text) ?? [];
  if (list === undefined) return undefined;
  const all = list
    .split(/^- /m)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const [first = ''] = all;
  const gone = /^The option definition [`'‘]([^`\n]{1,300}?)['’] in .{1,1000} no longer has any effect/.exec(
    first,
  )?.[1];
  const line = linesOf(first)[0] ?? 'an assertion without a text';
  return {
    text: gone === undefined ? clause(line) : `the option ${gone} no longer has any effect.`,
    deed: all.length === 1 ? 'fails a check of NixOS' : `fails ${all.length} checks`,
    lines: linesOf(list),
    ...inFile(files, gone),
  };
}

function unknownOption({ text, files }: Said): Reading | undefined {
  const name = /^The option [`'‘]([^`\n]{1,300}?)['’] (?:defined in .{1,4000}? )?does not exist/.exec(text)?.[1];
  if (name === undefined) return undefined;
  const near = linesOf(text).find((line) => line.startsWith('Did you mean'));
  const lines = linesOf(text).filter((line) => line !== near);
  return {
    text: `There is no option ${name}.`,
    // The suggestion is what helps most, and Nix writes it last.
    lines: near === undefined ? lines : [near, ...lines],
    ...inFile(files, name),
  };
}

/** How Nix calls a type, and what people call one value of it, and several. */
const typeNames: readonly (readonly [RegExp, string, string])[] = [
  [/^bool(?:ean)?$/, 'a boolean', 'booleans'],
  [/^16 bit unsigned integer/, 'a port number', 'port numbers'],
  [/^(?:signed integer|integer)$/, 'a whole number', 'whole numbers'],
  [
    /^(?:positive integer|unsigned integer)/,
    'a whole number that is not negative',
    'whole numbers that are not negative',
  ],
  [/^strings?$|^(?:single-line )?string\b/, 'a string', 'strings'],
  [/^package$/, 'a package', 'packages'],
  [/^(?:absolute )?path\b/, 'a path', 'paths'],
  [/^attribute set\b/, 'a set', 'sets'],
  [/^list\b/, 'a list', 'lists'],
  [/^null or boolean$/, 'a boolean or null', 'booleans or null'],
];

function wrongType({ text, files }: Said): Reading | undefined {
  const [, name, type] =
    /^A definition for option [`'‘]([^`\n]{1,300}?)['’] is not of type [`'‘]([^`\n]{1,500}?)['’]/.exec(text) ??
    /^The option value [`'‘]([^`\n]{1,300}?)['’] in .{1,2000}? is not of type [`'‘]([^`\n]{1,500}?)['’]/.exec(text) ??
    [];
  if (name === undefined || type === undefined) return undefined;
  const [option, inside] = [name.replace(/\.(?:"\[|\[).*$/, ''), /\.(?:"\[|\[)definition/.test(name)];
  const value = /^- In [`'‘][^\n]{1,1000}?['’]: (\S[^\n]{0,200})$/m.exec(text)?.[1];
  const [, one = `of the type ‘${type}’`, many = `values of the type ‘${type}’`] =
    typeNames.find(([pattern]) => pattern.test(type)) ?? [];
  return {
    text: inside
      ? `${option} must be a list of ${many}, but one value is ${value ?? 'not'}.`
      : `${option} must be ${one}.`,
    ...inFile(files, option),
  };
}

function conflict({ text, files }: Said): Reading | undefined {
  const name =
    /^The (?:unique )?option [`'‘]([^`\n]{1,300}?)['’] (?:has conflicting definition|is defined multiple times)/.exec(
      text,
    )?.[1];
  if (name === undefined) return undefined;
  const values = [...text.matchAll(/^- In [`'‘]([^\n]{1,1000}?)['’](?:: (\S[^\n]{0,100}))?$/gm)].map(
    ([, file, value]) => (value === undefined ? `in ${file}` : `${value} in ${file}`),
  );
  const [, list = ''] = /(?:, in|times, in|definitions, in) (.{1,4000}?)\.?$/m.exec(text) ?? [];
  const named = [...list.matchAll(/[`'‘]([^`'’\n]{1,1000})['’]/g)].map(([, file]) => `in ${file}`);
  const places = values.length > 0 ? values : named;
  const times = places.length === 2 ? 'twice' : `${places.length} times`;
  return {
    text:
      places.length < 2
        ? `${name} is set more than once.`
        : `${name} is set ${times}: ${places.slice(0, 4).join(' and ')}.`,
    ...inFile(files, name),
  };
}

function declaredTwice({ text, files }: Said): Reading | undefined {
  const name = /^The option [`'‘]([^`\n]{1,300}?)['’] in .{1,2000}? is already declared in /.exec(text)?.[1];
  return name === undefined ? undefined : { text: `The option ${name} is declared twice.`, ...inFile(files, name) };
}

/** An argument of a module that nobody gives: the event lies in nixpkgs, the frame names argument and module. */
function missingArgument({ text, frames }: Said): Reading | undefined {
  const name = /^attribute '([^'\n]{1,200})' missing/.exec(text)?.[1];
  if (name === undefined) return undefined;
  const ofModule = frames
    .slice(0, 12)
    .some((frame) => frame.text.startsWith(`while evaluating the module argument \`${name}'`));
  if (!ofModule) return undefined;
  return {
    text: `Module argument ${name} is missing (attribute '${name}' missing).`,
    next: `Give it to the modules in flake.nix: specialArgs = { inherit ${name}; }, or set _module.args.${name}.`,
  };
}

function recursion({ text, frames }: Said): Reading | undefined {
  if (!text.startsWith('infinite recursion encountered')) return undefined;
  const inner = frames.slice(0, 60);
  const option = inner
    .map((frame) => /^while evaluating the option [`'‘]([^`\n]{1,300}?)['’]/.exec(frame.text)?.[1])
    .find((name) => name !== undefined);
  const ofImports = inner.some((frame) => frame.text === "while evaluating the attribute 'imports'");
  const ofConfig = inner.some((frame) => frame.text.startsWith("while evaluating the module argument `config'"));
  if (ofImports || (ofConfig && option === undefined)) {
    return {
      text: 'imports depends on config (infinite recursion).',
      next: 'Decide imports without config, or import always and use lib.mkIf inside the module.',
    };
  }
  return option === undefined
    ? { text: 'A value needs itself (infinite recursion).' }
    : {
        text: `An option needs its own value (infinite recursion): ${option}.`,
        next: 'Compute it from something else than its own value.',
      };
}

/** The fleet's own files of a message, and the word to look for in one of them. */
function inFile(files: Said['files'], option?: string): Pick<Reading, 'place' | 'word'> {
  const paths = [...new Set(files.map((file) => placeText(file)))];
  const word = option?.split('.').at(-1)?.replaceAll('"', '');
  if (paths.length === 0) return {};
  return { place: paths.slice(0, 3).join(' and '), ...(word === undefined || word === '' ? {} : { word }) };
}

/** A sentence as the end of another: with a small letter where it begins with an article, and a full stop. */
function clause(line: string): string {
  const small = line.replace(/^(?:The|A|An|This|You|Your|There|Please)\b/, (word) => word.toLowerCase());
  return /[.!?]$/.test(small) ? small : `${small}.`;
}
