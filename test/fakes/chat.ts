import type {
  Answer,
  Chat,
  ChatHandlers,
  CommandOption,
  Form,
  MessageRef,
  Person,
  Place,
} from '../../src/chat/chat.ts';
import { readCommandLine } from '../../src/chat/command-line.ts';
import type { Button, Card } from '../../src/views/card.ts';

export interface FakeMessage {
  readonly id: string;
  readonly fleet: string;
  /** Every card it showed, oldest first; the last is what people see. */
  readonly cards: Card[];
  readonly replies: Card[];
}

export interface FakeOptions {
  readonly name?: string;
  /** The channel's messages; hand the same to a new fake to restart it. */
  readonly messages?: FakeMessage[];
  readonly person?: Person;
  readonly place?: Place;
}

const somebody: Person = { chat: 'console', id: 'owner', name: 'Owner', groups: [] };

/** A chat in memory for tests: it records what is shown, presses what it is told to, and is down on command. */
export class FakeChat implements Chat {
  readonly name: string;
  readonly messages: FakeMessage[];
  readonly person: Person;
  readonly place: Place;
  /** While true, `show` and `reply` reject as a chat that cannot be reached does. */
  down = false;
  #handlers: ChatHandlers | undefined;

  constructor(options: FakeOptions = {}) {
    this.name = options.name ?? 'console';
    this.messages = options.messages ?? [];
    this.person = options.person ?? { ...somebody, chat: this.name };
    this.place = options.place ?? { workspace: 'w-1', channel: 'c-1' };
  }

  start(handlers: ChatHandlers): Promise<void> {
    this.#handlers = handlers;
    return Promise.resolve();
  }

  async show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    this.#refuseWhenDown();
    const known = this.messages.find(({ id }) => id === ref[this.name]);
    if (known === undefined) return { [this.name]: this.#post(fleet, card) };
    known.cards.push(card);
    return { [this.name]: known.id };
  }

  async reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    this.#refuseWhenDown();
    const known = this.messages.find(({ id }) => id === ref[this.name]);
    if (known === undefined) this.#post(fleet, card);
    else known.replies.push(card);
  }

  stop(): Promise<void> {
    this.#handlers = undefined;
    return Promise.resolve();
  }

  /** What the message shows now; the newest message unless an id is given. */
  card(id?: string): Card | undefined {
    const message = id === undefined ? this.messages.at(-1) : this.messages.find((known) => known.id === id);
    return message?.cards.at(-1);
  }

  /** Presses a button as `person` (the fake's own by default), in `place`. */
  press(button: Pick<Button, 'action' | 'runId' | 'planId'>, person = this.person, place = this.place) {
    const { action, runId, planId } = button;
    return this.#up().press({ action, runId, person, place, ...(planId === undefined ? {} : { planId }) });
  }

  /** Types a line such as `/proxnix plan main`. */
  async command(text: string, person = this.person, place = this.place): Promise<Answer> {
    const line = readCommandLine(text, this.#up().commands);
    if (line.kind === 'note') return line;
    return this.#up().command({ name: line.name, args: line.args, person, place });
  }

  /** Types an option of a command, with `args` typed beside it. */
  complete(
    command: string,
    option: CommandOption,
    typed: string,
    person = this.person,
    place = this.place,
    args: Readonly<Record<string, string>> = {},
  ): Promise<readonly string[]> {
    return this.#up().complete({ command, option, typed, args, person, place });
  }

  /** Opens the page of the fleets. */
  overview(place = this.place) {
    return this.#up().overview({ person: this.person, place });
  }

  /** Opens the page of a run. */
  runPage(id: string, place = this.place) {
    return this.#up().runPage(id, { person: this.person, place });
  }

  /** Fills in a form. */
  submit(form: Pick<Form, 'id'>, values: Readonly<Record<string, string>>, person = this.person, place = this.place) {
    return this.#up().submit({ formId: form.id, values, person, place });
  }

  #post(fleet: string, card: Card): string {
    const id = `m-${this.messages.length + 1}`;
    this.messages.push({ id, fleet, cards: [card], replies: [] });
    return id;
  }

  #up(): ChatHandlers {
    if (this.#handlers === undefined) throw new Error('The fake chat is not started.');
    return this.#handlers;
  }

  #refuseWhenDown(): void {
    if (this.down) throw new Error('The fake chat is down.');
    this.#up();
  }
}
