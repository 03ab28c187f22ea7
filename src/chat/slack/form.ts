import type { types } from '@slack/bolt';
import type { Form, FormField } from '../chat.ts';
import { limits } from './limits.ts';
import { named, plain, richElements } from './text.ts';

/** The private metadata of a modal: the form and the message it was opened from. Ids only. */
export interface FormPlace {
  readonly formId: string;
  readonly channel: string;
  /** The message whose button opened the form; `undefined` for a command. */
  readonly ts: string | undefined;
}

/** A form as a modal. Each field is an input block with the field's name as block_id and action_id. */
export function formView(form: Form, channel: string, ts: string | undefined): types.ModalView {
  const { title, button } = limits.modal;
  return {
    type: 'modal',
    callback_id: 'px1:form',
    private_metadata: [form.id, channel, ts ?? ''].join(' '),
    title: plain(named(form.title, 'proxnix'), title),
    submit: plain(named(form.submit, 'Send'), button),
    close: plain('Back', button),
    blocks: [...said(form), ...form.fields.map(inputBlock)],
  };
}

/** Reads the metadata of `formView`; `undefined` for anything else. */
export function readFormPlace(metadata: string): FormPlace | undefined {
  const [, formId, channel, ts = ''] = /^(px1:[\w:.-]{1,200}) ([A-Z][A-Z0-9]{1,30}) (\d+\.\d+)?$/.exec(metadata) ?? [];
  if (formId === undefined || channel === undefined) return undefined;
  return { formId, channel, ts: ts === '' ? undefined : ts };
}

function said(form: Form): readonly types.KnownBlock[] {
  const words = richElements(form.text, limits.modal.typed);
  if (words.length === 0) return [];
  // A modal's button has no colour, so a warning sign marks the danger and the text names the loss.
  const sign = form.danger ? [{ type: 'emoji', name: 'warning' } as const, { type: 'text', text: ' ' } as const] : [];
  return [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [...sign, ...words] }] }];
}

function inputBlock(field: FormField): types.InputBlock {
  return {
    type: 'input',
    block_id: field.name,
    optional: !field.required,
    label: plain(named(field.label, field.name), limits.modal.label),
    ...(field.hint === undefined || field.hint === '' ? {} : { hint: plain(field.hint, limits.modal.hint) }),
    element: {
      type: 'plain_text_input',
      action_id: field.name,
      multiline: field.multiline === true,
      max_length: limits.modal.typed,
    },
  };
}
