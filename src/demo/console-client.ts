import { z } from 'zod';
import { blockSchema } from '../chat/console/message-store.ts';
import { readButtonId } from '../views/card.ts';
import { withoutTable } from '../views/guest-lines.ts';

/** The part of the console's messages that the demo reads. */
const Message = z.object({
  id: z.string(),
  card: z.object({
    title: z.string(),
    blocks: z.array(blockSchema),
    buttons: z.array(z.object({ id: z.string() })),
  }),
});
/** A message of the console's channel, as its API shows it. */
export type Message = z.infer<typeof Message>;

const Messages = z.array(Message);

/** A client of the console's HTTP API, with the token from the bot's file, like a user's script. */
export class ConsoleClient {
  readonly #url: string;
  readonly #authorization: string;

  /** @param url of the bot, without a slash at its end */
  constructor(url: string, token: string) {
    this.#url = url;
    this.#authorization = `Bearer ${token}`;
  }

  /** Newest last. */
  async messages(): Promise<readonly Message[]> {
    const response = await fetch(`${this.#url}/api/messages`, { headers: { authorization: this.#authorization } });
    return Messages.parse(await response.json());
  }

  /** Presses a button of a message. @returns the answer of the console */
  async press(message: Message, action: string): Promise<unknown> {
    const button = message.card.buttons.find(({ id }) => readButtonId(id)?.action === action);
    if (button === undefined) throw new Error(`the message "${message.card.title}" has no button ${action}`);
    return this.post('/api/press', { button: button.id });
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': 'application/json', 'x-proxnix': '1' },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  /**
   * Waits, at most `timeoutMs`, until the title of the newest message matches. A failed run ends the wait.
   * @param onTitle called with each new title on the way
   */
  async waitForNewest(
    title: RegExp,
    options: { timeoutMs: number; onTitle?: (title: string) => void },
  ): Promise<Message> {
    let last = '';
    return this.waitFor(options.timeoutMs, (messages) => {
      const message = messages.at(-1);
      if (message === undefined) return undefined;
      if (message.card.title !== last) options.onTitle?.(message.card.title);
      last = message.card.title;
      if (title.test(last)) return message;
      if (/^Failed/.test(last)) throw new Error(cardText(message));
      return undefined;
    });
  }

  /** Waits until `find` returns a value for the messages, newest last. */
  async waitFor(timeoutMs: number, find: (messages: readonly Message[]) => Message | undefined): Promise<Message> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const messages = await this.messages();
      const found = find(messages);
      if (found !== undefined) return found;
      if (Date.now() > end) {
        throw new Error(
          `nothing fitting came in ${timeoutMs / 1000} s; newest: ${messages.at(-1)?.card.title ?? 'none'}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A message as text for a terminal. */
export function cardText({ card }: Message): string {
  const lines = card.blocks.map(withoutTable).flatMap((block) => (block.kind === 'lines' ? block.lines : []));
  return [card.title, ...lines.map((line) => `  ${(line.mark ?? '').padEnd(3)} ${line.text}`)].join('\n');
}
