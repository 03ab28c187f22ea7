import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nixComment, nixName, nixString, nixText } from '../../src/core/nix-text.ts';
import { cleanText } from '../../src/lib/text.ts';
import { nix } from '../builder/nix/here.ts';
import { evaluated } from '../support/nix-eval.ts';

const parts = [
  ...['$', '{', '}', '"', '\\', '\n', '\r', '\t', "'", '$${', 'a', 'ü', '😀', ' ', '${', ';', '`', '$(id)', "''"],
  ...['\u001b[2J', '\u0085', '\u202e', '\u2028', '\u00a0', '#', '\\u0041'],
];
const texts = fc.array(fc.constantFrom(...parts), { maxLength: 30 }).map((all) => all.join(''));
const names = fc.oneof(fc.constantFrom('a', 'let', 'or', 'mail.example', '1a', '', "a'b"), texts);
const numbers = fc.oneof(fc.integer(), fc.constantFrom(0.5, -2.5, 1e-7, 2 ** 53 - 1));
const values = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, texts, numbers, fc.boolean(), fc.constant(null), tie('list'), tie('set')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  set: fc
    .uniqueArray(fc.tuple(names, tie('value')), { maxLength: 4, selector: ([name]) => name })
    .map(Object.fromEntries),
})).value;

describe.skipIf(nix === undefined)('Nix reads', () => {
  it('any text as itself', async () => {
    const all = fc.sample(texts, { numRuns: 300, seed: 7 });
    expect(await evaluated(`[ ${all.map(nixString).join(' ')} ]`)).toEqual(all);
  });

  it('any value as itself, and no comment', async () => {
    const all = fc.sample(values, { numRuns: 300, seed: 8 });
    const lines = all.flatMap((value, index) => [nixComment(`${parts.join('')}${index}`), nixText(value)]);
    expect(await evaluated(`[\n${lines.join('\n')}\n]`)).toEqual(all);
  });
});

it('no text that is printed moves a cursor, reorders or hides what stands beside it', () => {
  fc.assert(
    fc.property(values, (value) => {
      const text = nixText(value);
      expect(cleanText(text)).toBe(text);
    }),
  );
});

it('a set is on one line where it fits, and indented where it does not', () => {
  const cards = [{ bridge: 'vmbr0', vlan: 10 }, { bridge: 'vmbr1' }];
  expect(nixText(cards)).toBe('[ { bridge = "vmbr0"; vlan = 10; } { bridge = "vmbr1"; } ]');
  const long = { text: 'x'.repeat(70), more: [1, 'a'] };
  expect(nixText(long, '  ')).toBe(`{\n    text = "${'x'.repeat(70)}";\n    more = [ 1 "a" ];\n  }`);
});

it.each([
  ['web', 'web'],
  ["a-b'_1", "a-b'_1"],
  ['mail.example', '"mail.example"'],
  ['with', '"with"'],
  ['1st', '"1st"'],
  ['a"b', '"a\\"b"'],
  ['a\u0007', `\${(builtins.fromJSON "\\"a\\\\u0007\\"")}`],
])('the name %j is written as %s', (name, text) => {
  expect(nixName(name)).toBe(text);
});

it('a comment is one line', () => {
  expect(nixComment('a\nb = 1;\u2028c\r d')).toBe('# a b = 1; c d');
});
