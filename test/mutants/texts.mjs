// What leaves the bot: no secret, and nothing that moves a cursor.
const secret = ['test/secret.test.ts'];

export const texts = [
  {
    room: 'import',
    file: 'src/cluster/proxmox/details.ts',
    tests: ['test/cluster/proxmox/details.test.ts'],
    rows: [
      ['no password of cloud-init is printed', "secret.test(key) ? '(not shown)' : ", ''],
      ['no password among arguments is printed', 'cut(withoutSecrets(text), 200)', 'cut(text, 200)'],
      ['no text is longer than it need be', 'cut(withoutSecrets(text), 200)', 'withoutSecrets(text)'],
    ],
  },
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
      ['what looks like a token is taken out', 'return replacements.reduce(', 'return [].reduce('],
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
      ['it has no secret in a value', 'return cut(gate(value), longestFact);', 'return cut(value, longestFact);'],
      ['a text of it has a size', 'return cut(gate(value), longestFact);', 'return gate(value);'],
      ['it has no secret in a key', '[gate(key), gated(item, gate)]', '[key, gated(item, gate)]'],
      [
        'a fact has no control characters',
        'return escapeHidden(JSON.stringify(value));',
        'return JSON.stringify(value);',
      ],
      [
        'a message has no control characters',
        "escapeHidden(typeof msg === 'string' ? msg : '')",
        "(typeof msg === 'string' ? msg : '')",
      ],
    ],
  },
  {
    room: 'secrets',
    file: 'src/config/config.ts',
    tests: ['test/chat/trial.test.ts'],
    rows: [['a token of any chat is taken out by its form', 'tokenShapes: tokenShapesOf(chats)', 'tokenShapes: []']],
  },
  {
    room: 'secrets',
    file: 'src/chat/rest.ts',
    tests: ['test/chat/rest.test.ts'],
    rows: [['a redirect gets no token of a chat', "redirect: 'error',", '']],
  },
  {
    room: 'secrets',
    file: 'src/cli/doctor/report.ts',
    tests: ['test/cli/doctor/report.test.ts'],
    rows: [
      ['doctor shows none', 'text: words(gate(text)),', 'text: words(text),'],
      ['doctor shows none in its advice', '{ fix: words(gate(fix)) }', '{ fix: words(fix) }'],
      [
        'doctor shows no control characters',
        "return oneLine(text).replace(/\\s+/g, ' ').trim();",
        "return text.replace(/\\s+/g, ' ').trim();",
      ],
    ],
  },
  {
    room: 'secrets',
    file: 'src/cli/doctor/configuration.ts',
    tests: ['test/cli/doctor/configuration.test.ts'],
    rows: [['doctor warns of a file that others read', '(statSync(envFile).mode & 0o077) !== 0', 'false']],
  },
  {
    room: 'texts',
    file: 'src/lib/text.ts',
    tests: ['test/lib/text.test.ts'],
    rows: [
      ['they have no terminal sequences', ".replace(terminal, '')", ''],
      ['a carriage return hides nothing', ".replace(lineEnds, '\\n')", ''],
      ['nothing in them is hidden or reordered', ".replace(hidden, '').toWellFormed();", '.toWellFormed();'],
      ['they are cut by bytes', 'if (text.length * 3 <= maxBytes) return text;', 'return text;'],
    ],
  },
  {
    room: 'texts',
    file: 'src/lib/streams.ts',
    tests: ['test/lib/streams.test.ts'],
    rows: [
      [
        'what a child says has a size',
        'if (bytes.length > 0 && this.#bytes < this.#maxBytes) {',
        'if (bytes.length > 0) {',
      ],
      ['others get their turn between lines', 'if (lines % linesAtOnce === 0) await setImmediate();', ''],
    ],
  },
  {
    room: 'texts',
    file: 'src/lib/streams.ts',
    tests: ['test/lib/newest.test.ts'],
    rows: [
      ['what is kept of many has a number', 'this.#kept.length > this.#limits.count || ', ''],
      ['what is kept of many has a size', ' || (this.#bytes > this.#limits.bytes && this.#kept.length > 1)', ''],
    ],
  },
  {
    room: 'texts',
    file: 'src/core/errors.ts',
    tests: ['test/core/errors.test.ts'],
    rows: [
      ['an error has a size', 'super(cut(message, longest.message)', 'super(message'],
      ['its details have a size', 'const short = cut(line, longest.detail);', 'const short = line;'],
    ],
  },
  {
    room: 'texts',
    file: 'src/core/advance.ts',
    tests: ['test/core/advance.test.ts'],
    rows: [
      ['a reason has a size', 'cut(event.reason, longestReason)', 'event.reason'],
      ['a line of a build has a size', 'cut(event.line, longestLine)', 'event.line'],
    ],
  },
  {
    room: 'texts',
    file: 'src/core/desired.ts',
    tests: ['test/core/desired.test.ts'],
    rows: [
      ['a flake has not too many guests', 'if (keys.length > most.guests)', 'if (false)'],
      ['a guest is not nested deeply', 'if (depth === most.depth) return', 'if (false) return'],
      ['a guest has not too many values', 'if (values > most.values) return', 'if (false) return'],
      ['no guest is called __proto__', "if (key === '__proto__') return [reserved(path)];", ''],
      ['no key is without an end', 'if (key.length > longestKey)', 'if (false)'],
    ],
  },
  {
    room: 'texts',
    file: 'src/pipeline/plan-run.ts',
    tests: ['test/pipeline/attempts.test.ts'],
    rows: [
      [
        'a plan that ends the bot is not tried for ever',
        'if ((run.attempts ?? 0) >= mostAttempts) throw endedTheBot();',
        '',
      ],
    ],
  },
];
