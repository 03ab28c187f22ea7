import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, cut, escapeMarkdown, markdown, markdownWithin, oneLine } from '../../../src/chat/discord/text.ts';

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

const numRuns = Number(process.env['FC_RUNS'] ?? 500);
const hostile = fc.stringMatching(/^[\\*_~|`<>[\]()#+\-.:/@a1 \n]*$/);

describe('plain text', () => {
  it.each([
    ['# heading', '\\# heading'],
    ['-# small', '\\-# small'],
    ['> quote', '\\> quote'],
    ['- item', '\\- item'],
    ['1. item', '1\\. item'],
    ['**bold** _it_ ~~no~~ ||s||', '\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\|\\|s\\|\\|'],
    ['[click](https://evil.example)', '\\[click\\](https\\://evil.example)'],
    ['<@123> <#4> <t:1:R> </x:1>', '\\<@123> \\<#4> \\<t\\:1:R> \\</x:1>'],
    [':warning:', '\\:warning:'],
    ['10:30', '10:30'],
    ['a\n# b', 'a\n\\# b'],
    ['C:\\x', 'C:\\\\x'],
  ])('keeps %j literal', (text, drawn) => {
    expect(escapeMarkdown(text)).toBe(drawn);
  });

  it('reads back as itself whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
        expect(parsed(escapeMarkdown(text))).toBe(cleanText(text));
      }),
      { numRuns },
    );
  });

  it('leaves no sign that formats, links or mentions without its back-slash', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const bare = escapeMarkdown(text).replace(/\\[^0-9A-Za-z\s]/g, 'x');
        expect(bare).not.toMatch(/[*_~|`<[\]]|:\/\/|^ *\d*[#>+\-.)]/m);
      }),
      { numRuns },
    );
  });
});

describe('marked text', () => {
  it('draws links only to web addresses, with nothing that ends them early', () => {
    expect(markdown([{ link: 'https://git.example.org/a(b)', text: '[x](y)' }])).toBe(
      '[\\[x\\](y)](https://git.example.org/a%28b%29)',
    );
    expect(markdown([{ link: 'javascript:alert(1)', text: 'x' }])).toBe('x');
    expect(markdown([{ link: `https://git.example.org/${'a'.repeat(600)}`, text: 'x' }])).toBe('x');
  });

  it('shows times on the reader’s clock', () => {
    expect(markdown([{ time: 1_795_345_200_999, show: 'time' }])).toBe('<t:1795345200:t>');
    expect(markdown([{ time: 1_795_345_200_000, show: 'date-time' }])).toBe('<t:1795345200:f>');
    expect(markdown([{ time: 1_795_345_200_000, show: 'relative' }])).toBe('<t:1795345200:R>');
    expect(markdown([{ time: Number.NaN, show: 'relative' }])).toBe('an unknown time');
  });

  it('shows a person by name and never as a mention', () => {
    expect(markdown([{ person: { chat: 'discord', id: '1', name: '<@2> *x*' } }])).toBe('\\<@2> \\*x\\*');
  });

  it('keeps marks that touch apart', () => {
    expect(markdown([{ bold: 'a' }, { bold: 'b' }])).toBe('**a**\u200b**b**');
    expect(markdown([{ code: 'a' }, { code: 'c' }])).toBe('`a`\u200b`c`');
  });

  it('shows code that holds a back-tick as plain text, which cannot be ended early', () => {
    expect(markdown([{ code: 'a` **b**' }])).toBe('a\\` \\*\\*b\\*\\*');
  });

  it('is cut without leaving a mark open', () => {
    const rich = ['x'.repeat(50), { bold: 'y'.repeat(50) }, 'tail'];
    expect(markdownWithin(rich, 80)).toBe(`${'x'.repeat(50)}…`);
    expect(markdownWithin(['*'.repeat(50)], 21)).toBe(`${'\\*'.repeat(10)}…`);
  });
});

/** What Discord's parser makes of escaped text: a back-slash gives the sign after it, if that is no letter or digit. */
function parsed(text: string): string {
  return text.replace(/\\([^0-9A-Za-z\s])/g, '$1');
}
