import { type REST, Routes } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { CommandSpec } from '../chat.ts';
import { commandsBody, commandsHash } from './commands.ts';
import { errorFacts } from './errors.ts';
import type { SmallState } from './settings.ts';

export interface RegisterOptions {
  readonly rest: REST;
  readonly applicationId: string;
  readonly guildId: string;
  readonly state: SmallState;
}

/** Registers the slash command in the guild, where it appears at once. Sent only when it changed: 200 creates a day. */
export async function registerCommands(commands: readonly CommandSpec[], options: RegisterOptions): Promise<void> {
  const { rest, applicationId, guildId, state } = options;
  const body = commandsBody(commands);
  const key = `discord-commands ${applicationId} ${guildId}`;
  const hash = commandsHash(body);
  if ((await state.get(key)) === hash) return;
  try {
    await rest.put(Routes.applicationGuildCommands(applicationId, guildId), { body });
  } catch (error) {
    throw new UserError(`Discord did not take the commands: ${errorFacts(error).reason}.`, {
      next: `Invite the bot again: ${inviteLink(applicationId)}`,
    });
  }
  await state.set(key, hash);
}

/** View Channel, Send Messages, Embed Links, Attach Files, Read Message History, Create Public Threads, Send in Threads. */
const permissions = '309237763072';

/** Where somebody who manages the guild lets the bot in, with the permissions it needs and no more. */
export function inviteLink(applicationId: string): string {
  const query = new URLSearchParams({ client_id: applicationId, scope: 'bot applications.commands', permissions });
  return `https://discord.com/oauth2/authorize?${query}`;
}
