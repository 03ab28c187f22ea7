import { type Answer, type Chat, type FormField, type MessageRef, RetryLater } from '../chat/chat.ts';
import { UserError } from '../core/errors.ts';
import { cleanText } from '../lib/text.ts';
import type { Store } from '../store/store.ts';
import type { Block, Button, Card, GuestRow, Rich, Span } from '../views/card.ts';
import type { ShownPlans } from './access.ts';
import type { Clock, Ports } from './ports.ts';
import type { Reachability } from './reachability.ts';

/** Removes secrets from a text. */
type Gate = (text: string) => string;

/**
 * Passes every text of a card through the output gate, the one place where text is cleaned for all chats. Characters
 * that move the cursor, reorder or hide text are removed first: inside a secret they would keep it from being found.
 */
export function cleanCard(card: Card, gate: Gate): Card {
  const clean: Gate = (text) => gate(cleanText(text));
  return {
    tone: card.tone,
    title: clean(card.title),
    blocks: card.blocks.map((block) => cleanBlock(block, clean)),
    buttons: card.buttons.map((button) => cleanButton(button, clean)),
    files: card.files.map((file) => ({ name: clean(file.name), title: clean(file.title), text: clean(file.text) })),
  };
}

/** Passes every text inside of a plain value through the output gate. */
export function cleanTexts<T>(value: T, gate: Gate): T {
  const clean = (_: string, inside: unknown) => (typeof inside === 'string' ? gate(cleanText(inside)) : inside);
  // Only texts change, so the value keeps its type.
  return JSON.parse(JSON.stringify(value), clean) as T;
}

/**
 * Passes every text of an answer through the output gate. A name that a person must type is not changed, even if it
 * resembles a secret.
 */
export function cleanAnswer(answer: Answer, gate: Gate): Answer {
  const clean: Gate = (text) => gate(cleanText(text));
  switch (answer.kind) {
    case 'none':
      return answer;
    case 'note':
    case 'invalid':
      return { ...answer, text: clean(answer.text) };
    case 'card':
      return { ...answer, card: cleanCard(answer.card, gate) };
    case 'form': {
      const { form } = answer;
      const fields = form.fields.map((field) => cleanField(field));
      return { ...answer, form: { ...form, title: clean(form.title), text: cleanRich(form.text, clean), fields } };
    }
  }
}

function cleanField(field: FormField): FormField {
  const hint = field.hint === undefined ? {} : { hint: cleanText(field.hint) };
  return { ...field, label: cleanText(field.label), ...hint };
}

function cleanButton(button: Button, clean: Gate): Button {
  const { confirm } = button;
  const asked =
    confirm === undefined
      ? {}
      : { confirm: { title: clean(confirm.title), text: clean(confirm.text), yes: clean(confirm.yes) } };
  return { ...button, label: clean(button.label), ...asked };
}

function cleanBlock(block: Block, clean: Gate): Block {
  switch (block.kind) {
    case 'text':
    case 'small':
    case 'warning':
      return { ...block, rich: cleanRich(block.rich, clean) };
    case 'lines':
      return { ...block, lines: block.lines.map((line) => ({ ...line, text: clean(line.text) })) };
    case 'guests':
      return { ...block, rows: block.rows.map((row) => cleanRow(row, clean)) };
    case 'progress':
      return { ...block, label: clean(block.label), text: clean(block.text) };
    case 'divider':
      return block;
  }
}

function cleanRow(row: GuestRow, clean: Gate): GuestRow {
  const { guest, image, parts, advice, step, note } = row;
  return {
    ...row,
    action: clean(row.action),
    ...(guest === undefined ? {} : { guest: { ...guest, name: clean(guest.name) } }),
    ...(image === undefined ? {} : { image: clean(image) }),
    ...(parts === undefined ? {} : { parts: parts.map((part) => clean(part)) }),
    ...(advice === undefined ? {} : { advice: clean(advice) }),
    ...(step === undefined ? {} : { step: clean(step) }),
    ...(note === undefined ? {} : { note: clean(note) }),
  };
}

function cleanRich(rich: Rich, clean: Gate): Rich {
  return rich.map((span): Span => {
    if (typeof span === 'string') return clean(span);
    if ('bold' in span) return { bold: clean(span.bold) };
    if ('code' in span) return { code: clean(span.code) };
    if ('link' in span) return { link: clean(span.link), text: clean(span.text) };
    if ('person' in span) return { person: { ...span.person, name: clean(span.person.name) } };
    return span;
  });
}

