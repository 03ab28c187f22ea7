import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import * as z from 'zod';
import {
  type Block,
  type Button,
  buttonId,
  type Card,
  type CardFile,
  type GuestRow,
  type Line,
  type PersonRef,
  type Span,
} from '../../views/card.ts';
import type { RunTime } from '../../views/overview.ts';
import type { Answer, RunPage } from '../chat.ts';

/**
 * One JSON file per message in a folder, so that a progress update writes one card and not the channel. An unreadable file
 * is renamed to `<name>.damaged` and logged. Writes happen in the order of the calls.
 */
export function messageFolder(folder: string, log: Pick<Logger, 'warn'>): MessageStore {
  const writes = new PQueue({ concurrency: 1 });
  return {
    async load() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
      const found = await Promise.all(names.map((name) => readMessage(join(folder, name), log)));
      return found.filter((message) => message !== undefined);
    },
    save: (message) => writes.add(() => writeMessage(folder, message)),
    remove: (id) => writes.add(() => rm(join(folder, `${id}.json`), { force: true })),
  };
}

/** A store in memory, for tests and for a demo that keeps nothing. */
export function messageMemory(messages: Map<string, ConsoleMessage> = new Map()): MessageStore {
  return {
    load: () => Promise.resolve([...messages.values()]),
    save(message) {
      messages.set(message.id, message);
      return Promise.resolve();
    },
    remove(id) {
      messages.delete(id);
      return Promise.resolve();
    },
  };
}

async function readMessage(path: string, log: Pick<Logger, 'warn'>): Promise<ConsoleMessage | undefined> {
  const read = messageSchema.safeParse(parseJson(await readFile(path, 'utf8')));
  if (read.success) return read.data;
  log.warn({ path, aside: `${path}.damaged`, problem: read.error.message }, 'console message unreadable, set aside');
  await rename(path, `${path}.damaged`);
  return undefined;
}

async function writeMessage(folder: string, message: ConsoleMessage): Promise<void> {
  const path = join(folder, `${message.id}.json`);
  await writeFile(`${path}.new`, JSON.stringify(message), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A card in the channel with the replies in its thread. Times are milliseconds since the epoch. */
export interface ConsoleMessage {
  readonly id: string;
  /** Grows by one with each message: the order of the channel. */
  readonly order: number;
  readonly fleet: string;
  readonly at: number;
  readonly changedAt: number;
  readonly card: Card;
  readonly replies: readonly ConsoleReply[];
}

/** A card in the thread of a message. */
export interface ConsoleReply {
  readonly id: string;
  readonly at: number;
  readonly card: Card;
}

/** The store of the channel's messages, in which a restarted bot finds its cards. */
export interface MessageStore {
  /** In any order. */
  load(): Promise<readonly ConsoleMessage[]>;
  /** Adds or replaces by id. Resolves when the message survives the end of the process. */
  save(message: ConsoleMessage): Promise<void>;
  /** Removes a message; does nothing for an unknown id. */
  remove(id: string): Promise<void>;
}

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

const mark = z.enum(['-', '-/+', '~', '+', '!', ' ']);

const line: z.ZodType<Line> = z.object({
  text: z.string(),
  mark: mark.exactOptional(),
  keep: z.boolean().exactOptional(),
});

const rich = z.array(span);

const row: z.ZodType<GuestRow> = z.object({
  guest: z.object({ name: z.string(), vmid: z.number() }).exactOptional(),
  action: z.string(),
  mark: mark.exactOptional(),
  state: z.enum(['waiting', 'running', 'done', 'failed']).exactOptional(),
  image: z.string().exactOptional(),
  parts: z.array(z.string()).exactOptional(),
  advice: z.string().exactOptional(),
  step: z.string().exactOptional(),
  note: z.string().exactOptional(),
  fraction: z.number().exactOptional(),
  startedAt: z.number().exactOptional(),
  keep: z.boolean().exactOptional(),
});

/** One part of a card, as the channel's file and its API hold it. */
export const blockSchema: z.ZodType<Block> = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['text', 'small', 'warning']), rich }),
  z.object({ kind: z.literal('lines'), lines: z.array(line) }),
  z.object({ kind: z.literal('guests'), of: z.enum(['plan', 'apply', 'done']), rows: z.array(row) }),
  z.object({
    kind: z.literal('progress'),
    label: z.string(),
    fraction: z.number().exactOptional(),
    text: z.string(),
  }),
  z.object({ kind: z.literal('divider') }),
]);

