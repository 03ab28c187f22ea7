import fc from 'fast-check';
import type { Block, Button, Card, GuestRow, Line, PersonRef, Span } from '../../../src/views/card.ts';

/** How many cards a property looks at; `PROXNIX_RUNS=10000` looks longer. */
export const runs = Number(process.env['PROXNIX_RUNS'] ?? 150);

const nasty = [
  '<!channel> <!here> <@U0ALICE001> <#C0DEPLOY01> <!subteam^S0DEPLOY01>',
  '<https://evil.example/|click here> & &amp; &lt;',
  '*bold* _it_ ~gone~ `code` ```fence``` :tada: > quote',
  '\u001b[31mred\u001b[0m \u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007 \u009b2J',
  '\u202eevil\u202c \u2066left\u2069 \u200f',
  'a\nb\r\nc\rd\u2028e',
  '\ud800 lone \udfff',
  '👩‍👩‍👧‍👦🏴‍☠️'.repeat(40),
  '"\\'.repeat(300),
  '\u0000\u0007\u007f',
  '   ',
  'x'.repeat(10_000),
  '&<>'.repeat(2000),
] as const;

export const text = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('test-website (823)', 'image a1b2c3d4 -> e5f6a7b8', 'cores 2 -> 4 (restart)', 'rowan'),
  },
  { weight: 3, arbitrary: fc.constantFrom(...nasty) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constant('') },
);

const person: fc.Arbitrary<PersonRef> = fc.record({
  chat: fc.constantFrom('console', 'discord', 'slack'),
  id: fc.constant('U0ALICE001'),
  name: text,
});

const span: fc.Arbitrary<Span> = fc.oneof(
  text,
  text.map((bold) => ({ bold })),
  text.map((code) => ({ code })),
  fc.record({
    link: fc.oneof(fc.webUrl(), text, fc.constant('javascript:alert(1)'), fc.constant('https://a.example/|>x')),
    text,
  }),
  fc.record({
    time: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.constant(Number.NaN), fc.constant(-1), fc.constant(1e300)),
    show: fc.constantFrom('time', 'date-time', 'relative'),
  }),
  person.map((who) => ({ person: who })),
);

const rich = fc.array(span, { maxLength: 12 });

export const line: fc.Arbitrary<Line> = fc.record(
  { text, mark: fc.constantFrom('-', '-/+', '~', '+', '!', ' '), keep: fc.boolean() },
  { requiredKeys: ['text'] },
);

const shortText = text.map((one) => one.slice(0, 200));
const row: fc.Arbitrary<GuestRow> = fc.record(
  {
    guest: fc.record({ name: shortText, vmid: fc.integer({ min: 100, max: 999_999_999 }) }),
    action: fc.constantFrom('destroy', 'roll back', 'clean up, blocked', 'created'),
    mark: fc.constantFrom('-', '-/+', '~', '+', '!', ' '),
    parts: fc.array(shortText, { maxLength: 3 }),
    advice: shortText,
    note: shortText,
    keep: fc.boolean(),
  },
  { requiredKeys: ['action'] },
);

const block: fc.Arbitrary<Block> = fc.oneof(
  fc.record({
    kind: fc.constant('guests'),
    of: fc.constantFrom('plan', 'apply', 'done'),
    rows: fc.array(row, { maxLength: 60 }),
  }),
  fc.record({ kind: fc.constantFrom('text', 'small', 'warning'), rich }),
  fc.record({ kind: fc.constant('lines'), lines: fc.array(line, { maxLength: 80 }) }),
  fc.record(
    { kind: fc.constant('progress'), label: text, text, fraction: fc.double({ min: -1, max: 2 }) },
    { requiredKeys: ['kind', 'label', 'text'] },
  ),
  fc.constant({ kind: 'divider' }),
);

const button: fc.Arbitrary<Button> = fc.record(
  {
    action: fc.constantFrom('approve', 'reject', 'details', 'plan-again', 'cancel', 'log'),
    label: text,
    style: fc.constantFrom('primary', 'danger', 'plain'),
    runId: fc.integer({ min: 0, max: 999_999_999 }).map((id) => `r-${id}`),
    planId: fc.constantFrom('p-7f3c2a', 'p-0123456789abcdef'),
    confirm: fc.record({ title: text, text, yes: text }),
  },
  { requiredKeys: ['action', 'label', 'style', 'runId'] },
);

/** Any card that the types allow, and text that nobody should trust. */
export const anyCard: fc.Arbitrary<Card> = fc.record({
  tone: fc.constantFrom('working', 'waiting', 'good', 'bad', 'quiet'),
  title: text,
  blocks: fc.oneof(fc.array(block, { maxLength: 12 }), fc.array(block, { minLength: 40, maxLength: 80 })),
  buttons: fc.array(button, { maxLength: 30 }),
  files: fc.array(fc.record({ name: text, title: text, text }), { maxLength: 2 }),
});
