import { describe, expect, it } from 'vitest';
import { clip, escapedWithin, escapeText, literal, oneLine, unescapeText } from '../../../src/chat/slack/literal.ts';

describe('literal', () => {
  it('takes out colours, titles, links and bells of terminals and leaves the words', () => {
    expect(
      literal(
        '\u001b[1;31merror:\u001b[0m a\u0007 \u001b]0;title\u0007b \u001b]8;;https://x.example\u001b\\c\u001b]8;;\u001b\\',
      ),
    ).toBe('error: a b c');
  });

  it('keeps tabs and line ends, of every system', () => {
    expect(literal('a\tb\r\nc\rd\n')).toBe('a\tb\nc\nd\n');
  });

  it('keeps letters of every script, joined emoji too', () => {
    expect(literal('שלום мир 👩‍👩‍👧‍👦')).toBe('שלום мир 👩‍👩‍👧‍👦');
  });

  it('takes out half a code point', () => {
    expect(literal('a\ud800b\udfff')).toBe('ab');
  });
});

describe('oneLine', () => {
  it('makes a space of each kind of line end', () => {
    expect(oneLine('a \n b\r\nc\u2028d')).toBe('a b c d');
  });
});

describe('clip', () => {
  it('cuts to the length Slack counts, and never through a code point', () => {
    expect(clip('abcdef', 6)).toBe('abcdef');
    expect(clip('abcdefg', 6)).toBe('abcde…');
    expect(clip('abcd🙂🙂', 6)).toBe('abcd…');
  });
});

describe('escapeText', () => {
  it('is undone by unescapeText, entities in the text included', () => {
    const text = '<!channel> & &lt; &amp;amp;';
    expect(escapeText('<a> & b')).toBe('&lt;a&gt; &amp; b');
    expect(unescapeText(escapeText(text))).toBe(text);
  });
});

describe('escapedWithin', () => {
  it('counts bytes after escaping and never cuts an entity', () => {
    expect(escapedWithin('&&&&', 14)).toBe('&amp;&amp;…');
    expect(Buffer.byteLength(escapedWithin('ж'.repeat(100), 50))).toBeLessThanOrEqual(50);
  });

  it('leaves no code fence open', () => {
    expect(escapedWithin('a ``` b', 100)).toBe("a '' b");
  });
});
