import { type APIModalInteractionResponse, ComponentType, InteractionResponseType, TextInputStyle } from 'discord.js';
import { LRUCache } from 'lru-cache';
import type { Form, FormField } from '../chat.ts';
import { display } from './card.ts';
import type { FormInteraction } from './payloads.ts';
import { cut, markdownWithin, oneLine } from './text.ts';

/** The typed values of a form, by field name. */
export type FormValues = Readonly<Record<string, string>>;

const maxComponents = 5;
const maxTitle = 45;
const maxLabel = 45;
const maxHint = 100;
const maxText = 1500;
const maxValue = { line: 1000, lines: 4000 } as const;

/** A form as a modal, filled with earlier values. Discord's own button sends it, so `Form.submit` is not drawn. */
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

/** The typed values of a submitted modal. */
export function formValues(interaction: FormInteraction): FormValues {
  const fields = interaction.data.components.flatMap(({ component }) => (component === undefined ? [] : [component]));
  return Object.fromEntries(fields.map((field) => [field.custom_id, field.value]));
}

/** Marks optional fields, because Discord does not; Slack and the console mark them by themselves. */
function labelOf(field: FormField): string {
  const hint = field.required ? '' : ' (optional)';
  return (cut(oneLine(field.label), maxLabel - hint.length) || field.name) + hint;
}

function fieldComponent(field: FormField, typed: string | undefined) {
  const max = field.multiline === true ? maxValue.lines : maxValue.line;
  const hint = cut(oneLine(field.hint ?? '').trim(), maxHint);
  return {
    type: ComponentType.Label as const,
    label: labelOf(field),
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

const prefix = 'px1:open:';
const formsKept = 200;

interface OpenForm {
  readonly form: Form;
  readonly personId: string;
  readonly values: FormValues;
}

/**
 * Remembers offered forms so that one can be opened again: Discord closes a modal when it is submitted, and accepts a
 * modal only as the first answer. They are kept in memory; after a restart the button on the card opens a new form.
 */
export class OpenForms {
  readonly #newId: () => string;
  readonly #forms = new LRUCache<string, OpenForm>({ max: formsKept });

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Remembers a form; returns the id of a button that opens it. */
  offer(form: Form, personId: string, values: FormValues = {}): string {
    const key = this.#newId();
    this.#forms.set(key, { form, personId, values });
    return prefix + key;
  }

  /** Remembers a form that somebody has open, by the form's own id. */
  opened(form: Form, personId: string): void {
    this.#forms.set(`${personId} ${form.id}`, { form, personId, values: {} });
  }

  /** The form that somebody has just submitted. */
  submitted(formId: string, personId: string): Form | undefined {
    return this.#forms.get(`${personId} ${formId}`)?.form;
  }

  /** The form that a button opens; `undefined` for a button that was offered to somebody else. */
  find(customId: string, personId: string): OpenForm | undefined {
    const found = this.#forms.get(customId.slice(prefix.length));
    return found?.personId === personId ? found : undefined;
  }
}

/** Whether this is the id of a button that opens a form. */
export function opensForm(customId: string): boolean {
  return customId.startsWith(prefix);
}
