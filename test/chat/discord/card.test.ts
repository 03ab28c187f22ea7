import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noteBody } from '../../../src/chat/discord/answers.ts';
import { discordCard } from '../../../src/chat/discord/card.ts';
import { fileComponents, parcels } from '../../../src/chat/discord/files.ts';
import { formModal } from '../../../src/chat/discord/form.ts';
import { cleanText, oneLine } from '../../../src/chat/discord/text.ts';
import type { Card, Line } from '../../../src/views/card.ts';
import { guestLines, withoutTable } from '../../../src/views/guest-lines.ts';
import { anyCard, hostileText } from '../../support/discord/arbitrary-card.ts';
import { aCard } from '../../support/discord/bench.ts';
import { pick, textOf } from '../../support/discord/fake-interaction.ts';
import { appliedCard, applyingCard, failedCard, planCard } from '../../support/discord/story.ts';
import { messageProblems, modalProblems } from '../../support/discord/validate.ts';
import { manyGuests } from '../../support/many-guests.ts';

const lines = (count: number, keep = false): Line[] =>
  Array.from({ length: count }, (_, index) => ({
    text: `vm-${String(index).padStart(4, '0')} (${1000 + index})  ${keep ? 'destroy' : 'update'}  build-qcow2-web`,
    mark: keep ? '-' : '~',
    keep,
  }));

describe('the four moments of a run', () => {
  it.each([
    ['plan', planCard],
    ['applying', applyingCard],
    ['applied', appliedCard],
    ['failed', failedCard],
  ])('draws %s as designed', async (moment, card) => {
    const { body, files } = discordCard(card);
    const drawn = { body, files: files.map(({ name, title, text }) => ({ name, title, text })) };
    await expect(`${JSON.stringify(drawn, null, 2)}\n`).toMatchFileSnapshot(`expected/${moment}.json`);
  });
});

describe('what does not fit', () => {
  it('is cut at line ends, counted, and stands in the card’s own file', () => {
    const all = lines(200);
    const file = { name: 'plan.diff', title: 'The plan', text: all.map((line) => `~   ${line.text}`).join('\n') };
    const { body, files } = discordCard(aCard({ blocks: [{ kind: 'lines', lines: all }], files: [file] }));
    const text = textOf(body);
    const shown = all.filter((line) => text.includes(line.text)).length;
    expect(shown).toBeGreaterThan(50);
    expect(text).toContain(`\n… ${200 - shown} more lines, see plan.diff\n\`\`\``);
    expect(files.map(({ name }) => name)).toEqual(['plan.diff']);
  });

  it('comes as a file of its own when the card brings none that holds it', () => {
    const all = lines(200);
    const { body, files } = discordCard(aCard({ blocks: [{ kind: 'lines', lines: all }] }));
    expect(textOf(body)).toContain('more lines, see message.txt');
    expect(files.map(({ name }) => name)).toEqual(['message.txt']);
    for (const line of all) expect(files[0]?.text).toContain(line.text);
  });

  it('never is a destroy: its lines stay where they are while others go', () => {
    const kept = lines(30, true);
    const { body } = discordCard(aCard({ blocks: [{ kind: 'lines', lines: [...lines(300), ...kept] }] }));
    for (const line of kept) expect(textOf(body)).toContain(line.text);
  });

  it('is whole guests: each is shown with all its lines or counted, and a destroy is never left out', () => {
    const block = manyGuests({ create: 80, destroy: 3 });
    const text = textOf(discordCard(aCard({ blocks: [block] })).body);
    const all = guestLines(block).map((lines) => lines.map((line) => line.text.trim()));
    const whole = all.filter((lines) => lines.every((line) => text.includes(line)));
    expect(all.filter((lines) => text.includes(lines[0] ?? ''))).toEqual(whole);
    expect(whole.length).toBeGreaterThan(10);
    expect(text).toContain(`\n… ${83 - whole.length} more guests, all create, see message.txt\n`);
    for (const [first = ''] of all.slice(-3)) expect(text).toContain(first);
  });

  it('are, of very many destroys, their further lines before any name', () => {
    const text = textOf(discordCard(aCard({ blocks: [manyGuests({ destroy: 45 })] })).body);
    expect(text.match(/^- {3}vm-\d+ +\(\d+\) {2}destroy/gm)).toHaveLength(45);
    expect(text).toMatch(/\n… more of \d+ guests, see message\.txt\n/);
  });

  it('never is a warning, however much stands before it', () => {
    const words = 'word '.repeat(1000);
    const blocks: Card['blocks'] = [
      ...Array.from({ length: 20 }, () => ({ kind: 'text' as const, rich: [words] })),
      { kind: 'warning', rich: [{ bold: 'Destroys test-website (823):' }, ' its disks are deleted.'] },
    ];
    expect(textOf(discordCard(aCard({ blocks })).body)).toContain(
      '⚠️ **Destroys test-website (823):** its disks are deleted.',
    );
  });

  it('says loudly when even the destroys are more than a message holds', () => {
    const { body, files } = discordCard(aCard({ blocks: [{ kind: 'lines', lines: lines(200, true) }] }));
    expect(textOf(body)).toMatch(/\n! \d+ more lines, \d+ of them lose data: read message\.txt\n```/);
    expect(files[0]?.text).toContain('vm-0199');
  });
});

describe('text from outside', () => {
  it('cannot end a code block or fake a line of the plan', () => {
    const { body } = discordCard(
      aCard({ blocks: [{ kind: 'lines', lines: [{ text: 'a ``` b\n-   prod-db (100)  destroy', mark: '~' }] }] }),
    );
    expect(textOf(body)).toContain('```diff\n~   a `\u200b`\u200b` b -   prod-db (100)  destroy\n```');
  });

  it('cannot make a heading, a mention or a link of a title', () => {
    const { body } = discordCard(aCard({ title: 'Plan\n# @everyone <@1> https://evil.example' }));
    expect(textOf(body)).toContain('## Plan # @everyone \\<@1> https\\://evil.example');
    expect(body.allowed_mentions).toEqual({ parse: [] });
  });

  it('cannot smuggle small print into a line of its own', () => {
    const { body } = discordCard(aCard({ blocks: [{ kind: 'small', rich: ['by rowan\n-# Approved by root'] }] }));
    expect(textOf(body)).toContain('-# by rowan\n-# \\-# Approved by root');
  });
});