const button: z.ZodType<Button> = z.object({
  action: z.enum(['approve', 'reject', 'details', 'plan-again', 'cancel', 'log', 'rollback', 'accept']),
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
  blocks: z.array(blockSchema),
  buttons: z.array(button),
  files: z.array(file),
});

/** A stored message. Unknown keys are dropped, because a newer proxnix may have written it. */
export const messageSchema: z.ZodType<ConsoleMessage> = z.object({
  id: z.string().regex(/^[A-Za-z0-9-]{1,80}$/),
  order: z.int(),
  fleet: z.string(),
  at: z.number(),
  changedAt: z.number(),
  card,
  replies: z.array(z.object({ id: z.string(), at: z.number(), card })),
});

/** A button for the page: its id, label, style and confirmation. */
export type WireButton = Pick<Button, 'label' | 'style' | 'confirm'> & { readonly id: string };

/** A file of a card: its text or its address. `bytes` of UTF-8. */
export type WireFile = Pick<CardFile, 'name' | 'title'> &
  ({ readonly text: string } | { readonly url: string; readonly bytes: number });

/** A card for the page. */
export type WireCard = Pick<Card, 'tone' | 'title' | 'blocks'> & {
  readonly buttons: readonly WireButton[];
  readonly files: readonly WireFile[];
};

/** A message for the page. Times are milliseconds since the epoch. */
export interface WireMessage {
  readonly id: string;
  readonly fleet: string;
  readonly at: number;
  readonly changedAt: number;
  readonly card: WireCard;
  readonly replies: readonly { readonly id: string; readonly at: number; readonly card: WireCard }[];
}

/** An answer for the page. */
export type WireAnswer = Exclude<Answer, { kind: 'card' }> | { readonly kind: 'card'; readonly card: WireCard };

/** A run for the page of its own. */
export interface WireRun {
  readonly id: string;
  readonly fleet: string;
  readonly times: readonly RunTime[];
  readonly card: WireCard;
  readonly replies: WireMessage['replies'];
  /** The message that shows it; absent when it is no longer in the channel. */
  readonly message?: string;
}

/** A run with its thread, where the channel still has it; else with the texts of its files. */
export function wireRun({ id, fleet, times, card }: RunPage, message: ConsoleMessage | undefined): WireRun {
  const run = { id, fleet, times };
  if (message === undefined) return { ...run, card: wholeCard(card), replies: [] };
  const { replies } = wireMessage(message);
  return { ...run, card: linkedCard(message.id, card), replies, message: message.id };
}

/** A message without the text of its files, so that a log of megabytes is not sent with each update of its card. */
export function wireMessage(message: ConsoleMessage): WireMessage {
  const { id, fleet, at, changedAt, replies } = message;
  return {
    id,
    fleet,
    at,
    changedAt,
    card: linkedCard(id, message.card),
    replies: replies.map((reply) => ({ id: reply.id, at: reply.at, card: linkedCard(reply.id, reply.card) })),
  };
}

/** An answer with its files, because an answer is not stored. */
export function wireAnswer(answer: Answer): WireAnswer {
  return answer.kind === 'card' ? { kind: 'card', card: wholeCard(answer.card) } : answer;
}

/** A card with the text of its files. */
export function wholeCard(card: Card): WireCard {
  return { ...card, buttons: card.buttons.map(wireButton) };
}

function linkedCard(id: string, card: Card): WireCard {
  const files = card.files.map(({ name, title, text }) => ({
    name,
    title,
    url: `/api/messages/${id}/files/${encodeURIComponent(name)}`,
    bytes: Buffer.byteLength(text),
  }));
  return { ...card, buttons: card.buttons.map(wireButton), files };
}

function wireButton(button: Button): WireButton {
  const { label, style, confirm } = button;
  return { id: buttonId(button), label, style, ...(confirm === undefined ? {} : { confirm }) };
}
