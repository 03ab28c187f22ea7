import type { Form } from '../chat.ts';
import type { FormValues } from './form.ts';

const prefix = 'px1:open:';
const keep = 200;

interface OpenForm {
  readonly form: Form;
  readonly personId: string;
  readonly values: FormValues;
}

/**
 * Forms that were offered, so that one can be opened again: Discord closes a modal when it is submitted and takes one
 * only as the first answer. In memory and few: after a restart the button on the card opens a fresh one.
 */
export class OpenForms {
  readonly #newId: () => string;
  readonly #forms = new Map<string, OpenForm>();

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Remembers a form; returns the id of a button that opens it. */
  offer(form: Form, personId: string, values: FormValues = {}): string {
    const key = this.#newId();
    this.#remember(key, { form, personId, values });
    return prefix + key;
  }

  /** Remembers a form that stands open, by its own id. */
  opened(form: Form, personId: string): void {
    this.#remember(`${personId} ${form.id}`, { form, personId, values: {} });
  }

  /** The form that somebody has just submitted. */
  submitted(formId: string, personId: string): Form | undefined {
    return this.#forms.get(`${personId} ${formId}`)?.form;
  }

  /** The form behind a button that opens one; nobody opens what was offered to somebody else. */
  find(customId: string, personId: string): OpenForm | undefined {
    const found = this.#forms.get(customId.slice(prefix.length));
    return found?.personId === personId ? found : undefined;
  }

  #remember(key: string, form: OpenForm): void {
    this.#forms.delete(key);
    this.#forms.set(key, form);
    for (const oldest of this.#forms.keys()) if (this.#forms.size > keep) this.#forms.delete(oldest);
  }
}

/** Is this the id of a button that opens a form? */
export function opensForm(customId: string): boolean {
  return customId.startsWith(prefix);
}
