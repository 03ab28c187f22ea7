import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
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

function table(): string {
  const cells = [
    ['field', 'VM', 'container', 'what it is'],
    ...rows.map((row) => [`\`${row.flake}\``, absent(row, 'vm'), absent(row, 'container'), row.doc]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const line = (words: readonly string[]) =>
    `| ${words.map((word, column) => word.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

// `UPDATE_README=1 npx vitest run --config test/vitest.config.ts test/core/settings.test.ts` writes it.
it('the README has every field of a guest, as the table of settings says it', () => {
  const text = readFileSync(readme, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const after = rest.split(end)[1] ?? '';
  const wanted = `${before}${begin}\n\n${table()}\n\n${end}${after}`;
  if (process.env['UPDATE_README'] !== undefined) writeFileSync(readme, wanted);
  expect(readFileSync(readme, 'utf8')).toBe(wanted);
});
