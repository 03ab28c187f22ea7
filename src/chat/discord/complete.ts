import { type APIApplicationCommandOptionChoice, InteractionResponseType } from 'discord.js';
import type { Person } from '../chat.ts';
import type { Desk } from './desk.ts';
import type { CompleteInteraction } from './interaction-schema.ts';
import { placeOf } from './person.ts';
import type { Responder } from './responder.ts';
import { cleanText } from './text.ts';

const maxChoices = 25;
const maxChoice = 100;

/** Answers what is being typed with suggestions; people outside the guild get none, and neither does a late answer. */
export async function completeInteraction(
  interaction: CompleteInteraction,
  person: Person,
  responder: Responder,
  desk: Desk,
): Promise<void> {
  const choices = interaction.guild_id === desk.guildId ? await suggestions(interaction, person, desk) : [];
  await responder.first({
    type: InteractionResponseType.ApplicationCommandAutocompleteResult,
    data: { choices: choices.map(toChoice) },
  });
}

async function suggestions(interaction: CompleteInteraction, person: Person, desk: Desk): Promise<readonly string[]> {
  const [{ name, options }] = interaction.data.options;
  const focused = options.find((option) => option.focused === true);
  const command = desk.handlers.commands.find((spec) => spec.name === name);
  const option = command?.options.find((spec) => spec.name === focused?.name);
  if (focused === undefined || option === undefined) return [];
  try {
    const others = options.filter((one) => one !== focused);
    const all = await desk.handlers.complete({
      ...{ command: name, option, typed: focused.value, person, place: placeOf(interaction) },
      args: Object.fromEntries(others.map((one) => [one.name, one.value])),
    });
    // a choice that were cut would be another value: what is too long or not clean is left out
    const fit = all.filter((text) => text.trim() !== '' && text.length <= maxChoice && cleanText(text) === text);
    return [...new Set(fit)].slice(0, maxChoices);
  } catch (error) {
    desk.log.error({ err: error, option: option.name }, 'suggestions failed');
    return [];
  }
}

function toChoice(value: string): APIApplicationCommandOptionChoice<string> {
  return { name: value, value };
}