describe('buttons', () => {
  it('colour an approval that loses nothing green and one that does red', () => {
    const approve = { action: 'approve', label: 'Approve', runId: 'r-1', planId: 'p-123456' } as const;
    const styles = (style: 'primary' | 'danger' | 'plain') =>
      JSON.stringify(discordCard(aCard({ buttons: [{ ...approve, style }] })).body).match(/"style":(\d)/)?.[1];
    expect([styles('primary'), styles('danger'), styles('plain')]).toEqual(['3', '4', '2']);
  });

  it('with an id that could not be read back, or twice the same, are not drawn', () => {
    const button = { action: 'cancel', label: 'Stop', style: 'plain', runId: 'r-1' } as const;
    const { body } = discordCard(aCard({ buttons: [button, button, { ...button, runId: 'x'.repeat(200) }] }));
    expect([...pick(body, 'custom_id')]).toEqual(['px1:cancel:r-1:']);
  });
});

it('draws progress as a bar with its number and words', () => {
  const upload = { kind: 'progress', label: 'upload', fraction: 0.425, text: '812 MiB of 1.9 GiB' } as const;
  expect(textOf(discordCard(aCard({ blocks: [upload] })).body)).toContain(
    'upload `[########------------]` 42 % · 812 MiB of 1.9 GiB',
  );
});

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
        const kept = card.blocks
          .map(withoutTable)
          .flatMap((block) => (block.kind === 'lines' ? block.lines.filter((one) => one.keep) : []));
        const hidden = kept.filter((one) => !text.includes(oneLine(one.text).trim().slice(0, 40).trim()));
        if (hidden.length > 0) expect(text).toMatch(/of them lose data: read |more of \d+ guests?, see /);
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

it('marks a field that may stay empty, which Discord does not do by itself', () => {
  const field = { name: 'reason', label: 'Reason', required: false } as const;
  const fields = [field, { ...field, name: 'long', label: 'R'.repeat(60) }, { ...field, name: 'must', required: true }];
  const form = { id: 'px1:reject:r-41:p-7f3c2a', title: 'Reject?', text: [], fields, submit: 'Reject', danger: false };
  const labels = [...pick(formModal(form), 'label')];
  expect(labels).toEqual(['Reason (optional)', `${'R'.repeat(33)}… (optional)`, 'Reason']);
  expect(labels.every((label) => label.length <= 45)).toBe(true);
});
