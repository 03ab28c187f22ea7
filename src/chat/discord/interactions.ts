import type { Person } from '../chat.ts';
import { editAnswer, followAnswer } from './answering.ts';
import { commandName } from './commands.ts';
import { completeInteraction } from './complete.ts';
import { type Desk, guarded } from './desk.ts';
import { formValues } from './form.ts';
import type { CommandInteraction, FormInteraction, Interaction } from './interaction-schema.ts';
import { personOf, placeOf } from './person.ts';
import { handlePress } from './press.ts';
import { Responder } from './responder.ts';

/** Handles one interaction to its end; never rejects. Presses by bots and by nobody are not answered. */
export async function handleInteraction(interaction: Interaction, desk: Desk): Promise<void> {
  const person = personOf(interaction);
  if (person === undefined) {
    desk.log.info({ interaction: interaction.id }, 'an interaction by no person was ignored');
    return;
  }
  const responder = new Responder(interaction, desk);
  try {
    if (interaction.type === 2) await handleCommand(interaction, person, responder, desk);
    else if (interaction.type === 3) await handlePress(interaction, person, responder, desk);
    else if (interaction.type === 4) await completeInteraction(interaction, person, responder, desk);
    else await handleForm(interaction, person, responder, desk);
  } catch (error) {
    desk.log.error({ interaction: interaction.id, err: error }, 'an interaction was not handled to its end');
  }
}

/** Taken first, then run: a command that comes too late (after a resume) is not run, its asker was told it failed. */
async function handleCommand(interaction: CommandInteraction, person: Person, responder: Responder, desk: Desk) {
  if (!(await responder.defer())) return;
  const [{ name, options }] = interaction.data.options;
  const args = Object.fromEntries(options.map((option) => [option.name, option.value]));
  const known =
    interaction.data.name === commandName && desk.handlers.commands.some((command) => command.name === name);
  const answer = known
    ? await guarded(() => desk.handlers.command({ name, args, person, place: placeOf(interaction) }), desk.log)
    : { kind: 'note' as const, text: `There is no command ${name} any more.` };
  await editAnswer(answer, { personId: person.id, forms: desk.forms }, responder);
}

/** Taken first; nothing is handed over when Discord does not take it: the modal then stays open and says so. */
async function handleForm(interaction: FormInteraction, person: Person, responder: Responder, desk: Desk) {
  const fromMessage = interaction.message !== undefined;
  if (!(await (fromMessage ? responder.deferUpdate() : responder.defer()))) return;
  const formId = interaction.data.custom_id;
  const values = formValues(interaction);
  const submitted = { form: desk.forms.submitted(formId, person.id), values };
  const answer = await guarded(
    () => desk.handlers.submit({ formId, values, person, place: placeOf(interaction) }),
    desk.log,
  );
  const deliver = fromMessage ? followAnswer : editAnswer;
  await deliver(answer, { personId: person.id, forms: desk.forms, submitted }, responder);
}
