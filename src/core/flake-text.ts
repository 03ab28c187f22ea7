import { cut } from '../lib/text.ts';
import { parseDesired } from './desired.ts';
import { UserError } from './errors.ts';
import type { FlakeEntry } from './flake-entry.ts';
import type { GuestKind } from './guest.ts';
import { nixComment, nixName, nixText } from './nix-text.ts';

/** A flake's output `proxnix` with these guests. */
export function flakeOutput(entries: readonly FlakeEntry[]): Readonly<Record<'vms' | 'containers', object>> {
  const of = (kind: GuestKind) =>
    Object.fromEntries(entries.filter((entry) => entry.kind === kind).map(({ key, fields }) => [key, fields]));
  return { vms: of('vm'), containers: of('container') };
}

/**
 * The text of a `proxnix.nix`: the output with what a person should know as comments.
 * @param missing why guests have no entry, one sentence each
 */
export function flakeText(entries: readonly FlakeEntry[], missing: readonly string[] = []): string {
  const remarks = [
    'The guests as they are, written by `proxnix import`. In the flake: proxnix = import ./proxnix.nix;',
    'Once they are adopted, a plan changes their tags and the image, and nothing else but what a comment beside them says.',
    ...mistakesIn(entries).map((mistake) => `To correct, proxnix refuses it as it stands: ${mistake}`),
    ...missing.map((why) => `Left out: ${why}`),
  ];
  const of = (kind: GuestKind) => entries.filter((entry) => entry.kind === kind).flatMap((entry) => entryLines(entry));
  return [
    ...remarks.map(comment),
    '{',
    ...setLines('vms', of('vm')),
    ...setLines('containers', of('container')),
    '}',
    '',
  ].join('\n');
}

function setLines(name: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [`  ${name} = { };`];
  return [`  ${name} = {`, ...lines.map((line) => `    ${line}`), '  };'];
}

function entryLines({ key, fields, notes, unsaid, changes }: FlakeEntry): readonly string[] {
  const lines = Object.entries(fields).map(([name, value]) => {
    const note = notes[name];
    return `  ${nixName(name)} = ${nixText(value, '      ')};${note === undefined ? '' : ` ${comment(note)}`}`;
  });
  const rest = [
    ...(unsaid.length === 0 ? [] : ['The guest also has, and no field says it:', ...unsaid.map(indented)]),
    ...(changes.length === 0 ? [] : ['The first plan changes of it:', ...changes.map(indented)]),
  ];
  return [`${nixName(key)} = {`, ...lines, ...rest.map((fact) => `  ${comment(fact)}`), '};'];
}

function indented(fact: string): string {
  return `  ${fact}`;
}

/** Facts come from a configuration that anybody may have written: one is never longer than some lines of a terminal. */
function comment(text: string): string {
  return nixComment(cut(text, 300));
}

/** What the contract refuses of all of them together, such as a name that two guests have. */
function mistakesIn(entries: readonly FlakeEntry[]): readonly string[] {
  try {
    parseDesired(flakeOutput(entries));
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.details.length === 0 ? [error.message] : error.details;
  }
}
