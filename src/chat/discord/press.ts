import { setTimeout } from 'node:timers/promises';
import { InteractionResponseType } from 'discord.js';
import { readButtonId } from '../../views/card.ts';
import type { Answer, Person } from '../chat.ts';
import { type Asker, firstAnswer, followAnswer } from './answering.ts';
import { type Desk, guarded } from './desk.ts';
import { formModal } from './form.ts';
import type { ButtonInteraction } from './interaction-schema.ts';
import { noteBody } from './note.ts';
import { opensForm } from './open-forms.ts';
import { placeOf } from './person.ts';
import type { Responder } from './responder.ts';

const forged = 'This is not one of the buttons of proxnix. Nothing was done.';
const stale = 'This form is no longer there. Press the button on the card again.';

/**
 * Handed over at once, because a form can only be the first answer. What takes longer than `ackAfter` is acknowledged
 * without its answer, which follows. A press whose answer Discord no longer takes still counts: the card shows it.
 */
export async function handlePress(
  interaction: ButtonInteraction,
  person: Person,
  responder: Responder,
  desk: Desk,
): Promise<void> {
  const { custom_id } = interaction.data;
  const asker: Asker = { personId: person.id, forms: desk.forms };
  if (opensForm(custom_id)) {
    await reopen(custom_id, asker, responder);
    return;
  }
  const button = readButtonId(custom_id);
  const answer =
    button === undefined
      ? Promise.resolve<Answer>({ kind: 'note', text: forged })
      : guarded(() => desk.handlers.press({ ...button, person, place: placeOf(interaction) }), desk.log);
  const early = await withinTime(answer, desk.ackAfter);
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
