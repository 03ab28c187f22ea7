import {
  type APIActionRowComponent,
  type APIButtonComponent,
  type APIInteractionResponse,
  ButtonStyle,
  ComponentType,
  InteractionResponseType,
  MessageFlags,
} from 'discord.js';
import { plainText } from '../../views/card.ts';
import type { Answer, Form } from '../chat.ts';
import { discordCard, messageBody } from './card.ts';
import { fileComponents, parcels } from './files.ts';
import { type FormValues, formModal, type OpenForms } from './form.ts';
import type { Responder } from './responder.ts';
import { cut, escapeMarkdown, markdownWithin } from './text.ts';

/** The receiver of an answer, and the form that they have just sent. */
export interface Asker {
  readonly personId: string;
  readonly forms: OpenForms;
  /** The submitted form with its typed values. */
  readonly submitted?: { readonly form: Form | undefined; readonly values: FormValues };
}

/**
 * The answer as the first response to an interaction, the only response that can open a form. `undefined` for a card: its
 * files may take longer than Discord's three seconds, so the interaction is acknowledged first.
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

/** Sends an answer, visible to the asker alone, to an interaction that was acknowledged as an update of its message. */
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

/** Replaces "Thinking …" with an answer. */
export async function editAnswer(answer: Answer, asker: Asker, responder: Responder): Promise<void> {
  if (answer.kind === 'none') {
    await responder.drop();
    return;
  }
  if (answer.kind !== 'card') {
    // An edit cannot change the visibility of a message; the deferred answer is already visible to the asker alone.
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

/** Offers a button that opens a form, where the form cannot open now or was filled in wrongly. */
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

/** A plain message that one person sees. */
export interface NoteBody {
  readonly flags: number;
  readonly allowed_mentions: { parse: [] };
  readonly content: string;
  readonly components?: APIActionRowComponent<APIButtonComponent>[];
}

const maxContent = 1900;

/** A sentence with the reason code of a refusal below it; `opens` is the id of a button that opens a form. */
export function noteBody(text: string, options: { code?: string | undefined; opens?: string } = {}): NoteBody {
  const said = markdownWithin([text.trim()], maxContent) || 'Nothing to say.';
  const reason = options.code === undefined ? '' : `\n-# Reason: ${escapeMarkdown(cut(options.code, 60))}`;
  return {
    flags: MessageFlags.Ephemeral,
    allowed_mentions: { parse: [] },
    content: said + reason,
    ...(options.opens === undefined ? {} : { components: [openRow(options.opens)] }),
  };
}

function openRow(id: string): APIActionRowComponent<APIButtonComponent> {
  return {
    type: ComponentType.ActionRow,
    components: [{ type: ComponentType.Button, style: ButtonStyle.Primary, label: 'Open the form', custom_id: id }],
  };
}
