import fc from 'fast-check';
import type { Block, Button, Card, CardFile, GuestRow, Line, Span } from '../../../src/views/card.ts';

/** Texts that try to break a message: markup, mentions, ANSI, bidi, surrogate halves, fences, very long ones. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.stringMatching(/^[\\*_~|`<>[\]()#+\-.:/@a1 \n]{0,80}$/),
  fc.constantFrom(
    '@everyone <@1> <@&2> <#3>',
    '```diff\n- fake\n```',
    '\u001b[31mred\u001b[0m\u202e',
    '\ud800',
    '[x](https://evil.example)',
    '│└─🚀'.repeat(500),
    'A'.repeat(10_000),
    '\n'.repeat(3000),
    '*'.repeat(5000),
    '',
    ' ',
  ),
);

const person = fc.record({ chat: fc.constantFrom('discord', 'slack'), id: hostileText, name: hostileText });
const span: fc.Arbitrary<Span> = fc.oneof(
  hostileText,
  fc.record({ bold: hostileText }),
  fc.record({ code: hostileText }),
  fc.record({ link: fc.oneof(fc.webUrl(), hostileText), text: hostileText }),
  fc.record({
    time: fc.double({ min: 0, max: 8e15, noNaN: true }),
    show: fc.constantFrom<'time' | 'date-time' | 'relative'>('time', 'date-time', 'relative'),
  }),
  fc.record({ person }) as fc.Arbitrary<Span>,
);
const rich = fc.array(span, { maxLength: 6 });
const mark = fc.constantFrom<NonNullable<Line['mark']>>('-', '-/+', '~', '+', '!', ' ');
const line: fc.Arbitrary<Line> = fc.oneof(
  fc.record({ text: hostileText }),
  fc.record({ text: hostileText, mark, keep: fc.boolean() }),
);
const lines = fc.oneof(
  fc.array(line, { maxLength: 12 }),
  fc.tuple(line, fc.integer({ min: 1, max: 400 })).map(([one, count]) => Array.from({ length: count }, () => one)),
);
const shortText = hostileText.map((one) => one.slice(0, 200));
const row: fc.Arbitrary<GuestRow> = fc.record(
  {
    guest: fc.record({ name: shortText, vmid: fc.integer({ min: 100, max: 999_999_999 }) }),
    action: fc.constantFrom('destroy', 'roll back', 'clean up, blocked', 'created'),
    mark,
    parts: fc.array(shortText, { maxLength: 3 }),
    advice: shortText,
    note: shortText,
    keep: fc.boolean(),
  },
  { requiredKeys: ['action'] },
);
const rows = fc.oneof(
  fc.array(row, { maxLength: 8 }),
  fc.tuple(row, fc.integer({ min: 1, max: 60 })).map(([one, count]) => Array.from({ length: count }, () => one)),
);
const block: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ kind: fc.constant<'guests'>('guests'), of: fc.constantFrom('plan', 'apply', 'done'), rows }),
  fc.record({ kind: fc.constantFrom<'text' | 'small' | 'warning'>('text', 'small', 'warning'), rich }),
  fc.record({ kind: fc.constant<'lines'>('lines'), lines }),
  fc.record({
    kind: fc.constant<'progress'>('progress'),
    label: hostileText,
    fraction: fc.double(),
    text: hostileText,
  }),
  fc.record({ kind: fc.constant<'divider'>('divider') }),
);
const runId = fc.oneof(
  fc.integer({ min: 1, max: 999 }).map((n) => `r-${n}`),
  hostileText,
);
const button: fc.Arbitrary<Button> = fc.record({
  action: fc.constantFrom<Button['action']>('approve', 'reject', 'details', 'plan-again', 'cancel', 'log'),
  label: hostileText,
  style: fc.constantFrom<Button['style']>('primary', 'danger', 'plain'),
  runId,
});
const file: fc.Arbitrary<CardFile> = fc.record({
  name: fc.oneof(fc.constant('plan.diff'), hostileText),
  title: hostileText,
  text: hostileText,
});

/** Any card at all, far beyond what the views make. */
export const anyCard: fc.Arbitrary<Card> = fc.record({
  tone: fc.constantFrom<Card['tone']>('working', 'waiting', 'good', 'bad', 'quiet'),
  title: hostileText,
  blocks: fc.array(block, { maxLength: 30 }),
  buttons: fc.array(button, { maxLength: 15 }),
  files: fc.array(file, { maxLength: 4 }),
});
