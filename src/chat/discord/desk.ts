import type { REST } from 'discord.js';
import type { Answer, ChatHandlers } from '../chat.ts';
import type { OpenForms } from './open-forms.ts';
import type { DiscordLog } from './settings.ts';

/** What handling an interaction needs. */
export interface Desk {
  readonly handlers: ChatHandlers;
  readonly rest: REST;
  readonly guildId: string;
  readonly forms: OpenForms;
  readonly log: DiscordLog;
  readonly now: () => number;
  readonly ackAfter: number;
}

const unexpected: Answer = {
  kind: 'note',
  text: 'An unexpected error inside proxnix. The log of the bot has the whole story.',
};

/** Handlers do not throw; one that does is a bug, and the asker still gets an answer. */
export async function guarded(handler: () => Promise<Answer>, log: DiscordLog): Promise<Answer> {
  try {
    return await handler();
  } catch (error) {
    log.error({ err: error }, 'a chat handler threw');
    return unexpected;
  }
}
