import { type REST, Routes } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { CommandSpec } from '../chat.ts';
import type { AdapterState } from '../kind.ts';
import { commandsBody, commandsHash } from './commands.ts';
import { inviteLink } from './permissions.ts';
import { errorFacts } from './rest-errors.ts';

export interface RegisterOptions {
  readonly rest: REST;
  readonly applicationId: string;
  readonly guildId: string;
  readonly state: AdapterState;
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
