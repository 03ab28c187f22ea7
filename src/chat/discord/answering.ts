import { type APIInteractionResponse, InteractionResponseType, MessageFlags } from 'discord.js';
import { plainText } from '../../views/card.ts';
import type { Answer, Form } from '../chat.ts';
import { discordCard, messageBody } from './card.ts';
import { fileComponents, parcels } from './files.ts';
import { type FormValues, formModal } from './form.ts';
import { noteBody } from './note.ts';
import type { OpenForms } from './open-forms.ts';
import type { Responder } from './responder.ts';

/** Whom an answer is for, and what is known of the form it may be about. */
export interface Asker {
  readonly personId: string;
  readonly forms: OpenForms;
  /** The form just submitted, with what was typed. */
  readonly submitted?: { readonly form: Form | undefined; readonly values: FormValues };
}

/**
 * The answer as the first one to an interaction: the only way to open a form. `undefined` where Discord must hear
 * first that it was taken: a card may bring files, which can take longer than three seconds.
 */
export function firstAnswer(answer: Answer, asker: Asker): APIInteractionResponse | undefined {
  switch (answer.kind) {
    case 'none':
      return { type: InteractionResponseType.DeferredMessageUpdate };
    case 'card':
      return undefined;
    case 'form': {
      const modal = formModal(answer.form);
      asker.forms.opened(answer.form, asker.personId);
      return modal;
    }
    case 'note':
    case 'invalid': {
      return { type: InteractionResponseType.ChannelMessageWithSource, data: noteOf(answer, asker) };
    }
  }
}

/** The answer after the interaction was taken as an update of its message: follow-ups for the asker alone. */
export async function followAnswer(answer: Answer, asker: Asker, responder: Responder): Promise<void> {
  if (answer.kind === 'none') return;
  if (answer.kind !== 'card') {
    await responder.followUp(noteOf(answer, asker));
    return;
  }
  const { body, files } = discordCard(answer.card);
  await responder.followUp({ ...body, flags: body.flags | MessageFlags.Ephemeral });
  await followFiles(files, responder);
}

/** The answer in place of "Thinking …". */
export async function editAnswer(answer: Answer, asker: Asker, responder: Responder): Promise<void> {
  if (answer.kind === 'none') {
    await responder.drop();
    return;
  }
  if (answer.kind !== 'card') {
    // an edit cannot change who sees a message: the deferred answer was for the asker alone already
    const { flags: _, ...body } = noteOf(answer, asker);
    await responder.edit(body);
    return;
  }
  const { body, files } = discordCard(answer.card);
  await responder.edit(body);
  await followFiles(files, responder);
}

async function followFiles(files: ReturnType<typeof discordCard>['files'], responder: Responder): Promise<void> {
  for (const parcel of parcels(files)) {
    await responder.followUp(messageBody(fileComponents(parcel), MessageFlags.Ephemeral), parcel);
  }
}

/** A form that cannot open now is offered behind a button, and so is one that was filled in wrongly. */
function noteOf(answer: Exclude<Answer, { kind: 'none' | 'card' }>, asker: Asker) {
  if (answer.kind === 'note') return noteBody(answer.text, { code: answer.code });
  if (answer.kind === 'form') {
    const text = `${answer.form.title}\n${plainText(answer.form.text)}`;
    return noteBody(text, { opens: asker.forms.offer(answer.form, asker.personId) });
  }
  const { form, values } = asker.submitted ?? {};
  const label = form?.fields.find((field) => field.name === answer.field)?.label ?? answer.field;
  const said = `${label}: ${answer.text}`;
  return form === undefined
    ? noteBody(said)
    : noteBody(said, { opens: asker.forms.offer(form, asker.personId, values) });
}
