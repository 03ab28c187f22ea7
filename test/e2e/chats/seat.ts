/** A card as somebody sees it in a channel. */
export interface SeenCard {
  /** The chat's own id of the message. */
  readonly id: string;
  /** The first line. */
  readonly title: string;
  /** All words, without those on the buttons. */
  readonly words: string;
  readonly buttons: readonly { readonly label: string; readonly id: string }[];
  /** The words of the replies in the thread. */
  readonly replies: readonly string[];
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

/** A modal that stands open. */
export interface OpenForm {
  readonly id: string;
  readonly title: string;
  readonly words: string;
  /** By name, what stands in the field. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What somebody asked for, and what they alone got back so far. */
export interface Asked {
  words(): string;
  form(): OpenForm | undefined;
  /** Whether the chat still shows that it is being worked on. */
  isWaiting(): boolean;
}

/** `approver` and `second` may decide; `elsewhere` is an approver in another channel. */
export type Who = 'approver' | 'second' | 'stranger' | 'elsewhere';

/** A person at their desk, in one of the chats. */
export interface Seat {
  readonly chat: 'discord' | 'slack';
  /** What stands in the fleet's channel, oldest first. */
  cards(): readonly SeenCard[];
  /** `id` as in `px1:approve:r-1:p-abc`; nobody checks here that such a button exists. */
  press(card: SeenCard, id: string, who?: Who): Promise<Asked>;
  /** Types `/proxnix …`; `args` by option, in order. */
  type(name: string, args?: Readonly<Record<string, string>>, who?: Who): Promise<Asked>;
  /** Sends a form. */
  fill(form: OpenForm, values: Readonly<Record<string, string>>, who?: Who): Promise<Asked>;
  /** The form to fill in again after a mistake: Slack keeps it open, Discord offers a button. */
  again(asked: Asked, form: OpenForm): Promise<OpenForm>;
  /** By message, when it was edited; milliseconds. */
  edits(): ReadonlyMap<string, readonly number[]>;
}

/** The button of a card whose label begins with this. */
export function buttonOf(card: SeenCard, label: string): string {
  const button = card.buttons.find((one) => one.label.startsWith(label));
  if (button === undefined) throw new Error(`"${card.title}" has no button ${label}`);
  return button.id;
}
