import { nixName, nixText } from './nix-text.ts';

/** A file of the flake. */
export interface FlakeFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A value for a field of a guest's entry. */
export interface FlakeEdit {
  /** The entry's name in the attribute set, and its `vm_id`, which tells it from another attribute of that name. */
  readonly key: string;
  readonly vmid: number;
  readonly field: string;
  /** As JSON. */
  readonly value: unknown;
}

/** A patch, and what it cannot hold. */
export interface FlakePatch {
  /** As `git apply` reads it; empty where nothing could be placed. */
  readonly text: string;
  /** Edits without a place that is certain: no entry, or more than one, is written as plain text in the files. */
  readonly left: readonly FlakeEdit[];
}

/**
 * Writes values into the entries of a flake. Nix is a language, and an entry may come from anywhere; only one that stands
 * in a file as `key = { … vm_id = 823; … };` is edited, and only where there is exactly one, and nothing else sets the field.
 */
export function flakePatch(files: readonly FlakeFile[], edits: readonly FlakeEdit[]): FlakePatch {
  const read = files.map(({ path, text }) => ({ path, text, shape: shapeOf(text), writings: [] as Writing[] }));
  const left: FlakeEdit[] = [];
  for (const edit of edits) {
    const places = read.flatMap((file) => entriesIn(file.shape, edit).map((entry) => ({ file, entry })));
    const [place] = places;
    // A line feed in a path would write lines of the patch.
    const isCertain = place !== undefined && places.length === 1 && !/\p{Cc}/u.test(place.file.path);
    const writing = isCertain ? writingOf(place.file, place.entry, edit) : undefined;
    if (writing === undefined || read.some(({ shape }) => isSetElsewhere(shape, edit))) left.push(edit);
    else place?.file.writings.push(writing);
  }
  return {
    text: read.flatMap(({ path, text, writings }) => diffOf(path, text, written(text, writings))).join(''),
    left,
  };
}

/** A part of a text: from its first character to before the one behind it. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** A text for the place of another one; both may be empty. */
interface Writing extends Span {
  readonly text: string;
}

function written(text: string, writings: readonly Writing[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const writing of writings.toSorted((a, b) => a.from - b.from)) {
    parts.push(text.slice(at, writing.from), writing.text);
    at = writing.to;
  }
  return [...parts, text.slice(at)].join('');
}

/** Attributes of the same name that are looked at. */
const mostNamesakes = 20;

/** The insides of the attribute sets that are the entry, whole: nothing is merged with them. */
function entriesIn(shape: string, { key, vmid }: FlakeEdit): readonly Span[] {
  const head = new RegExp(`${nameIn(key)}\\s{0,20}=\\s{0,20}(?:rec\\s{0,20})?\\{`, 'g');
  return [...shape.matchAll(head)].slice(0, mostNamesakes).flatMap((found) => {
    const from = found.index + found[0].length;
    const to = endOf(shape, from, '}');
    if (to === undefined || !/^\s{0,200};/.test(shape.slice(to + 1, to + 202))) return [];
    const entry = { from, to };
    const ids = bindingsOf(shape, entry).flatMap(({ name, value }) => (name === 'vm_id' && value ? [value] : []));
    return ids.some((id) => shape.slice(id.from, id.to).trim() === String(vmid)) ? [entry] : [];
  });
}

/** Is a field of the entry set beside its attribute set, as `key.field = …;`? */
function isSetElsewhere(shape: string, { key, field }: FlakeEdit): boolean {
  return new RegExp(`${nameIn(key)}\\s{0,20}\\.\\s{0,20}"?${field}"?\\s{0,20}[=.](?!=)`).test(shape);
}

/** The pattern of a name of an attribute, with quotes or without. */
function nameIn(key: string): string {
  const name = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return `(?:^|[\\s.{;])(?:"${name}"|${name})`;
}

/** What writes a value into an entry; `undefined` where the entry sets the field in another way than `field = value;`. */
function writingOf({ text, shape }: { readonly text: string; readonly shape: string }, entry: Span, edit: FlakeEdit) {
  const { field, value } = edit;
  const indent = /\n([ \t]+)\S/.exec(text.slice(entry.from, entry.to))?.[1] ?? '  ';
  const [there, ...others] = bindingsOf(shape, entry).filter(({ name }) => name === field);
  if (there === undefined) {
    return { from: entry.from, to: entry.from, text: `\n${indent}${nixName(field)} = ${nixText(value, indent)};` };
  }
  return there.value === undefined || others.length > 0 ? undefined : { ...there.value, text: nixText(value, indent) };
}

/** A name that an attribute set defines; without a value it is inherited, or set in parts (`name.part = …;`). */
interface Binding {
  readonly name: string;
  readonly value?: Span;
}

