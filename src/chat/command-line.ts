import { didYouMean } from '../core/nearest.ts';
import { cut } from '../lib/text.ts';
import type { CommandSpec } from './chat.ts';

/** The meaning of a typed line: a command with its arguments by option name, or a sentence about the mistake. */
export type CommandLine =
  | { readonly kind: 'command'; readonly name: string; readonly args: Readonly<Record<string, string>> }
  | { readonly kind: 'note'; readonly text: string };

/** Characters; equal to the longest reason that a form takes. */
const longestLine = 4000;

/**
 * Reads `/proxnix plan main`, `plan main` or `reject r-1 "not today"`. Double quotes group words, and so do curly quotes,
 * which phones type; `\"` is a literal quote. An option with `rest` takes the rest of the line unchanged.
 */
export function readCommandLine(line: string, commands: readonly CommandSpec[]): CommandLine {
  if (line.length > longestLine) return note(`The command is longer than ${longestLine} characters.`);
  const words = splitWords(line.trim().replace(/^\/(?:proxnix(?=\s|$))?\s*/i, ''));
  const [first, ...given] = words;
  if (first === undefined) return commands.some(({ name }) => name === 'help') ? command('help', {}) : list(commands);
  const name = first.text.toLowerCase();
  const spec = commands.find((known) => known.name === name);
  if (spec === undefined) return unknownCommand(first.text, commands);
  const open = given.find((word) => word.open);
  const rest = spec.options.findIndex((option) => option.rest === true);
  if (open !== undefined && (rest < 0 || given.indexOf(open) < rest)) {
    return note(`A quote is not closed: ${cut(open.raw, 100)}`);
  }
  return readArguments(spec, given);
}

/** `/proxnix reject <run> [reason]`. */
export function usage(spec: CommandSpec): string {
  const options = spec.options.map((option) => {
    const name = option.rest === true ? `${option.name} …` : option.name;
    return option.required ? `<${name}>` : `[${name}]`;
  });
  return ['/proxnix', spec.name, ...options].join(' ');
}

function readArguments(spec: CommandSpec, given: readonly Word[]): CommandLine {
  const args: Record<string, string> = {};
  for (const [index, option] of spec.options.entries()) {
    const word = given[index];
    if (word === undefined) break;
    args[option.name] = option.rest === true ? restOf(given.slice(index)) : word.text;
  }
  const missing = spec.options.find((option) => option.required && (args[option.name] ?? '') === '');
  if (missing !== undefined) return note(`${spec.name} needs <${missing.name}>. Type ${usage(spec)}.`);
  const extra = given[spec.options.length];
  if (extra !== undefined && spec.options.at(-1)?.rest !== true) {
    return note(`"${cut(extra.text, 100)}" is too much for ${spec.name}. Type ${usage(spec)}.`);
  }
  return command(spec.name, args);
}

function unknownCommand(typed: string, commands: readonly CommandSpec[]): CommandLine {
  const short = typed.length > 40 ? `${typed.slice(0, 40)}…` : typed;
  const names = commands.map(({ name }) => name);
  const guess = typed.length > 40 ? '' : didYouMean(typed, names);
  return note(`There is no command "${short}"${guess === '' ? '.' : guess} Commands: ${names.join(', ')}.`);
}

function list(commands: readonly CommandSpec[]): CommandLine {
  return note(`Type /proxnix and one of: ${commands.map(({ name }) => name).join(', ')}.`);
}

interface Word {
  /** Without its quotes. */
  readonly text: string;
  /** As typed, with the white space in front of it. */
  readonly raw: string;
  /** A quote in it is not closed. */
  readonly open: boolean;
}

function splitWords(text: string): readonly Word[] {
  const pattern = /\s*(?:(["“”])((?:\\.|[^"“”\\])*)(["“”]|\\?$)|(\S+))/gsy;
  return [...text.matchAll(pattern)].map(([raw, quote, quoted = '', end, bare = '']) => ({
    raw,
    text: quote === undefined ? bare : quoted.replace(/\\(["\\])/g, '$1'),
    open: quote !== undefined && (end === '' || end === '\\'),
  }));
}

/** The rest of the line unchanged; without its quotes when it is one quoted word. */
function restOf(words: readonly Word[]): string {
  const [only, ...more] = words;
  if (only !== undefined && more.length === 0 && !only.open) return only.text;
  return words
    .map((word) => word.raw)
    .join('')
    .trim();
}

function command(name: string, args: Readonly<Record<string, string>>): CommandLine {
  return { kind: 'command', name, args };
}

function note(text: string): CommandLine {
  return { kind: 'note', text };
}
