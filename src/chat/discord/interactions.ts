import { setTimeout } from 'node:timers/promises';
import { type APIApplicationCommandOptionChoice, InteractionResponseType, type REST } from 'discord.js';
import { readButtonId } from '../../views/card.ts';
import type { Answer, ChatHandlers, Person } from '../chat.ts';
import { type Asker, editAnswer, firstAnswer, followAnswer, noteBody } from './answers.ts';
import { commandName } from './commands.ts';
import { formModal, formValues, type OpenForms, opensForm } from './form.ts';
import {
  type ButtonInteraction,
  type CommandInteraction,
  type CompleteInteraction,
  type FormInteraction,
  type Interaction,
  personOf,
  placeOf,
} from './payloads.ts';
import { Responder } from './responder.ts';
import type { DiscordLog } from './settings.ts';
import { cleanText } from './text.ts';

/** Handles one interaction and never rejects. An interaction without a person (a bot, no user) gets no answer. */
export async function handleInteraction(interaction: Interaction, context: InteractionContext): Promise<void> {
  const person = personOf(interaction);
  if (person === undefined) {
    context.log.info({ interaction: interaction.id }, 'an interaction without a person was ignored');
    return;
  }
  const responder = new Responder(interaction, context);
  try {
    if (interaction.type === 2) await handleCommand(interaction, person, responder, context);
    else if (interaction.type === 3) await handlePress(interaction, person, responder, context);
    else if (interaction.type === 4) await completeInteraction(interaction, person, responder, context);
    else await handleForm(interaction, person, responder, context);
  } catch (error) {
    context.log.error({ interaction: interaction.id, err: error }, 'an interaction could not be handled');
  }
}

/** Acknowledges a command, then runs it. A late command (after a resume) is not run, because Discord has reported it as failed. */
async function handleCommand(
  interaction: CommandInteraction,
  person: Person,
  responder: Responder,
  context: InteractionContext,
) {
  if (!(await responder.defer())) return;
  const [{ name, options }] = interaction.data.options;
  const args = Object.fromEntries(options.map((option) => [option.name, option.value]));
  const known =
    interaction.data.name === commandName && context.handlers.commands.some((command) => command.name === name);
  const answer = known
    ? await guarded(() => context.handlers.command({ name, args, person, place: placeOf(interaction) }), context.log)
    : { kind: 'note' as const, text: `The command ${name} no longer exists.` };
  await editAnswer(answer, { personId: person.id, forms: context.forms }, responder);
}

/** Acknowledges a form, then passes it on. If Discord refuses the acknowledgement, the modal stays open and shows an error. */
async function handleForm(
  interaction: FormInteraction,
  person: Person,
  responder: Responder,
  context: InteractionContext,
) {
  const fromMessage = interaction.message !== undefined;
  if (!(await (fromMessage ? responder.deferUpdate() : responder.defer()))) return;
  const formId = interaction.data.custom_id;
  const values = formValues(interaction);
  const submitted = { form: context.forms.submitted(formId, person.id), values };
  const answer = await guarded(
    () => context.handlers.submit({ formId, values, person, place: placeOf(interaction) }),
    context.log,
  );
  const deliver = fromMessage ? followAnswer : editAnswer;
  await deliver(answer, { personId: person.id, forms: context.forms, submitted }, responder);
}

const forged = 'This is not one of the buttons of proxnix. Nothing was done.';
const stale = 'This form is no longer open. Press the button on the card again.';

/**
 * Passes a press on before it is acknowledged, because a form can only be the first answer. A press that takes longer than
 * `ackAfter` is acknowledged, and its answer follows. It counts even if Discord accepts no answer: the card shows it.
 */
async function handlePress(
  interaction: ButtonInteraction,
  person: Person,
  responder: Responder,
  context: InteractionContext,
): Promise<void> {
  const { custom_id } = interaction.data;
  const asker: Asker = { personId: person.id, forms: context.forms };
  if (opensForm(custom_id)) {
    await reopen(custom_id, asker, responder);
    return;
  }
  const button = readButtonId(custom_id);
  const answer =
    button === undefined
      ? Promise.resolve<Answer>({ kind: 'note', text: forged })
      : guarded(() => context.handlers.press({ ...button, person, place: placeOf(interaction) }), context.log);
  const early = await withinTime(answer, context.ackAfter);
  const first = early === undefined ? undefined : firstAnswer(early, asker);
  if (first !== undefined) {
    await responder.first(first);
    return;
  }
  const taken = await responder.deferUpdate();
  const late = await answer;
  if (taken) await followAnswer(late, asker, responder);
}

async function reopen(customId: string, asker: Asker, responder: Responder): Promise<void> {
  const found = asker.forms.find(customId, asker.personId);
  if (found === undefined) {
    const type = InteractionResponseType.ChannelMessageWithSource;
    await responder.first({ type, data: noteBody(stale) });
    return;
  }
  asker.forms.opened(found.form, asker.personId);
  await responder.first(formModal(found.form, found.values));
}

async function withinTime(answer: Promise<Answer>, ms: number): Promise<Answer | undefined> {
  const timer = new AbortController();
  try {
    const late = setTimeout(ms, undefined, { signal: timer.signal }).catch(() => undefined);
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
  }
}

const maxChoices = 25;
const maxChoice = 100;

/** Suggests values for the option that is being typed. People outside the guild get no suggestions. */
async function completeInteraction(
  interaction: CompleteInteraction,
  person: Person,
  responder: Responder,
  context: InteractionContext,
): Promise<void> {
  const choices = interaction.guild_id === context.guildId ? await suggestions(interaction, person, context) : [];
  await responder.first({
    type: InteractionResponseType.ApplicationCommandAutocompleteResult,
    data: { choices: choices.map(toChoice) },
  });
}

async function suggestions(
  interaction: CompleteInteraction,
  person: Person,
  context: InteractionContext,
): Promise<readonly string[]> {
  const [{ name, options }] = interaction.data.options;
  const focused = options.find((option) => option.focused === true);
  const command = context.handlers.commands.find((spec) => spec.name === name);
  const option = command?.options.find((spec) => spec.name === focused?.name);
  if (focused === undefined || option === undefined) return [];
  try {
    const others = options.filter((one) => one !== focused);
    const all = await context.handlers.complete({
      ...{ command: name, option, typed: focused.value, person, place: placeOf(interaction) },
      args: Object.fromEntries(others.map((one) => [one.name, one.value])),
    });
    // A shortened or cleaned choice would be another value, so it is left out.
    const fit = all.filter((text) => text.trim() !== '' && text.length <= maxChoice && cleanText(text) === text);
    return [...new Set(fit)].slice(0, maxChoices);
  } catch (error) {
    context.log.error({ err: error, option: option.name }, 'suggestions failed');
    return [];
  }
}

function toChoice(value: string): APIApplicationCommandOptionChoice<string> {
  return { name: value, value };
}

/** The collaborators of the handling of an interaction. */
export interface InteractionContext {
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

/** Answers the asker even when a handler throws, which is a bug. */
async function guarded(handler: () => Promise<Answer>, log: DiscordLog): Promise<Answer> {
  try {
    return await handler();
  } catch (error) {
    log.error({ err: error }, 'a chat handler threw');
    return unexpected;
  }
}
