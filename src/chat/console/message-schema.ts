import * as z from 'zod';
import type { Block, Button, Card, CardFile, Line, PersonRef, Span } from '../../views/card.ts';
import type { ConsoleMessage } from './message.ts';

const person: z.ZodType<PersonRef> = z.object({
  chat: z.string(),
  id: z.string(),
  name: z.string(),
});

const span: z.ZodType<Span> = z.union([
  z.string(),
  z.object({ bold: z.string() }),
  z.object({ code: z.string() }),
  z.object({ link: z.string(), text: z.string() }),
  z.object({ time: z.number(), show: z.enum(['time', 'date-time', 'relative']) }),
  z.object({ person }),
]);

const line: z.ZodType<Line> = z.object({
  text: z.string(),
  mark: z.enum(['-', '-/+', '~', '+', '!', ' ']).exactOptional(),
  keep: z.boolean().exactOptional(),
});

const rich = z.array(span);

const block: z.ZodType<Block> = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['text', 'small', 'warning']), rich }),
  z.object({ kind: z.literal('lines'), lines: z.array(line) }),
  z.object({
    kind: z.literal('progress'),
    label: z.string(),
    fraction: z.number().exactOptional(),
    text: z.string(),
  }),
  z.object({ kind: z.literal('divider') }),
]);

const button: z.ZodType<Button> = z.object({
  action: z.enum(['approve', 'reject', 'details', 'plan-again', 'cancel', 'log']),
  label: z.string(),
  style: z.enum(['primary', 'danger', 'plain']),
  runId: z.string(),
  planId: z.string().exactOptional(),
  confirm: z.object({ title: z.string(), text: z.string(), yes: z.string() }).exactOptional(),
});

const file: z.ZodType<CardFile> = z.object({ name: z.string(), title: z.string(), text: z.string() });

const card: z.ZodType<Card> = z.object({
  tone: z.enum(['working', 'waiting', 'good', 'bad', 'quiet']),
  title: z.string(),
  blocks: z.array(block),
  buttons: z.array(button),
  files: z.array(file),
});

/** A message as it lies on disk. Unknown keys are dropped: a newer proxnix may have written it. */
export const messageSchema: z.ZodType<ConsoleMessage> = z.object({
  id: z.string().regex(/^[A-Za-z0-9-]{1,80}$/),
  order: z.int(),
  fleet: z.string(),
  at: z.number(),
  changedAt: z.number(),
  card,
  replies: z.array(z.object({ id: z.string(), at: z.number(), card })),
});
