// What leaves the bot: no secret, and nothing that moves a cursor.
const secret = ['test/secret.test.ts'];

export const texts = [
  {
    room: 'secrets',
    file: 'src/secret.ts',
    tests: secret,
    rows: [
      [
        'one is taken out as it is',
        '[spelled(value), ...encoded(value), ...cutOff(value)]',
        '[...encoded(value), ...cutOff(value)]',
      ],
      ['one is taken out in base64', '...encoded(value), ', ''],
      ['what a cut leaves of one is taken out', ', ...cutOff(value)]', ']'],
      ['base64 is found wherever it begins', 'return [0, 1, 2]', 'return [0]'],
      ['one is taken out percent-encoded', 'percent(char), ...literal', '...literal'],
      ['one is taken out escaped for HTML', '[htmlNames[char], ', '['],
      ['one is taken out escaped for JSON', 'json === char ? undefined : json', 'undefined'],
      ['one of several lines is taken out line by line', '...(lines.length > 1 ? lines : [])', ''],
      ['a secret is literal in the pattern', "text.replace(/[\\\\^$.*+?()[\\]{}|/-]/g, '\\\\$&')", 'text'],
      ['what looks like a token is taken out', 'return tokenShapes.reduce(', 'return [].reduce('],
      [
        'it is not shown as text',
        'toString(): string {\n    return mask;',
        'toString(): string {\n    return this.#value;',
      ],
      [
        'it is not shown as JSON',
        'toJSON(): string {\n    return mask;',
        'toJSON(): string {\n    return this.#value;',
      ],
      [
        'it is not shown when it is inspected',
        '[inspect.custom](): string {\n    return mask;',
        '[inspect.custom](): string {\n    return this.#value;',
      ],
      [
        'a part of it is not the same',
        'return timingSafeEqual(sha256(text), sha256(this.#value));',
        'return this.#value.startsWith(text);',
      ],
    ],
  },
  {
    room: 'log',
    file: 'src/log.ts',
    tests: ['test/log.test.ts'],
    rows: [
      ['it has no secret in a value', "if (typeof value === 'string') return gate(value);", ''],
      ['it has no secret in a key', '[gate(key), gated(item, gate)]', '[key, gated(item, gate)]'],
      [
        'it has no control characters',
        '[\\p{Cc}\\u202a-\\u202e\\u2028\\u2029\\u2066-\\u2069]',
        '[\\u202a-\\u202e\\u2028\\u2029\\u2066-\\u2069]',
      ],
      ['it turns no direction of writing', '[\\p{Cc}\\u202a-\\u202e\\u2028\\u2029\\u2066-\\u2069]', '[\\p{Cc}]'],
    ],
  },
  {
    room: 'secrets',
    file: 'src/cli/doctor/rest.ts',
    tests: ['test/cli/doctor/rest.test.ts'],
    rows: [['a redirect gets no token of a chat', "redirect: 'error',", '']],
  },
  {
    room: 'secrets',
    file: 'src/cli/doctor/report.ts',
    tests: ['test/cli/doctor/report.test.ts'],
    rows: [
      ['doctor shows none', 'text: oneLine(gate(text)),', 'text: oneLine(text),'],
      ['doctor shows none in its advice', '{ fix: oneLine(gate(fix)) }', '{ fix: oneLine(fix) }'],
      [
        'doctor shows no control characters',
        ".replace(/[\\p{Cc}\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/gu, '')",
        '',
      ],
    ],
  },
  {
    room: 'secrets',
    file: 'src/cli/doctor/configuration.ts',
    tests: ['test/cli/doctor/configuration.test.ts'],
    rows: [['doctor warns of a file that others read', '(statSync(envFile).mode & 0o077) !== 0', 'false']],
  },
];
