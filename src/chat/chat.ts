import type { ButtonAction, Card, PersonRef } from '../views/card.ts';
import type { Form } from '../views/forms.ts';
import type { Overview, RunTime } from '../views/overview.ts';

export type { Form, FormField } from '../views/forms.ts';

/** A person in a chat, with the immutable ids of the groups (roles, usergroups) that the chat reports for them. */
export interface Person extends PersonRef {
  readonly groups: readonly string[];
}

/** The place of a command or a press: immutable ids of the guild or workspace and of the channel. */
export interface Place {
  readonly workspace: string;
  readonly channel: string;
}

/** `/proxnix <name> …`, already split: the arguments by option name. */
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

/** The answer to a person. Only that person sees notes and cards. */
export type Answer =
  /** No answer: the card itself changes. */
  | { readonly kind: 'none' }
  /** One sentence; `code` is the reason code of a refusal (`not-an-approver`). */
  | { readonly kind: 'note'; readonly text: string; readonly code?: string }
  | { readonly kind: 'card'; readonly card: Card }
  | { readonly kind: 'form'; readonly form: Form }
  /** A field of the submitted form is wrong: the form stays open and shows `text` beside the field. `code` as for a note. */
  | { readonly kind: 'invalid'; readonly field: string; readonly text: string; readonly code?: string };

/** What an option is completed with: always something that can be done with it now. */
export type Suggested =
  /** A run whose plan waits for a decision. */
  | 'open-run'
  /** A run that waits for its turn or works. */
  | 'working-run'
  | 'plan'
  /** A fleet, or one of its guests. */
  | 'fleet-or-guest'
  /** A guest that the flake declares and that may be adopted. */
  | 'adoptable'
  /** A guest with a retained root disk, or a commit that was applied. */
  | 'rollback'
  | 'ref'
  | 'fleet'
  | 'command';

/** One option of a command; `complete` names the kind of its suggestions. */
export interface CommandOption {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly complete?: Suggested;
  /** The option takes the rest of the line. */
  readonly rest?: boolean;
}

/** A request for suggestions while somebody types an option of a command. */
export interface Completion {
  /** The name of the command. */
  readonly command: string;
  readonly option: CommandOption;
  /** The typed beginning of the option. */
  readonly typed: string;
  /** The other typed options by name. */
  readonly args: Readonly<Record<string, string>>;
  readonly person: Person;
  readonly place: Place;
}

/** The name, description and options of a command, from which a chat offers it. */
export interface CommandSpec {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CommandOption[];
}

/** Who asks, and where. */
export interface Asker {
  readonly person: Person;
  readonly place: Place;
}

/** A run as a page of its own shows it. */
export interface RunPage {
  readonly id: string;
  readonly fleet: string;
  readonly card: Card;
  readonly times: readonly RunTime[];
  /** The message of the run in each chat. */
  readonly ref: MessageRef;
}

/** The receivers of everything that people do in a chat. None of them throws: a failure is an answer. */
export interface ChatHandlers {
  /** In help order. */
  readonly commands: readonly CommandSpec[];
  command(request: CommandRequest): Promise<Answer>;
  press(press: Press): Promise<Answer>;
  submit(submission: Submission): Promise<Answer>;
  /** Suggestions for an option, at most 25. */
  complete(completion: Completion): Promise<readonly string[]>;
  /** What the person may see of the fleets and their clusters: none for one who may see nothing here. */
  overview(asker: Asker): Promise<Overview>;
  /** A run; `undefined` where there is none that the person may see here. */
  runPage(id: string, asker: Asker): Promise<RunPage | undefined>;
}

/** The chat's own id of a message, by chat name. It is saved with the run, so a restarted bot finds the card. */
export type MessageRef = Readonly<Record<string, string>>;

/**
 * A chat refused a call because of a rate limit and did not carry it out. `ms` is the wait in milliseconds, `undefined`
 * when the chat names none. `reason` names the limit for the log.
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
 * A chat. An adapter acknowledges a press or a command first (Slack and Discord allow three seconds), then passes it on.
 *
 * The caller owns pace, order and retries: calls of `show`, `reply` and `attach` for one message never overlap, and of
 * several cards only the newest is shown. An adapter waits for nothing and repeats nothing. It returns the result, throws
 * `RetryLater` for a rate limit, and any other error when the chat cannot be reached or refuses. Each call may be made
 * again after an error.
 */
export interface Chat {
  /** The name in ids and stored runs: `discord`. */
  readonly name: string;
  /**
   * Connects and begins to call the handlers. Rejects with a `UserError` when the chat cannot be used as configured, and
   * with any other error when it cannot be reached; after that it may be started again.
   */
  start(handlers: ChatHandlers): Promise<void>;
  /**
   * Shows a card in the fleet's channel: edits the message that `ref` names, or posts a new one when `ref` names none or
   * its message can no longer be edited (deleted, too old). The old message is then deleted, where the chat allows it.
   * @returns the message that shows the card now
   */
  show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef>;
  /** Adds a card without its files to the message's thread. A reply notifies people, an edit does not. */
  reply(fleet: string, card: Card, ref: MessageRef): Promise<void>;
  /**
   * Adds the files of a card to the message's thread, except those that are already there. A chat without this call
   * shows files in the message itself. @returns the reference, which may list the files
   */
  attach?(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef>;
  /** Accepts nothing new and disconnects. */
  stop(): Promise<void>;
}
