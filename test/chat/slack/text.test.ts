import { describe, expect, it } from 'vitest';
import { clip, escapedWithin, escapeText, unescapeText } from '../../../src/chat/slack/text.ts';

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
