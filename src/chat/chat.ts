import type { ButtonAction, Card, PersonRef } from '../views/card.ts';
import type { Form } from '../views/forms.ts';

export type { Form, FormField } from '../views/forms.ts';

/** Somebody in a chat, with the immutable ids of the groups (roles, usergroups) the chat vouches for. */
export interface Person extends PersonRef {
  readonly groups: readonly string[];
}

/** Where something was typed or pressed: immutable ids of the guild or workspace and of the channel. */
export interface Place {
  readonly workspace: string;
  readonly channel: string;
}

/** `/proxnix <name> …`, already split: positional arguments by their option's name. */
export interface CommandRequest {
  readonly name: string;
  readonly args: Readonly<Record<string, string>>;
  readonly person: Person;
  readonly place: Place;
}

/** A button that was pressed. */
export interface Press {
  readonly action: ButtonAction;
  readonly runId: string;
  readonly planId?: string;
  readonly person: Person;
  readonly place: Place;
}

/** A form that was filled in. `values` by field name, as typed. */
export interface Submission {
  readonly formId: string;
  readonly values: Readonly<Record<string, string>>;
  readonly person: Person;
  readonly place: Place;
}

/** What the asker gets back. Notes and cards are seen by the asker alone. */
export type Answer =
  /** Nothing to say: the card itself moves. */
  | { readonly kind: 'none' }
  /** One sentence; `code` is the reason code of a refusal (`not-an-approver`). */
  | { readonly kind: 'note'; readonly text: string; readonly code?: string }
  | { readonly kind: 'card'; readonly card: Card }
  | { readonly kind: 'form'; readonly form: Form }
  /** A field of the submitted form is wrong: said beside it, the form stays open. `code` as for a note. */
  | { readonly kind: 'invalid'; readonly field: string; readonly text: string; readonly code?: string };

/** One option of a command; `complete` names what may be suggested for it. */
export interface CommandOption {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly complete?: 'run' | 'plan' | 'guest' | 'ref' | 'fleet' | 'command';
  /** Takes the rest of the line. */
  readonly rest?: boolean;
}

/** What somebody is typing: of one option of a command, beside what they have typed of the others. */
export interface Completion {
  /** The name of the command. */
  readonly command: string;
  readonly option: CommandOption;
  /** What was typed of the option so far. */
  readonly typed: string;
  /** The other options by name, as far as they were typed. */
  readonly args: Readonly<Record<string, string>>;
  readonly person: Person;
  readonly place: Place;
}

/** What a chat must know of a command to offer it: its words, not what it does. */
export interface CommandSpec {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CommandOption[];
}

/** What a chat hands over. None of these throws: what goes wrong is an answer. */
export interface ChatHandlers {
  /** In help order. */
  readonly commands: readonly CommandSpec[];
  command(request: CommandRequest): Promise<Answer>;
  press(press: Press): Promise<Answer>;
  submit(submission: Submission): Promise<Answer>;
  /** Suggestions for an option, at most 25. */
  complete(completion: Completion): Promise<readonly string[]>;
}

/** By chat name, the chat's own id of a message. Saved with the run, so a card is found again after a restart. */
export type MessageRef = Readonly<Record<string, string>>;

/**
 * Thrown by a call of a chat that was not carried out because the chat asks to wait. `ms` is the wait in milliseconds,
 * `undefined` when the chat names none. `reason` says what is limited, in words for the log.
 */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly ms: number | undefined;
  readonly reason: string;

  constructor(ms: number | undefined, reason: string) {
    super(`The chat asks to wait: ${reason}`);
    this.ms = ms;
    this.reason = reason;
  }
}

/**
 * A chat. Adapters acknowledge a press or a command first (Slack and Discord give three seconds), then hand it over.
 *
 * Calls of `show`, `reply` and `attach` for one message never overlap, and of several cards only the newest comes: the
 * caller owns pace, order and retries. An adapter waits for nothing and repeats nothing; it answers with what it did,
 * throws `RetryLater` when the chat asks to wait, and any other error when the chat cannot be reached or refuses. Each
 * call may be made again after an error.
 */
export interface Chat {
  /** As ids and stored runs have it: `discord`. */
  readonly name: string;
  /**
   * Connects and begins to hand over. Rejects with a `UserError` when the chat cannot be used as configured, with any
   * other error when it cannot be reached: then it may be started again.
   */
  start(handlers: ChatHandlers): Promise<void>;
  /**
   * Shows a card in the fleet's channel: edits the message that `ref` names, or posts a new one when `ref` names none or
   * its message cannot be edited any more (deleted, too old). The old message is then closed, where the chat lets it be.
   * @returns where the card is shown now
   */
  show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef>;
  /** Adds a card to the message's thread, which notifies people where an edit does not. Files are not part of it. */
  reply(fleet: string, card: Card, ref: MessageRef): Promise<void>;
  /**
   * Adds the files of a card to the message's thread, except those that the thread has already. A chat without this
   * call shows files in the message itself. @returns the reference, which may remember the files
   */
  attach?(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef>;
  /** Takes nothing new and ends. */
  stop(): Promise<void>;
}