/** The wait after a failed call: it doubles with each failure in a row, from the first value up to the second. */
const backoffMs = { first: 1000, most: 60_000 } as const;
/** The longest wait that a chat may ask for. */
const longestWaitMs = 60 * 60_000;

/** What the delivery needs. */
export interface DeliveryPorts extends Pick<Ports, 'chats' | 'clock' | 'log' | 'gate' | 'editEveryMs'> {
  /** Stores the message of each run, so that a restart finds it. */
  readonly store: Pick<Store, 'runs' | 'saveMessages'>;
}

/** Who is told what came of a call to a chat. */
export interface DeliveryParts {
  readonly shown: Pick<ShownPlans, 'onCard'>;
  readonly reachability: Pick<Reachability, 'note'>;
}

/**
 * Brings cards and replies into every chat: one message for each run and chat. It owns the pace of edits, their order
 * and their retries. Calls for one message never overlap. Of several cards that wait, only the newest is shown, and the
 * last one always arrives. A chat that fails is tried again and never holds up a deploy or another chat.
 */
export class Delivery {
  readonly #ports: DeliveryPorts;
  readonly #parts: DeliveryParts;
  readonly #messages = new Map<string, Message>();

  constructor(ports: DeliveryPorts, parts: DeliveryParts) {
    this.#ports = ports;
    this.#parts = parts;
  }

