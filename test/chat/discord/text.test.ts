import { expect, it } from 'vitest';
import { cleanText, cut, oneLine } from '../../../src/chat/discord/text.ts';

it('removes ANSI sequences and control characters', () => {
  expect(cleanText('\u001b[31mred\u001b[0m \u0007bell\u0000 \u009bx')).not.toMatch(/(?!\n)\p{Control}/u);
  expect(cleanText('\u001b[1;31mred\u001b[0m')).toBe('red');
});

it('removes what reorders or hides text', () => {
  expect(cleanText('a\u202egnp.exe\u2066b\u200bc\u{e0041}')).toBe('agnp.exebc');
});

it('writes every kind of line end as one', () => {
  expect(cleanText('a\r\nb\rc\u2028d\fe')).toBe('a\nb\nc\nd\ne');
  expect(oneLine('a\r\n  b\n\nc')).toBe('a b c');
});

it('replaces halves of surrogate pairs, which Discord answers with a 500', () => {
  expect(cleanText('a\ud83d b\udc00')).toBe('a\ufffd b\ufffd');
  expect(cleanText('🚀')).toBe('🚀');
});

it('cuts between characters and says so', () => {
  expect(cut('abcdef', 6)).toBe('abcdef');
  expect(cut('abcdefg', 6)).toBe('abcde…');
  expect(cut('abcd🚀x', 6)).toBe('abcd…');
});
