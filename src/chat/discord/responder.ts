import { type APIInteractionResponse, InteractionResponseType, MessageFlags, type REST, Routes } from 'discord.js';
import { errorFacts, isAnswered, isLost } from './errors.ts';
import { attachmentsOf, type DiscordFile, rawFiles } from './files.ts';
import type { Interaction } from './payloads.ts';
import { sendAgain } from './rest.ts';
import type { DiscordLog } from './settings.ts';

/** The token of an interaction lives 15 minutes; Discord counts a later answer as an invalid request. */
const tokenLife = 14.5 * 60_000;

/** The collaborators of a responder. */
export interface ResponderOptions {
  readonly rest: REST;
  readonly log: DiscordLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Answers one interaction: first within three seconds, then by follow-ups while its token is valid. */
export class Responder {
  readonly #interaction: Pick<Interaction, 'id' | 'token' | 'application_id'>;
  readonly #options: ResponderOptions;
  readonly #receivedAt: number;

  constructor(interaction: Pick<Interaction, 'id' | 'token' | 'application_id'>, options: ResponderOptions) {
    this.#interaction = interaction;
    this.#options = options;
    this.#receivedAt = options.now();
  }

  /** The first answer. @returns whether Discord accepted it; otherwise the person has seen "interaction failed". */
  first(body: APIInteractionResponse): Promise<boolean> {
    const { id, token } = this.#interaction;
    // Sent without authorization: a dead interaction answers 401, after which discord.js would drop the bot's token.
    const post = () => this.#options.rest.post(Routes.interactionCallback(id, token), { body, auth: false });
    return this.#send(() => sendAgain(post, isAnswered));
  }

  /** Shows "Thinking …" to the asker alone, until `edit` or `drop`. */
  defer(): Promise<boolean> {
    return this.first({
      type: InteractionResponseType.DeferredChannelMessageWithSource,
      data: { flags: MessageFlags.Ephemeral },
    });
  }

  /** Acknowledges a press without changing its message; a follow-up may come. */
  deferUpdate(): Promise<boolean> {
    return this.first({ type: InteractionResponseType.DeferredMessageUpdate });
  }

  /** Replaces "Thinking …". */
  edit(body: object, files: readonly DiscordFile[] = []): Promise<boolean> {
    return this.#later(() =>
      this.#options.rest.patch(this.#original(), { ...this.#payload(body, files), auth: false }),
    );
  }

  /** Removes "Thinking …". */
  drop(): Promise<boolean> {
    return this.#later(() => this.#options.rest.delete(this.#original(), { auth: false }));
  }

  followUp(body: object, files: readonly DiscordFile[] = []): Promise<boolean> {
    const { application_id, token } = this.#interaction;
    const route = Routes.webhook(application_id, token);
    return this.#later(() => this.#options.rest.post(route, { ...this.#payload(body, files), auth: false }));
  }

  #original() {
    return Routes.webhookMessage(this.#interaction.application_id, this.#interaction.token, '@original');
  }

  #payload(body: object, files: readonly DiscordFile[]) {
    return files.length === 0
      ? { body }
      : { body: { ...body, attachments: attachmentsOf(files) }, files: rawFiles(files) };
  }

  #later(request: () => Promise<unknown>): Promise<boolean> {
    const age = this.#options.now() - this.#receivedAt;
    if (age < tokenLife) return this.#send(request);
    this.#options.log.warn({ interaction: this.#interaction.id, age }, 'an answer came too late for Discord');
    return Promise.resolve(false);
  }

  async #send(request: () => Promise<unknown>): Promise<boolean> {
    try {
      await request();
      return true;
    } catch (error) {
      const facts = { interaction: this.#interaction.id, ...errorFacts(error) };
      if (isLost(error)) this.#options.log.warn(facts, 'Discord no longer accepts an answer to this interaction');
      else this.#options.log.error(facts, 'an interaction could not be answered');
      return false;
    }
  }
}
