/** A text that grows: what a hostile push, server or guest may send, in a length of one's choice. */
export interface Shape {
  readonly name: string;
  readonly of: (length: number) => string;
}

const hash = 'a'.repeat(32);

/** Parts that make a search begin, or keep it going, somewhere in the code. */
export const units = [
  ...[
    '/a',
    '\r',
    '\r\n',
    '\n',
    ' ',
    ' \n',
    'a',
    'A1',
    '1',
    '.',
    '-',
    '=',
    ',',
    ';',
    ':',
    ':a',
    '|',
    '&',
    '\\',
    '"',
    "'",
  ],
  ...[
    '`',
    '*',
    '_',
    '>',
    '[',
    '](',
    '{',
    '(',
    '<@',
    '@',
    '://',
    'a://',
    'a://b',
    'a://b:',
    '\u0000',
    '\u202e',
    '\u200b',
  ],
  ...['\u001b[', '\u001b[1;', '\u001b]', '\u001b]0;', '\u001b;#', '\u001b ', '\u009d', '\ud800', '🚀', 'e\u0301', '漢'],
  ...['error:', `/nix/store/${hash}-`, `/nix/store/${hash}-source/`, `/nix/store/${hash}-x.dr`, '"msg":"', 'refs/'],
  ...["a 'x' with features {", 'Permission check failed (', "can't lock file ", ' at /usr/a', 'bearer ', 'canary'],
  ...['authorization: basic ', 'PVEAPIToken=a', 'xoxb-', 'MTAwMDAwMDAwMDAwMDAwMDAwMDAw.'],
] as const;

/** What makes a search begin that goes on through the units after it. */
const starts = ['\u001b]0;', '\u001b;', '"', '`', '://', '/', '@nix {"action":"msg","level":0,"msg":"'];

/** Every unit repeated, with a last character at which a search fails; and some behind a beginning. */
export const shapes: readonly Shape[] = [
  ...units.map((unit) => shape(unit, '', '\u0001x')),
  ...starts.flatMap((start) => ['a', '#;'].map((unit) => shape(unit, start, ''))),
];

/** One shape out of parts. */
export function shape(unit: string, start: string, end: string): Shape {
  return {
    name: JSON.stringify(`${start}|${unit}|${end}`),
    of: (length) => `${start}${unit.repeat(Math.max(1, Math.floor(length / unit.length)))}${end}`,
  };
}
