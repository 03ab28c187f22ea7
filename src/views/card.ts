import { planIdPattern } from '../core/plan.ts';

/**
 * A piece of text. Plain strings are always literal: each chat escapes them its own way, so text from outside (commit
 * messages, names, logs) cannot mention, format or break anything.
 */
export type Span =
  | string
  | { readonly bold: string }
  | { readonly code: string }
  | { readonly link: string; readonly text: string }
  /** Milliseconds since the epoch, shown on the reader's own clock; `relative` is "in 3 hours". */
  | { readonly time: number; readonly show: 'time' | 'date-time' | 'relative' }
  /** A person of any chat; shown by name, never as a mention that notifies. */
  | { readonly person: PersonRef };

/** Text in spans. */
export type Rich = readonly Span[];

/** Somebody who pressed or typed: the name of the chat, an immutable id in it, and a display name, which is never compared. */
export interface PersonRef {
  readonly chat: string;
  readonly id: string;
  readonly name: string;
}

/** The sign in front of a plan's line. It only repeats the words of the line. */
export type Mark = '-' | '-/+' | '~' | '+' | '!' | ' ';

/** A line of monospaced text. `keep`: a chat that shortens the block keeps this line (destroys are never cut). */
export interface Line {
  readonly text: string;
  readonly mark?: Mark;
  readonly keep?: boolean;
}

/**
 * A guest in a table: a change of a plan, a guest at work, or one that is done. A chat without tables draws it as lines
 * (`guestLines`).
 */
export interface GuestRow {
  /** Absent for the builds and the uploads of an apply. */
  readonly guest?: { readonly name: string; readonly vmid: number };
  /** The verb: `replace`; in a plan also `replace, blocked`. */
  readonly action: string;
  /** The sign of a plan's change; it only repeats the words. */
  readonly mark?: Mark;
  /** How far an apply is with it. */
  readonly state?: 'waiting' | 'running' | 'done' | 'failed';
  /** The configuration that it runs: `build-qcow2-website`. */
  readonly image?: string;
  /** What changes and what it means, one fact each; none is ever cut. */
  readonly parts?: readonly string[];
  /** Why it is blocked and what to do, as a sentence. */
  readonly advice?: string;
  /** The step at work, with its progress: `disk import 40 %`; of builds and uploads how many: `2 images`. */
  readonly step?: string;
  /** What stands behind it: how long it took, an address. */
  readonly note?: string;
  /** From 0 to 1; absent: unknown. */
  readonly fraction?: number;
  /** Milliseconds since the epoch; set while an apply works on it. */
  readonly startedAt?: number;
  /** A chat that shortens the block keeps this row: it destroys, or it is blocked. */
  readonly keep?: boolean;
}

/** One part of a card, in reading order. */
export type Block =
  | { readonly kind: 'text'; readonly rich: Rich }
  /** Small print: author, approvals, ids. */
  | { readonly kind: 'small'; readonly rich: Rich }
  /** Data loss, or something that a person must do; never cut. */
  | { readonly kind: 'warning'; readonly rich: Rich }
  /** Monospaced lines, at most 60 columns wide. A chat cuts surplus lines and shows them in a file. */
  | { readonly kind: 'lines'; readonly lines: readonly Line[] }
  /** A row for each guest: of a plan, of an apply, or of what was done. A chat cuts between guests, never inside of one. */
  | { readonly kind: 'guests'; readonly of: 'plan' | 'apply' | 'done'; readonly rows: readonly GuestRow[] }
  /** `fraction` from 0 to 1; absent: unknown. */
  | { readonly kind: 'progress'; readonly label: string; readonly fraction?: number; readonly text: string }
  | { readonly kind: 'divider' };

/** The request that a button makes. */
export type ButtonAction = 'approve' | 'reject' | 'details' | 'plan-again' | 'cancel' | 'log' | 'rollback' | 'accept';

/** A button carries ids only, so it works after a restart and a forged one can do no more than name a run. */
export interface Button {
  readonly action: ButtonAction;
  readonly label: string;
  readonly style: 'primary' | 'danger' | 'plain';
  readonly runId: string;
  /** The plan on the reader's card; `undefined` where the run has none. */
  readonly planId?: string;
  /** A question before the press counts, in chats that can ask one. */
  readonly confirm?: { readonly title: string; readonly text: string; readonly yes: string };
}

/** A long text that belongs to a card: the full plan, a log. */
export interface CardFile {
  /** A file name, e.g. `plan.diff`. */
  readonly name: string;
  readonly title: string;
  readonly text: string;
}

/** The mood of a card. It decides the colour and the mark of the title. */
export type Tone = 'working' | 'waiting' | 'good' | 'bad' | 'quiet';

/** A chat-neutral message. Meaning is in the words; `tone` only colours them. */
export interface Card {
  readonly tone: Tone;
  /** Starts with the state: Plan, Applying, Applied, Failed, Rejected … */
  readonly title: string;
  readonly blocks: readonly Block[];
  readonly buttons: readonly Button[];
  readonly files: readonly CardFile[];
}

/** The id that a button carries through a chat: `px1:approve:r-41:p-7f3c2a`. At most 100 characters (Discord). */
export function buttonId(button: Pick<Button, 'action' | 'runId' | 'planId'>): string {
  return ['px1', button.action, button.runId, button.planId ?? ''].join(':');
}

const buttonPattern = /^px1:([a-z-]{1,20}):(r-[0-9]{1,9}):(.*)$/;
const actions: readonly string[] = [
  'approve',
  'reject',
  'details',
  'plan-again',
  'cancel',
  'log',
  'rollback',
  'accept',
];

/** Reads a button id; `undefined` for anything that proxnix did not make. Approve and reject need a complete plan id. */
export function readButtonId(text: string): Pick<Button, 'action' | 'runId' | 'planId'> | undefined {
  const [, action, runId, planId] = buttonPattern.exec(text) ?? [];
  if (action === undefined || runId === undefined || planId === undefined || !isAction(action)) return undefined;
  if (planIdPattern.test(planId)) return { action, runId, planId };
  return planId === '' && action !== 'approve' && action !== 'reject' ? { action, runId } : undefined;
}

function isAction(text: string): text is ButtonAction {
  return actions.includes(text);
}

/** The text without markup: for logs, notifications and screen readers. */
export function plainText(rich: Rich): string {
  return rich.map(plainSpan).join('');
}

function plainSpan(span: Span): string {
  if (typeof span === 'string') return span;
  if ('bold' in span) return span.bold;
  if ('code' in span) return span.code;
  if ('link' in span) return span.text;
  if ('time' in span) return `${new Date(span.time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return span.person.name;
}
