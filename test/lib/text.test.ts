import { execaSync } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literal } from '../../src/chat/console/page/text.js';
import { cleanText, cut, escapeHidden, lastState, oneLine, sameText, shellWord } from '../../src/lib/text.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 200 });

describe('cut', () => {
  it('cuts between characters and says so', () => {
    expect(cut('größe', 7)).toBe('größe');
    expect(cut('größer', 7)).toBe('grö…');
    expect(cut('ab🚀cd', 7)).toBe('ab…');
    expect(cut('x'.repeat(10), 3)).toBe('…');
  });

  it('never gives more bytes than it may, and loses nothing that fits', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 3, max: 300 }), (text, max) => {
        const short = cut(text, max);
        expect(Buffer.byteLength(short)).toBeLessThanOrEqual(max);
        if (Buffer.byteLength(text) <= max) expect(short).toBe(text);
        else expect(text.toString()).toContain(short.slice(0, -1).replaceAll('\ufffd', ''));
      }),
    );
  });
});

describe('cleanText', () => {
  it('takes out colours, titles, links and bells of terminals and leaves the words', () => {
    expect(
      cleanText(
        '\u001b[1;31merror:\u001b[0m a\u0007 \u001b]0;title\u0007b \u001b]8;;https://x.example\u001b\\c\u001b]8;;\u001b\\',
      ),
    ).toBe('error: a b c');
  });

  it('shows what stands behind a sequence that never ends', () => {
    expect(cleanText('a\u001b]0;the real error\nand more')).toBe('a0;the real error\nand more');
    expect(cleanText('a\u001b[12')).toBe('a12');
  });

  it('keeps tabs, and makes a line feed of each kind of line end', () => {
    expect(cleanText('a\tb\r\nc\rd\u2028e\ff\u0085g\n')).toBe('a\tb\nc\nd\ne\nf\ng\n');
  });

  it('hides nothing behind a carriage return', () => {
    expect(cleanText('rm -rf /\rall is well')).toBe('rm -rf /\nall is well');
    expect(oneLine('rm -rf /\rall is well')).toBe('rm -rf / all is well');
  });

  it('takes out what reorders text or is not seen', () => {
    expect(cleanText('a\u202egnp.exe\u2066b\u200bc\u{e0041}d\u3164e\u00adf\ufeff\u0000\u009b')).toBe('agnp.exebcdef');
  });

  it('keeps letters of every script, joined emoji too', () => {
    expect(cleanText('שלום мир 👩‍👩‍👧‍👦 ❤️ e\u0301')).toBe('שלום мир 👩‍👩‍👧‍👦 ❤️ e\u0301');
  });

  it('replaces half a surrogate pair', () => {
    expect(cleanText('a\ud800b\udfff')).toBe('a\ufffdb\ufffd');
  });

  it('leaves nothing to do for a second time, and no control character but tab and line feed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyText, fc.constantFrom('\u001b', '\u001b]', '\u001b[', '\u0007', '\r'))),
        (parts) => {
          const text = cleanText(parts.join(''));
          expect(text).not.toMatch(/(?![\t\n])\p{Cc}|\p{Bidi_Control}|\p{Surrogate}/u);
          expect(cleanText(text)).toBe(text);
        },
      ),
    );
  });
});

describe('oneLine', () => {
  it('keeps what one line begins and ends with', () => {
    expect(oneLine('  a  ')).toBe('  a  ');
    expect(oneLine('  a \n  b\n\n\nc  \n')).toBe('  a b c');
  });
});

describe('lastState', () => {
  it('is what a progress bar shows at last', () => {
    expect(lastState(' 10 %\r 50 %\r100 % done\r')).toBe('100 % done');
    expect(lastState('plain')).toBe('plain');
    expect(lastState('\r\r')).toBe('');
  });
});

describe('what is hidden', () => {
  it('is the same in chats, on the console and in the log', () => {
    for (let code = 0; code <= 0xe1000; code++) {
      // Beyond the basic plane only the tags and selectors matter, and some letters and emoji.
      if ((code >= 0xd800 && code <= 0xdfff) || (code > 0x1fbff && code < 0xe0000)) continue;
      const char = String.fromCodePoint(code);
      const isShown = char === '\t' || char === '\n' || cleanText(`a${char}b`) === `a${char}b`;
      const onConsole = literal(`a${char}b`).length === 1;
      const inLog = escapeHidden(`a${char}b`) === `a${char}b`;
      if (isShown === onConsole && (isShown === inLog || char === '\t' || char === '\n')) continue;
      expect.fail(`U+${code.toString(16)}: chats ${isShown}, console ${onConsole}, log ${inLog}`);
    }
  });
});

describe('shellWord', () => {
  it.each(['local-lvm', 'a b', "it's", '$(reboot)', '`x`', 'proxnix@pve!bot', 'a;b', ''])(
    'keeps %j one word',
    (word) => {
      expect(execaSync('/bin/sh', ['-c', `printf %s ${shellWord(word)}`]).stdout).toBe(word);
    },
  );
});

describe('sameText', () => {
  it.each([
    ['x', ' \n x \n\n'],
    ['', '\u0085\ufeff \t'],
    ['a\ud800', 'a\ufffd'],
    [' a\n b', 'a\n b\n'],
  ])('takes %j and %j for one', (a, b) => expect(sameText(a, b)).toBe(true));

  it.each([
    ['a b', 'a  b'],
    ['a\nb', 'a b'],
    ['x', ''],
    ['x', 'X'],
  ])('tells %j from %j', (a, b) => expect(sameText(a, b)).toBe(false));
});
