import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenShapesOf } from '../src/config/config.ts';
import { createGate as gateWith, Secret } from '../src/secret.ts';

/** As the program makes it: with the tokens of every chat and forge. */
const createGate = (secrets: readonly Secret[]) => gateWith(secrets, tokenShapesOf());

const base64 = (text: string) => Buffer.from(text).toString('base64');
const fullyEncoded = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const html = (text: string) =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char);

/** Every way in which the gate promises to know a secret. `around` shifts base64 by 0, 1 and 2 bytes. */
const forms: Readonly<Record<string, (secret: string, around: string) => string>> = {
  plain: (secret) => secret,
  'percent-encoded': (secret) => encodeURIComponent(secret),
  'as a form field': (secret) => new URLSearchParams({ v: secret }).toString().slice(2),
  'fully percent-encoded': (secret) => fullyEncoded(secret),
  'in upper-case percent': (secret) => fullyEncoded(secret).replace(/%../g, (code) => code.toUpperCase()),
  'as JSON': (secret) => JSON.stringify(secret).slice(1, -1),
  'as HTML': (secret) => html(secret),
  'in base64': (secret) => base64(secret),
  'as user:password in base64': (secret, around) => base64(`${around}:${secret}`),
  'in base64 with text behind': (secret, around) => base64(`${around}${secret}${around}`),
  'in base64 for URLs': (secret, around) => Buffer.from(around + secret).toString('base64url'),
  'in base64, percent-encoded': (secret, around) => encodeURIComponent(base64(around + secret)),
};

/** Printable, without the characters of the mask itself. */
const secretText = fc.string({
  unit: fc.constantFrom(...Array.from('abcXYZ019 +/=&?<>"\'\\%$.*-_:@!#~^|é')),
  minLength: 8,
  maxLength: 40,
});
const around = fc.string({ unit: fc.constantFrom('p', 'q', 'r', ',', ';'), maxLength: 3 });

describe('a secret', () => {
  const secret = new Secret('canary-value');

  it('shows itself nowhere', () => {
    const shown = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), inspect(secret, { showHidden: true })];
    for (const text of shown) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain('canary');
    }
    expect(Object.keys(secret)).toEqual([]);
  });

  it('is the same as its own text and as no other', () => {
    expect(secret.isSame('canary-value')).toBe(true);
    for (const other of ['', 'c', 'canary-valu', 'canary-value ', 'canary-value2', 'Canary-value', '[secret]']) {
      expect([other, secret.isSame(other)]).toEqual([other, false]);
    }
  });

  it('is revealed when it is asked for', () => {
    expect(secret.reveal()).toBe('canary-value');
  });
});