  /**
   * Shows the newest card of a run in every chat and returns at once. `draw` is called when a chat is ready for the
   * card, and never for a card that a newer one has replaced.
   */
  show(runId: string, fleet: string, draw: () => Card): void {
    for (const chat of this.#ports.chats) this.#message(runId, fleet, chat).show(draw);
  }

  /**
   * Shows a card that belongs to no run, as a message of its own: it reports what the bot did by itself. The next card
   * about the same subject is another message.
   * @param about names the subject, so that cards about different subjects do not replace each other
   */
  announce(fleet: string, about: string, card: Card): void {
    const key = `${fleet}: ${about}`;
    this.forget(key);
    this.show(key, fleet, () => card);
  }

  /** Adds a card to the thread of a run's message, after the card that is being shown; returns at once. */
  reply(runId: string, fleet: string, card: Card): void {
    for (const chat of this.#ports.chats) this.#message(runId, fleet, chat).reply(card);
  }

  /**
   * Delivers all waiting calls without the pauses between edits. Resolves when each chat has taken them or has failed
   * once.
   */
  async flush(): Promise<void> {
    await Promise.all([...this.#messages.values()].map((message) => message.flush()));
  }

  /**
   * Lets a run show its cards in the message of an older one, which is shown no more. Where that message is stored is
   * the caller's part.
   */
  takeOver(older: string, newer: string, fleet: string): void {
    for (const chat of this.#ports.chats) {
      const ref = this.#message(older, fleet, chat).end();
      this.#messages.delete(keyOf(older, chat));
      const options = { ...this.#ports, ...this.#parts, runId: newer, fleet, chat, ref };
      this.#messages.set(keyOf(newer, chat), new Message(options));
    }
  }

  /** Drops the state of a run that the store no longer keeps. Waiting calls are still delivered. */
  forget(runId: string): void {
    for (const chat of this.#ports.chats) this.#messages.delete(keyOf(runId, chat));
  }

  #message(runId: string, fleet: string, chat: Chat): Message {
    const key = keyOf(runId, chat);
    const known = this.#messages.get(key);
    if (known !== undefined) return known;
    const ref = this.#ports.store.runs().find(({ run }) => run.id === runId)?.messages ?? {};
    const message = new Message({ ...this.#ports, ...this.#parts, runId, fleet, chat, ref });
    this.#messages.set(key, message);
    return message;
  }
}

function keyOf(runId: string, chat: Chat): string {
  return `${runId} ${chat.name}`;
}

interface MessageOptions extends DeliveryPorts, DeliveryParts {
  readonly runId: string;
  readonly fleet: string;
  readonly chat: Chat;
  readonly ref: MessageRef;
}

/** One message in one chat: its card, the card's files and its replies, with a queue for each of the three. */
class Message {
  readonly #options: MessageOptions;
  readonly #cards: CallQueue;
  readonly #files: CallQueue;
  readonly #replies: CallQueue;
  #ref: MessageRef;
  /** Draws the card that is shown next. */
  #draw: (() => Card) | undefined;
  /** The card shown last, while its files are not attached. */
  #shown: Card | undefined;
  /** Replies in the order of their arrival, and replies whose text is shown but whose files are not attached yet. */
  #waitingReplies: readonly Card[] = [];
  #postedReplies: readonly Card[] = [];
  #isWorking = false;
  /** The pace of edits is ignored. */
  #isFlushing = false;
  #lastEdit: number | undefined;
  #onRest: (() => void)[] = [];

  constructor(options: MessageOptions) {
    const { clock } = options;
    this.#options = options;
    this.#ref = options.ref;
    this.#cards = new CallQueue(clock, () => this.#work());
    this.#files = new CallQueue(clock, () => this.#work());
    this.#replies = new CallQueue(clock, () => {
      // The chat may answer again: then the card goes first, because the reply refers to it.
      this.#cards.releaseIf('failed');
      this.#work();
    });
  }

  show(draw: () => Card): void {
    const isFirst = this.#draw === undefined;
    this.#draw = draw;
    if (isFirst) this.#keepPace();
    this.#work();
  }

  reply(card: Card): void {
    this.#waitingReplies = [...this.#waitingReplies, card];
    this.#work();
  }

  /** Shows nothing more. @returns the message as it is */
  end(): MessageRef {
    this.#draw = undefined;
    this.#shown = undefined;
    return this.#ref;
  }

  flush(): Promise<void> {
    if (!this.#isWorking && this.#isEmpty()) return Promise.resolve();
    this.#isFlushing = true;
    const rested = new Promise<void>((resolve) => this.#onRest.push(resolve));
    for (const queue of [this.#cards, this.#files, this.#replies]) queue.release();
    this.#work();
    return rested;
  }

  #isEmpty(): boolean {
    return this.#draw === undefined && this.#waitingReplies.length === 0 && this.#unattached() === undefined;
  }

  #unattached(): Card | undefined {
    return this.#shown ?? this.#postedReplies[0];
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    void this.#workOff();
  }

  async #workOff(): Promise<void> {
    for (let call = this.#next(); call !== undefined; call = this.#next()) await call();
    // Runs in the same turn of the event loop as the last check, so that nothing happens in between.
    this.#isWorking = false;
    this.#isFlushing = false;
    const waiting = this.#onRest;
    this.#onRest = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * The next call to make. A reply follows the card that it refers to. When the chat does not take that card now, the
   * reply is posted below the message as it is.
   */
  #next(): (() => Promise<void>) | undefined {
    const [reply] = this.#waitingReplies;
    if (this.#draw !== undefined && this.#cards.isFree) return () => this.#showNewest();
    const hasMessage = this.#ref[this.#options.chat.name] !== undefined;
    const mayReply = this.#draw === undefined || (this.#cards.isRefused && hasMessage);
    if (reply !== undefined && this.#replies.isFree && mayReply) return () => this.#replyWith(reply);
    if (this.#unattached() !== undefined && this.#files.isFree) return () => this.#attachFiles();
    return undefined;
  }

  async #showNewest(): Promise<void> {
    const draw = this.#draw;
    if (draw === undefined) return;
    const { chat, clock, fleet, gate, runId, shown } = this.#options;
    this.#draw = undefined;
    const isTaken = await this.#attempt(this.#cards, 'a card could not be shown', async () => {
      const card = draw();
      this.#moveTo(await chat.show(fleet, cleanCard(card, gate), this.#ref));
      this.#lastEdit = clock.now();
      this.#shown = this.#withFiles(card);
      shown.onCard(chat.name, runId, card);
    });
    // A newer card may have arrived meanwhile; it is shown instead.
    if (!isTaken) this.#draw ??= draw;
    else if (this.#draw !== undefined) this.#keepPace();
  }

  async #replyWith(card: Card): Promise<void> {
    const { chat, fleet, gate } = this.#options;
    await this.#attempt(this.#replies, 'a reply could not be posted', async () => {
      await chat.reply(fleet, cleanCard(card, gate), this.#ref);
      this.#waitingReplies = this.#waitingReplies.slice(1);
      const posted = this.#withFiles(card);
      if (posted !== undefined) this.#postedReplies = [...this.#postedReplies, posted];
    });
  }

  async #attachFiles(): Promise<void> {
    const { chat, fleet, gate } = this.#options;
    const card = this.#unattached();
    if (card === undefined) return;
    const done = () => {
      if (this.#shown === card) this.#shown = undefined;
      this.#postedReplies = this.#postedReplies.filter((other) => other !== card);
    };
    await this.#attempt(this.#files, 'files could not be attached', async () => {
      try {
        const ref = await chat.attach?.(fleet, cleanCard(card, gate), this.#ref);
        if (ref !== undefined) this.#moveTo(ref);
      } catch (error) {
        // The chat refuses files until somebody changes its settings. The card is shown, so its files are dropped.
        if (!(error instanceof UserError)) throw error;
        this.#options.log.error({ chat: chat.name, run: this.#options.runId, err: error }, 'files were refused');
      }
      done();
    });
  }

  /** The card, if its chat attaches what does not fit into a message. */
  #withFiles(card: Card): Card | undefined {
    return this.#options.chat.attach === undefined ? undefined : card;
  }

  /** Makes a call. When it fails, the wait and its reason are logged. @returns whether it succeeded */
  async #attempt(queue: CallQueue, failure: string, call: () => Promise<void>): Promise<boolean> {
    const { chat, runId, log, reachability } = this.#options;
    try {
      await call();
    } catch (error) {
      const asked = error instanceof RetryLater ? error : undefined;
      const retryInMs = queue.fail(asked);
      const reason = asked?.reason ?? (error instanceof Error ? error.message : String(error));
      const facts = { chat: chat.name, run: runId, reason, retryInMs };
      // A chat that asks to wait has answered.
      reachability.note('Chat', chat.name, asked === undefined ? { error } : undefined);
      if (asked === undefined) log.warn({ ...facts, err: error }, failure);
      else log.warn(facts, `${failure}: the chat asks to wait`);
      return false;
    }
    queue.succeed();
    reachability.note('Chat', chat.name);
    // The chat answers again.
    for (const other of [this.#cards, this.#files, this.#replies]) other.releaseIf('failed');
    return true;
  }

  #moveTo(ref: MessageRef): void {
    const { chat, log, runId, store } = this.#options;
    const before = this.#ref[chat.name];
    this.#ref = ref;
    if (ref[chat.name] === before) return;
    store.saveMessages(runId, ref).catch((error: unknown) => {
      log.error({ chat: chat.name, run: runId, err: error }, 'where a card is shown could not be saved');
    });
  }

  /** Holds the next edit until the shortest time between two edits is over. */
  #keepPace(): void {
    if (this.#isFlushing || this.#lastEdit === undefined || this.#cards.isRefused) return;
    const { chat, clock, editEveryMs } = this.#options;
    const every = editEveryMs(chat);
    // Never longer than the pace: the clock may have been set back.
    this.#cards.hold('pace', Math.min(every, this.#lastEdit + every - clock.now()));
  }
}

/** The reason for which no call is made: the pace of edits, a wait that the chat asked for, or another failure. */
type Hold = 'pace' | 'asked' | 'failed';

/** The queue of one kind of calls for one message. After a failure it waits, longer with each failure in a row. */
class CallQueue {
  readonly #clock: Clock;
  readonly #onFree: () => void;
  #failures = 0;
  #hold: Hold | undefined;
  #callOff: () => void = () => undefined;

  constructor(clock: Clock, onFree: () => void) {
    this.#clock = clock;
    this.#onFree = onFree;
  }

  get isFree(): boolean {
    return this.#hold === undefined;
  }

  /** The chat did not take the last call. */
  get isRefused(): boolean {
    return this.#hold === 'asked' || this.#hold === 'failed';
  }

  hold(why: Hold, ms: number): void {
    if (ms <= 0) return;
    this.release();
    this.#hold = why;
    this.#callOff = this.#clock.after(ms, () => {
      this.release();
      this.#onFree();
    });
  }

  release(): void {
    this.#hold = undefined;
    this.#callOff();
    this.#callOff = () => undefined;
  }

  releaseIf(why: Hold): void {
    if (this.#hold === why) this.release();
  }

  succeed(): void {
    this.#failures = 0;
  }

  /** Delays the calls. When a chat names a wait, the delay is that wait and at least the backoff. @returns the delay */
  fail(asked: RetryLater | undefined): number {
    const backoff = Math.min(backoffMs.first * 2 ** this.#failures, backoffMs.most);
    const wait = Math.min(Math.max(asked?.ms ?? 0, backoff), longestWaitMs);
    this.#failures += 1;
    this.hold(asked === undefined ? 'failed' : 'asked', wait);
    return wait;
  }
}
