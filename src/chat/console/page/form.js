import { post } from './api.js';
import { richView } from './card-view.js';
import { announce, element, patch } from './dom.js';
import { literal } from './text.js';
import { formatTime } from './time.js';
import { h } from './tree.js';

/** @typedef {import('../../chat.ts').Form} Form */
/** @typedef {{ field?: string, text: string }} Mistake */

const dialog = element('form', HTMLDialogElement);

/**
 * Opens a form. It stays open, with its typed values, while the answer reports a mistake in a field.
 *
 * @param {Form} form
 * @param {(asked: string, answer: import('../message-store.ts').WireAnswer) => void} done
 */
export function openForm(form, done) {
  patch(dialog, []);
  draw(form, undefined);
  const body = dialog.querySelector('form');
  body?.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit(form, body, done);
  });
  dialog.showModal();
  const first = dialog.querySelector('input, textarea');
  if (first instanceof HTMLElement) first.focus();
}

/**
 * @param {Form} form
 * @param {HTMLFormElement} body
 * @param {(asked: string, answer: import('../message-store.ts').WireAnswer) => void} done
 */
async function submit(form, body, done) {
  const button = body.querySelector('button[type=submit]');
  if (button?.getAttribute('aria-busy') === 'true') return;
  button?.setAttribute('aria-busy', 'true');
  const values = Object.fromEntries(new FormData(body));
  try {
    const answer = await post(`/api/forms/${encodeURIComponent(form.id)}`, { values });
    if (answer.kind === 'invalid') return showMistake(form, answer);
    dialog.close();
    done(form.title, answer);
  } catch (error) {
    showMistake(form, { text: error instanceof Error ? error.message : String(error) });
  } finally {
    button?.removeAttribute('aria-busy');
  }
}

/**
 * @param {Form} form
 * @param {Mistake} mistake
 */
function showMistake(form, mistake) {
  draw(form, mistake);
  const field = dialog.querySelector('[aria-invalid]');
  if (field instanceof HTMLElement) field.focus();
  else announce(mistake.text);
}

/**
 * @param {Form} form
 * @param {Mistake | undefined} mistake
 */
function draw(form, mistake) {
  const general = form.fields.some(({ name }) => name === mistake?.field) ? undefined : mistake?.text;
  patch(dialog, [
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'form-title' }, literal(form.title)),
      h('p', { key: 'text', class: 'text' }, richView(form.text, { time: formatTime })),
      general !== undefined && h('p', { key: 'problem', class: 'problem', role: 'alert' }, literal(general)),
      form.fields.map((field) => fieldView(field, mistake?.field === field.name ? mistake.text : undefined)),
      h(
        'div',
        { key: 'buttons', class: 'buttons' },
        h('button', { type: 'submit', class: form.danger ? 'danger' : 'primary' }, literal(form.submit)),
        h('button', { type: 'button', class: 'plain', 'data-close': true }, 'Back'),
      ),
    ),
  ]);
}

/**
 * @param {import('../../chat.ts').FormField} field
 * @param {string | undefined} mistake
 */
function fieldView(field, mistake) {
  const id = `field-${field.name}`;
  const said = [field.hint !== undefined && `${id}-hint`, mistake !== undefined && `${id}-mistake`].filter(Boolean);
  const attrs = {
    id,
    name: field.name,
    required: field.required,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
    'aria-invalid': mistake !== undefined && 'true',
    'aria-describedby': said.length > 0 && said.join(' '),
  };
  return h(
    'div',
    { key: id, class: 'field' },
    h('label', { for: id }, literal(field.label), !field.required && h('span', { class: 'optional' }, ' (optional)')),
    field.multiline === true
      ? h('textarea', { ...attrs, rows: 4, keep: true })
      : h('input', { ...attrs, type: 'text' }),
    field.hint !== undefined && h('p', { key: 'hint', id: `${id}-hint`, class: 'hint' }, literal(field.hint)),
    mistake !== undefined && h('p', { key: 'mistake', id: `${id}-mistake`, class: 'problem' }, literal(mistake)),
  );
}
