import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { GuestKind } from '../../src/core/guest.ts';
import { type AnyRow, rows } from '../../src/core/settings.ts';

const readme = new URL('../../README.md', import.meta.url);
const [begin, end] = ['<!-- fields: made from src/core/settings.ts -->', '<!-- end of fields -->'];

/** What a field is where the flake says nothing; empty where a guest of that kind has no such field. */
function absent(row: AnyRow, kind: GuestKind): string {
  const entry = row.kinds[kind];
  switch (entry?.absent) {
    case undefined:
      return '';
    case 'refused':
      return 'required';
    case 'none':
      return 'none';
    case 'unmanaged':
      return 'not managed';
    case 'default':
      return `\`${nix(entry.otherwise)}\``;
  }
}

function nix(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${key} = ${nix(one)};`)
    .join(' ')} }`;
}

function fieldsTable(): string {
  return table([
    ['field', 'VM', 'container', 'what it is'],
    ...rows.map((row) => [`\`${row.flake}\``, absent(row, 'vm'), absent(row, 'container'), row.doc]),
  ]);
}

/** The fields of the sets that a field holds. */
function partsTables(): string {
  const withParts = rows.filter(({ parts }) => parts !== undefined);
  return withParts.map((row) => `\`${row.flake}\`:\n\n${partsTable(row)}`).join('\n\n');
}

function partsTable({ kinds, parts = {} }: AnyRow): string {
  const all = (['vm', 'container'] as const).filter((kind) => kinds[kind] !== undefined);
  const shapes = all.map((kind) => [kind === 'vm' ? 'VM' : 'container', parts[kind]?.shape ?? {}] as const);
  const names = [...new Set(shapes.flatMap(([, shape]) => Object.keys(shape)))];
  const lines = names.map((name) => {
    const has = shapes.filter(([, shape]) => shape[name] !== undefined);
    const schema = z.toJSONSchema(z.object({ it: has[0]?.[1][name] ?? z.never() }), {
      io: 'input',
      unrepresentable: 'any',
    });
    const isRequired = schema.required?.includes('it') === true;
    const doc = has[0]?.[1][name]?.description ?? '';
    const only = has.length < shapes.length ? ` (${has.map(([kind]) => kind).join()})` : '';
    return [`\`${name}\`${only}`, isRequired ? `${doc}; required` : doc];
  });
  return table([['field', 'what it is'], ...lines]);
}

function table(cells: readonly (readonly string[])[]): string {
  const [head = [], ...body] = cells;
  const widths = head.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const line = (words: readonly string[]) =>
    `| ${words.map((word, column) => word.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

it('every field of a set has a description', () => {
  const schemas = rows.flatMap(({ parts = {} }) => Object.values(parts).flatMap(({ shape }) => Object.entries(shape)));
  expect(schemas.filter(([, schema]) => schema.description === undefined).map(([name]) => name)).toEqual([]);
});

// `UPDATE_README=1 npx vitest run --config test/vitest.config.ts test/core/settings.test.ts` writes it.
it('the README has every field of a guest, as the table of settings says it', () => {
  const text = readFileSync(readme, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const after = rest.split(end)[1] ?? '';
  const wanted = `${before}${begin}\n\n${fieldsTable()}\n\nThe fields of the sets:\n\n${partsTables()}\n\n${end}${after}`;
  if (process.env['UPDATE_README'] !== undefined) writeFileSync(readme, wanted);
  expect(readFileSync(readme, 'utf8')).toBe(wanted);
});
