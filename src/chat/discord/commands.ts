import { createHash } from 'node:crypto';
import {
  ApplicationCommandOptionType,
  type REST,
  type RESTPutAPIApplicationGuildCommandsJSONBody,
  Routes,
} from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { CommandOption, CommandSpec } from '../chat.ts';
import type { AdapterState } from '../kind.ts';
import { errorFacts } from './errors.ts';
import { inviteLink } from './permissions.ts';
import { cut } from './text.ts';

/** The slash command whose subcommands are the commands. Discord allows an application 100 names in a guild. */
export const commandName = 'proxnix';
const maxSubcommands = 25;
const maxDescription = 100;

type Body = RESTPutAPIApplicationGuildCommandsJSONBody;

/** The body of the bulk registration: `/proxnix` with one subcommand for each command, in help order. */
export function commandsBody(commands: readonly CommandSpec[]): Body {
  if (commands.length > maxSubcommands) throw new Error(`${commands.length} commands, Discord takes ${maxSubcommands}`);
  const options = commands.map((command) => ({
    type: ApplicationCommandOptionType.Subcommand as const,
    name: command.name,
    description: cut(command.description, maxDescription),
    options: requiredFirst(command.options).map(optionBody),
  }));
  return [{ name: commandName, description: 'GitOps for Proxmox VE with Nix', type: 1, options }];
}

/** A digest of the registration; it is sent again when the digest changes. */
export function commandsHash(body: Body): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

/** Discord refuses a required option after an optional one. */
function requiredFirst(options: readonly CommandOption[]): CommandOption[] {
  return [...options.filter((option) => option.required), ...options.filter((option) => !option.required)];
}

function optionBody(option: CommandOption) {
  return {
    type: ApplicationCommandOptionType.String as const,
    name: option.name,
    description: cut(option.description, maxDescription),
    required: option.required,
    ...(option.complete === undefined ? {} : { autocomplete: true }),
  };
}

/** Where the commands are registered. */
export interface RegisterOptions {
  readonly rest: REST;
  readonly applicationId: string;
  readonly guildId: string;
  readonly state: AdapterState;
}

/** Registers the slash command in the guild, where it appears at once. It is sent only after a change: Discord allows 200 creates a day. */
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
