import { expect, it } from 'vitest';
import { cleanAnswer, cleanCard } from '../../src/pipeline/delivery.ts';
import { createGate, Secret } from '../../src/secret.ts';
import type { Card } from '../../src/views/card.ts';

const gate = createGate([new Secret('hunter2-hunter2')], []);
const said = 'hunter2\u200b-hun\u001b[31mter2 a\u202eb\u2060c';
const clean = '[secret] abc';

/** A card that says `text` wherever a card says something. */
function cardSaying(text: string): Card {
  return {
    tone: 'waiting',
    title: text,
    blocks: [
      { kind: 'text', rich: [text, { bold: text }, { code: text }, { link: 'https://git.example', text }] },
      { kind: 'small', rich: [{ person: { chat: 'slack', id: 'U1', name: text } }, { time: 0, show: 'time' }] },
      { kind: 'warning', rich: [text] },
      { kind: 'lines', lines: [{ text, mark: '-', keep: true }] },
      { kind: 'progress', label: text, fraction: 0.5, text },
      { kind: 'divider' },
    ],
    buttons: [
      {
        ...{ action: 'approve', label: text, style: 'danger', runId: 'r-41', planId: 'p-7f3c2a' },
        confirm: { title: text, text, yes: text },
      },
    ],
    files: [{ name: 'run.log', title: text, text }],
  };
}

it('cleans every text of a card, and finds a secret that something hidden was put into', () => {
  expect(cleanCard(cardSaying(said), gate)).toEqual(cardSaying(clean));
});

it('cleans every text of an answer', () => {
  expect(cleanAnswer({ kind: 'note', text: said, code: 'locked' }, gate)).toEqual({
    ...{ kind: 'note', text: clean, code: 'locked' },
  });
  expect(cleanAnswer({ kind: 'invalid', field: 'names', text: said }, gate)).toMatchObject({ text: clean });
  expect(cleanAnswer({ kind: 'card', card: cardSaying(said) }, gate)).toEqual({
    ...{ kind: 'card', card: cardSaying(clean) },
  });
});

it('leaves a name that must be typed into a form as it is, but for what is not seen', () => {
  const form = { id: 'px1:confirm:r-41', title: said, text: [said], submit: 'Approve', danger: true };
  const fields = [{ name: 'names', label: 'Type hunter2\u200b-hunter2', hint: 'a\u202eb', required: true }];
  expect(cleanAnswer({ kind: 'form', form: { ...form, fields } }, gate)).toEqual({
    kind: 'form',
    form: {
      ...{ ...form, title: clean, text: [clean] },
      fields: [{ name: 'names', label: 'Type hunter2-hunter2', hint: 'ab', required: true }],
    },
  });
});