describe('the gate', () => {
  it.each(Object.entries(forms))('takes out a secret %s', (_, form) => {
    fc.assert(
      fc.property(secretText, around, (secret, text) => {
        const written = form(secret, text);
        const out = createGate([new Secret(secret)])(`before ${written} after`);
        expect(out).toContain('[secret]');
        expect(out.startsWith('before ')).toBe(true);
        // All but the few characters of base64 that lie in front of the secret.
        expect(out.length).toBeLessThanOrEqual('before [secret] after'.length + 8);
        expect(out).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });

  it('takes out each of several secrets, also when one is a part of another', () => {
    const gate = createGate(['abcdefgh', 'abcdefgh-ijkl', 'mnopqrst'].map((text) => new Secret(text)));
    expect(gate('abcdefgh-ijkl mnopqrst abcdefgh')).toBe('[secret] [secret] [secret]');
  });

  it('takes out each line of a secret of several lines', () => {
    const gate = createGate([new Secret('first-line-of-key\nsecond-line-of-key\n')]);
    expect(gate('> second-line-of-key <')).toBe('> [secret] <');
  });

  it('changes nothing more when text passes twice', () => {
    fc.assert(
      fc.property(secretText, around, fc.constantFrom(...Object.values(forms)), (secret, text, form) => {
        const gate = createGate([new Secret(secret)]);
        const once = gate(`${text} Authorization: Bearer ${form(secret, text)} https://a:b@c ${text}`);
        expect(gate(once)).toBe(once);
      }),
    );
  });

  it.each([
    ['PVEAPIToken=proxnix@pve!bot=2c0f7a9e-5f0b-4a53-9d3e-1b7c86f0a4d2', '2c0f7a9e'],
    ['PVEAPIToken proxnix@pve!bot=2c0f7a9e', '2c0f7a9e'],
    [`xoxb-${'1'.repeat(12)}-${'a'.repeat(24)}`, 'aaaa'],
    [`xoxe.xoxp-1-${'a'.repeat(24)}`, 'aaaa'],
    [`xapp-1-A0123-${'b'.repeat(20)}`, 'bbbb'],
    [`${base64('112233445566778899')}.GabcDE.${'c'.repeat(38)}`, 'cccc'],
    [`Bearer ${'d1'.repeat(12)}`, 'd1d1'],
    [`authorization: Basic ${base64('ada:password')}`, base64('ada:password')],
    [`"authorization":"Bot ${'e'.repeat(20)}"`, 'eeee'],
    ['https://ada:hunter2@git.example.org/x', 'hunter2'],
    ['postgres://ada:hunter2@db/x', 'hunter2'],
    [`ghp_${'f'.repeat(36)}`, 'ffff'],
    [`github_pat_${'f'.repeat(30)}`, 'ffff'],
    [`glpat-${'f'.repeat(20)}`, 'ffff'],
    [`glptt-${'f'.repeat(20)}`, 'ffff'],
    [`gldt-${'f'.repeat(20)}`, 'ffff'],
    [`whsec_${'f'.repeat(43)}=`, 'ffff'],
  ])('takes out what has the form of a token: %s', (text, inside) => {
    const out = createGate([])(`it said "${text}", and went on`);
    expect(out).toContain('[secret]');
    expect(out).not.toContain(inside);
    expect(out.endsWith('", and went on')).toBe(true);
  });

  it.each([
    '/nix/store/18iwkq5zy8v3ml0pmcxvsx0cxqw9h6bk-nixos-rootfs-cache.drv',
    'commit 95790bf891e76fee5e1747ab589903a6a1f80f22 by Ada <ada@example.org>',
    'UPID:pve1:0003A1B2:01F2E3D4:65A1B2C3:qmcreate:823:proxnix@pve!bot:',
    'git@github.com:ada/fleet.git and ssh://git@host:22/x and https://pve1:8006/a@b',
    'the bearer of bad news, bearer certificates, basic authentication, Authorization: required',
    '-/+ test-website (823)  image a1b2c3d4 -> e5f6a7b8, memory 2048 -> 4096 MiB (restart)',
    'proxnix;nix-18iwkq5zy8v3ml0pmcxvsx0cxqw9h6bk;commit-95790bf891e76fee5e1747ab589903a6a1f80f22',
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    'nixos-24.11.7891.a1b2c3d4e5f6 at 2024-05-01T12:00:00.000Z, Monday.Tuesday.Wednesday',
  ])('leaves ordinary text as it is: %s', (text) => {
    expect(createGate([new Secret('a-canary-that-is-not-there')])(text)).toBe(text);
  });

  it('leaves text without any secret as it is', () => {
    const word = fc.string({
      unit: fc.constantFrom(...Array.from('abcdefghijklmnop qrstuvwxyz\n,()')),
      maxLength: 200,
    });
    const gate = createGate([new Secret('CANARY-0123456789')]);
    fc.assert(
      fc.property(word, (text) => {
        expect(gate(text)).toBe(text);
      }),
    );
  });

  it.each(['PVEAPIToken=', 'bearer ', 'authorization: basic ', 'a://', 'a:', 'xoxb-', 'M', 'glpat-', '%63'])(
    'takes a long text of %s: no pattern looks back over all of it',
    (piece) => {
      const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
      expect(createGate([new Secret('canary-value')])(text).length).toBeGreaterThan(0);
    },
  );

  it('passes everything when there is an empty secret', () => {
    expect(createGate([new Secret('')])('text')).toBe('text');
  });
});

describe('a secret whose end was cut off', () => {
  const secret = 'canary-s3cret/with+signs';
  const gate = createGate([new Secret(secret)]);

  it('is taken out as far as it shows, from its eighth character on', () => {
    for (let length = 8; length < secret.length; length++) {
      expect(gate(`said ${secret.slice(0, length)}… more`), `${length} characters`).toBe('said [secret]… more');
    }
  });

  it('is taken out in another spelling as well', () => {
    for (let length = 17; length < secret.length; length++) {
      expect(gate(`said ${encodeURIComponent(secret.slice(0, length))}…`)).toBe('said [secret]…');
    }
  });

  it('is a word like others where nothing was cut', () => {
    expect(gate(`said ${secret.slice(0, 10)} more`)).toBe(`said ${secret.slice(0, 10)} more`);
  });
});
