import { type APIModalInteractionResponse, ComponentType, InteractionResponseType, TextInputStyle } from 'discord.js';
import type { Form, FormField } from '../chat.ts';
import { display } from './card.ts';
import type { FormInteraction } from './interaction-schema.ts';
import { markdownWithin } from './rich.ts';
import { cut, oneLine } from './text.ts';

/** What was typed into a form, by field name. */
export type FormValues = Readonly<Record<string, string>>;

const maxComponents = 5;
const maxTitle = 45;
const maxLabel = 45;
const maxHint = 100;
const maxText = 1500;
const maxValue = { line: 1000, lines: 4000 } as const;

/** A form as a modal, with what was typed before. Discord's own button sends it: `Form.submit` is not drawn. */
export function formModal(form: Form, typed: FormValues = {}): APIModalInteractionResponse {
  if (form.fields.length > maxComponents)
    throw new Error(`form ${form.id}: more fields than Discord's ${maxComponents}`);
  const text = form.fields.length < maxComponents ? markdownWithin(form.text, maxText) : '';
  return {
    type: InteractionResponseType.Modal,
    data: {
      custom_id: form.id,
      title: cut(oneLine(form.title), maxTitle) || 'proxnix',
      components: [
        ...(text.trim() === '' ? [] : [display(text)]),
        ...form.fields.map((field) => fieldComponent(field, typed[field.name])),
      ],
    },
  };
}

/** What was typed, read back from a submitted modal. */
export function formValues(interaction: FormInteraction): FormValues {
  const fields = interaction.data.components.flatMap(({ component }) => (component === undefined ? [] : [component]));
  return Object.fromEntries(fields.map((field) => [field.custom_id, field.value]));
}

function fieldComponent(field: FormField, typed: string | undefined) {
  const max = field.multiline === true ? maxValue.lines : maxValue.line;
  const hint = cut(oneLine(field.hint ?? '').trim(), maxHint);
  return {
    type: ComponentType.Label as const,
    label: cut(oneLine(field.label), maxLabel) || field.name,
    ...(hint === '' ? {} : { description: hint }),
    component: {
      type: ComponentType.TextInput as const,
      custom_id: field.name,
      style: field.multiline === true ? TextInputStyle.Paragraph : TextInputStyle.Short,
      required: field.required,
      ...(field.required ? { min_length: 1 } : {}),
      max_length: max,
      ...(typed === undefined || typed === '' ? {} : { value: cut(typed, max) }),
    },
  };
}