function bindingsOf(shape: string, { from, to }: Span): readonly Binding[] {
  const found: Binding[] = [];
  for (let at = from; at < to; ) {
    const end = endOf(shape, at, ';');
    if (end === undefined || end > to) break;
    const statement = shape.slice(at, end);
    const [head, name = '', sign] = /^\s*"?([\w'-]+)"?\s*([=.]?)/.exec(statement) ?? [''];
    if (name === 'inherit' && sign === '') {
      found.push(...(statement.match(/[\w'-]+/g) ?? []).map((inherited) => ({ name: inherited })));
    } else if (sign === '=') {
      const begin = at + head.length;
      const blanks = /^\s*/.exec(shape.slice(begin, end))?.[0].length ?? 0;
      found.push({ name, value: { from: begin + blanks, to: end } });
    } else if (name !== '') found.push({ name });
    at = end + 1;
  }
  return found;
}

/** Brackets, and the words of expressions that hold a semicolon of their own: `let … in`, `with …;`, `assert …;`. */
const signs = /[{}()[\];]|(?<![\w'"./-])(?:let|in|with|assert)(?![\w'-])/g;

/** Where the next `wanted` stands that is in no bracket and ends no part of a value. */
function endOf(shape: string, from: number, wanted: ';' | '}'): number | undefined {
  let depth = 0;
  let owed = 0;
  signs.lastIndex = from;
  for (let found = signs.exec(shape); found !== null; found = signs.exec(shape)) {
    const [sign] = found;
    if (depth === 0 && sign === wanted) {
      if (owed === 0) return found.index;
      owed -= 1;
    } else if (depth === 0 && wanted === ';' && (sign === 'with' || sign === 'assert')) owed += 1;
    if (['{', '(', '[', 'let'].includes(sign)) depth += 1;
    if (['}', ')', ']', 'in'].includes(sign)) depth -= 1;
    if (depth < 0) return undefined;
  }
  return undefined;
}

/**
 * A text of Nix of the same length, with blanks for its comments and underscores for what its strings hold, so that
 * what is left of signs is code. A string that may be a name stays. What is not closed ends with the text.
 */
function shapeOf(text: string): string {
  const parts: string[] = [];
  /** The strings around, and the brackets of the code in them. */
  const open: ('"' | "''" | '}')[] = [];
  let begin = 0;
  for (let at = 0; at < text.length; ) {
    const inside = open.at(-1);
    const inText = inside === '"' || inside === "''";
    const to = inText ? textEnd(text, at, inside) : codeEnd(text, at);
    const part = text.slice(at, to);
    if (part === inside) {
      open.pop();
      if (open.length === 0) parts.push(withoutText(text.slice(begin, to)));
    } else if (!inText && isQuote(part)) {
      if (open.length === 0) begin = at;
      open.push(part);
    } else if (open.length === 0) {
      parts.push(/^(?:#|\/\*)/.test(part) ? part.replace(/[^\n]/g, ' ') : part);
    } else if (part === '${' || (part === '{' && !inText)) open.push('}');
    at = to;
  }
  return open.length === 0 ? parts.join('') : [...parts, withoutText(text.slice(begin))].join('');
}

function isQuote(part: string): part is '"' | "''" {
  return part === '"' || part === "''";
}

function withoutText(string: string): string {
  return /^"[\w.-]*"$/.test(string)
    ? string
    : `"${'_'.repeat(Math.max(0, string.length - 2))}"`.slice(0, string.length);
}

/** Behind the next part of a string: its end, `${`, an escape, or a character. */
function textEnd(text: string, at: number, quote: '"' | "''"): number {
  if (quote === '"' && text[at] === '\\') return at + 2;
  if (quote === "''" && text.startsWith("''", at)) {
    if (text[at + 2] === "'" || text[at + 2] === '$') return at + 3;
    if (text[at + 2] === '\\') return at + 4;
  }
  if (text.startsWith('$$', at) || text.startsWith('${', at)) return at + 2;
  return at + (text.startsWith(quote, at) ? quote.length : 1);
}

/** Behind the next part of code: a comment, a quote, a name, `${`, or a character. */
function codeEnd(text: string, at: number): number {
  const end = (sign: string, from: number) => {
    const found = text.indexOf(sign, from);
    return found < 0 ? text.length : found + sign.length;
  };
  if (text[at] === '#') return end('\n', at);
  if (text.startsWith('/*', at)) return end('*/', at + 2);
  if (text.startsWith("''", at) || text.startsWith('${', at)) return at + 2;
  const name = /[A-Za-z_][\w'-]*/y;
  name.lastIndex = at;
  return at + (name.exec(text)?.[0].length ?? 1);
}

/** Lines before and after a change. */
const context = 3;

/** The changed part of a file as one hunk. */
function diffOf(path: string, before: string, after: string): readonly string[] {
  if (before === after) return [];
  const [old, now] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (old[start] === now[start]) start += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - start && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const first = Math.max(0, start - context);
  const behind = Math.max(0, tail - context);
  const [oldEnd, newEnd] = [old.length - behind, now.length - behind];
  return [
    `--- a/${path}\n+++ b/${path}\n@@ -${first + 1},${oldEnd - first} +${first + 1},${newEnd - first} @@\n`,
    ...old.slice(first, start).map((line) => ` ${line}`),
    ...old.slice(start, old.length - tail).map((line) => `-${line}`),
    ...now.slice(start, now.length - tail).map((line) => `+${line}`),
    ...old.slice(old.length - tail, oldEnd).map((line) => ` ${line}`),
  ];
}

/** The lines of a text with their ends; git marks a last one that has none. */
function linesOf(text: string): readonly string[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines.map((line) => (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`));
}
