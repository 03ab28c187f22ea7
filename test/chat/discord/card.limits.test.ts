import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { discordCard } from '../../../src/chat/discord/card.ts';
import { fileComponents, parcels } from '../../../src/chat/discord/files.ts';
import { formModal } from '../../../src/chat/discord/form.ts';
import { noteBody } from '../../../src/chat/discord/note.ts';
import { cleanText, oneLine } from '../../../src/chat/discord/text.ts';
import { anyCard, hostileText } from '../../support/discord/arbitrary-card.ts';
import { pick, textOf } from '../../support/discord/fake-interaction.ts';
import { messageProblems, modalProblems } from '../../support/discord/validate.ts';

/** FC_RUNS=10000 for the long run. */
const numRuns = Number(process.env['FC_RUNS'] ?? 300);
const timeout = 600_000;

it(
  'draws no card that Discord refuses',
  () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const { body, files } = discordCard(card);
        record('message.create', body, []);
        expect(messageProblems({ ...body }, { where: 'create', files: [] })).toEqual([]);
        for (const parcel of parcels(files)) {
          const names = parcel.map((file) => file.name);
          const components = [...body.components, ...fileComponents(parcel)];
          expect(messageProblems({ ...body, components }, { where: 'create', files: names })).toEqual([]);
        }
      }),
      { numRuns },
    );
  },
  timeout,
);

it(
  'shows every line to keep, or says that it hides some',
  () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const { body } = discordCard(card);
        const text = textOf(body).replaceAll('\u200b', '');
        const kept = card.blocks.flatMap((block) =>
          block.kind === 'lines' ? block.lines.filter((one) => one.keep) : [],
        );
        const hidden = kept.filter((one) => !text.includes(oneLine(one.text).trim().slice(0, 40).trim()));
        if (hidden.length > 0) expect(text).toContain('of them lose data: read ');
      }),
      { numRuns },
    );
  },
  timeout,
);

it(
  'lets nothing through that moves the cursor, reverses or hides text',
  () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const { body, files } = discordCard(card);
        const text = [textOf(body).replaceAll('\u200b', ''), ...files.map((file) => file.text)].join('\n');
        expect(text).toBe(cleanText(text));
      }),
      { numRuns },
    );
  },
  timeout,
);

it(
  'leaves no code block open and no block that foreign text ends',
  () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        for (const content of pick(discordCard(card).body, 'content')) {
          const fences = content.match(/```/g) ?? [];
          const own = content.match(/^```(diff)?$/gm) ?? [];
          expect(fences.length).toBe(own.length);
          expect(fences.length % 2).toBe(0);
        }
      }),
      { numRuns },
    );
  },
  timeout,
);

it(
  'makes notes and forms that Discord takes of any text',
  () => {
    fc.assert(
      fc.property(hostileText, hostileText, fc.integer({ min: 1, max: 5 }), (title, text, count) => {
        const note = noteBody(text, { code: 'not-an-approver' });
        record('interaction.followup', note, []);
        expect(messageProblems({ ...note }, { where: 'followup', files: [] })).toEqual([]);
        const fields = Array.from({ length: count }, (_, index) => ({
          name: `field-${index}`,
          label: text,
          hint: title,
          required: true,
        }));
        const form = { id: 'px1:confirm:r-41:p-7f3c2a', title, text: [text], fields, submit: 'Go', danger: true };
        const modal = formModal(form, { 'field-0': text });
        record('interaction.callback', modal, []);
        expect(modalProblems({ ...modal.data })).toEqual([]);
      }),
      { numRuns },
    );
  },
  timeout,
);

/** Bodies for a look with another checker; nothing without DISCORD_BODIES. */
function record(kind: string, body: unknown, files: readonly string[]): void {
  const path = process.env['DISCORD_BODIES'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ kind, body, files })}\n`);
}
