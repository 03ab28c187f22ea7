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
 * in a file as `key = { … vm_id = 823; … };` is edited, and only where there is exactly one.
 */
export function flakePatch(files: readonly FlakeFile[], edits: readonly FlakeEdit[]): FlakePatch {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const left: FlakeEdit[] = [];
  for (const edit of edits) {
    const places = [...texts].flatMap(([path, text]) => entriesIn(text, edit).map((entry) => ({ path, text, entry })));
    const [place] = places;
    if (place === undefined || places.length > 1) left.push(edit);
    else texts.set(place.path, edited(place.text, place.entry, edit));
  }
  const hunks = files.flatMap(({ path, text }) => diffOf(path, text, texts.get(path) ?? text));
  return { text: hunks.join(''), left };
}

/** The inside of an attribute set: from behind its brace to before the closing one. */
interface Span {
  readonly from: number;
  readonly to: number;
}

function entriesIn(text: string, { key, vmid }: FlakeEdit): readonly Span[] {
  const name = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const head = new RegExp(`(?:^|[\\s.{;])(?:"${name}"|${name})\\s{0,20}=\\s{0,20}(?:rec\\s{0,20})?\\{`, 'g');
  return [...withoutComments(text).matchAll(head)].slice(0, mostNamesakes).flatMap((found) => {
    const from = found.index + found[0].length;
    const to = endOf(text, from, '}');
    if (to === undefined) return [];
    const id = placeOf(text, { from, to }, 'vm_id');
    return id !== undefined && text.slice(id.from, id.to).trim() === String(vmid) ? [{ from, to }] : [];
  });
}

/** Attributes of the same name that are looked at. */
const mostNamesakes = 20;

/** The value of a field that stands in an attribute set itself, not deeper. */
function placeOf(text: string, { from, to }: Span, field: string): Span | undefined {
  const name = new RegExp(`(?:${field}|"${field}")\\s{0,20}=(?!=)\\s{0,20}`, 'y');
  for (let at = from; at < to; ) {
    if (/\s/.test(text[at] ?? '') || text[at] === '#' || text.startsWith('/*', at)) {
      at = skipped(text, at);
      continue;
    }
    name.lastIndex = at;
    const begin = at + (name.exec(text)?.[0].length ?? 0);
    const end = endOf(text, begin, ';');
    if (end === undefined || end > to) return undefined;
    if (begin > at) return { from: begin, to: end };
    at = end + 1;
  }
  return undefined;
}

/** Where the next `wanted` stands that is in no string, comment or bracket. */
function endOf(text: string, from: number, wanted: ';' | '}'): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at = skipped(text, at)) {
    const char = text[at] ?? '';
    if (depth === 0 && char === wanted) return at;
    if ('{[('.includes(char)) depth += 1;
    if ('}])'.includes(char)) depth -= 1;
    if (depth < 0) return undefined;
  }
  return undefined;
}

/** Comments and strings. One that is not closed ends with the text, so that each character is looked at once. */
const opaque: readonly RegExp[] = [
  /#[^\n]*/y,
  /\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/y,
  /"(?:[^"\\]|\\.)*"?/sy,
  /''(?:[^']|'(?!')|''[$'\\])*(?:'')?/y,
];

/** The same text with blanks in place of its comments. */
function withoutComments(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const next = skipped(text, at);
    const part = text.slice(at, next);
    parts.push(/^(?:#|\/\*)/.test(part) ? part.replace(/[^\n]/g, ' ') : part);
    at = next;
  }
  return parts.join('');
}

/** Behind the character, string or comment at a place. */
function skipped(text: string, at: number): number {
  for (const pattern of opaque) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) return at + found[0].length;
  }
  return at + 1;
}

function edited(text: string, entry: Span, { field, value }: FlakeEdit): string {
  const there = placeOf(text, entry, field);
  const indent = /\n([ \t]+)\S/.exec(text.slice(entry.from, entry.to))?.[1] ?? '  ';
  if (there !== undefined) return text.slice(0, there.from) + nixText(value, indent) + text.slice(there.to);
  const line = `\n${indent}${nixName(field)} = ${nixText(value, indent)};`;
  return text.slice(0, entry.from) + line + text.slice(entry.from);
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
