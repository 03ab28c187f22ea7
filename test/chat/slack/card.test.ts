import { describe, expect, it } from 'vitest';
import { slackCard } from '../../../src/chat/slack/card.ts';
import { room } from '../../../src/chat/slack/limits.ts';
import type { Card, Line } from '../../../src/views/card.ts';
import { guestLines } from '../../../src/views/guest-lines.ts';
import { manyGuests } from '../../support/many-guests.ts';
import { doneCard, gentleCard, planCard, quietCard, runningCard } from '../../support/slack/cards.ts';

const empty: Card = { tone: 'quiet', title: 'Plan', blocks: [{ kind: 'divider' }], buttons: [], files: [] };

function textOf(card: Card): string {
  return JSON.stringify(slackCard(card).blocks);
}

describe('slackCard', () => {
  for (const [name, card] of Object.entries({ planCard, gentleCard, runningCard, doneCard, quietCard })) {
    it(`draws ${name} as expected/${name}.json`, async () => {
      await expect(`${JSON.stringify(slackCard(card), undefined, 2)}\n`).toMatchFileSnapshot(`expected/${name}.json`);
    });
  }

  it('keeps every destroy and every warning of a plan of 400 lines and says how much is left out', () => {
    const lines = Array.from({ length: 400 }, (_, index): Line => {
      const keep = index % 20 === 19;
      return { mark: keep ? '-' : '~', text: `test-${index} (${1000 + index}) ${keep ? 'destroy' : 'update'}`, keep };
    });
    const warning = `Destroys ${lines
      .filter(({ keep }) => keep)
      .map(({ text }) => text)
      .join(', ')}`;
    const card: Card = {
      ...planCard,
      blocks: [
        { kind: 'lines', lines },
        { kind: 'text', rich: ['x'.repeat(9000)] },
        { kind: 'warning', rich: [warning] },
      ],
    };
    const { blocks } = slackCard(card);
    const drawn = JSON.stringify(blocks);
    for (const line of lines.filter(({ keep }) => keep)) expect(drawn).toContain(`-   ${line.text}`);
    expect(drawn).toContain(warning);
    const shown = drawn.match(/test-\d+ \(\d+\) update/g)?.length ?? 0;
    expect(drawn).toContain(`... ${380 - shown} more lines in the thread`);
    expect(drawn.length + 100 * blocks.length).toBeLessThanOrEqual(12_000);
  });

  it('cuts between guests and counts them, and leaves no destroy out', () => {
    const block = manyGuests({ create: 120, destroy: 3 });
    const drawn = textOf({ ...planCard, blocks: [block] });
    const all = guestLines(block).map((lines) => lines.map((line) => line.text.trim()));
    const whole = all.filter((lines) => lines.every((line) => drawn.includes(line)));
    expect(all.filter((lines) => drawn.includes(lines[0] ?? ''))).toEqual(whole);
    expect(whole.length).toBeGreaterThan(20);
    expect(drawn).toContain(`... ${123 - whole.length} more guests, all create in the thread"`);
    for (const [first = ''] of all.slice(-3)) expect(drawn).toContain(first);
  });

  it('draws the lines it keeps in their order, before and after those it cuts', () => {
    const filler = Array.from({ length: 200 }, (_, index): Line => ({ text: `update ${index} ${'.'.repeat(50)}` }));
    const lines: readonly Line[] = [...filler, { text: 'destroy last', keep: true }];
    const drawn = textOf({ ...empty, blocks: [{ kind: 'lines', lines }] });
    expect(drawn.indexOf('update 0 ')).toBeGreaterThan(0);
    expect(drawn.indexOf('destroy last')).toBeGreaterThan(drawn.indexOf('update 0 '));
    expect(drawn.indexOf('more lines')).toBeGreaterThan(drawn.indexOf('destroy last'));
    expect(drawn).not.toContain('update 199');
  });

  it('points to no thread where there is no file', () => {
    const lines = Array.from({ length: 300 }, (): Line => ({ text: 'x'.repeat(60) }));
    expect(textOf({ ...empty, blocks: [{ kind: 'lines', lines }] })).toMatch(/\.\.\. \d+ more lines"/);
  });

  it('puts foreign text into rich_text, where nothing is parsed, and escapes it everywhere else', () => {
    const foreign = '<!channel> & *bold*';
    const { text, blocks } = slackCard({
      ...empty,
      title: foreign,
      blocks: [
        { kind: 'text', rich: [foreign] },
        { kind: 'small', rich: [foreign] },
        { kind: 'small', rich: ['a <!here> & b'] },
      ],
    });
    expect(text).toBe('&lt;!channel&gt; &amp; *bold*. &lt;!channel&gt; &amp; *bold*');
    expect(blocks.map(({ type }) => type)).toEqual(['header', 'rich_text', 'rich_text', 'context']);
    expect(JSON.stringify(blocks[3])).toContain('a &lt;!here&gt; &amp; b');
  });

  it('takes terminal sequences, control characters and marks of direction out', () => {
    const drawn = textOf({
      ...empty,
      blocks: [{ kind: 'text', rich: ['\u001b[31mred\u001b[0m\u0007 \u202eevil\u202c'] }],
    });
    expect(drawn).toContain('"red evil"');
  });

  it('turns a line end inside a line into a space, so no line can pretend to be two', () => {
    const drawn = textOf({
      ...empty,
      blocks: [{ kind: 'lines', lines: [{ mark: '~', text: 'a\n-   b (1) destroy' }] }],
    });
    expect(drawn).toContain('"~   a -   b (1) destroy"');
  });

  it('names people and never mentions them', () => {
    const { text, blocks } = slackCard(runningCard);
    expect(JSON.stringify({ text, blocks })).not.toContain('U0ALICE001');
    expect(JSON.stringify(blocks)).toContain('"alice"');
  });

  it('links http and https only', () => {
    const drawn = textOf({
      ...empty,
      blocks: [{ kind: 'text', rich: [{ link: 'javascript:alert(1)', text: 'here' }] }],
    });
    expect(drawn).not.toContain('javascript');
    expect(drawn).toContain('{"type":"text","text":"here"}');
  });

  it('begins a new row for a second button of one action, since an action_id may stand once in a row', () => {
    const button = { action: 'details', label: 'Details', style: 'plain' } as const;
    const { blocks } = slackCard({
      ...empty,
      buttons: [
        { ...button, runId: 'r-1' },
        { ...button, runId: 'r-2' },
      ],
    });
    expect(blocks.filter(({ type }) => type === 'actions')).toHaveLength(2);
  });

  it('always holds a rich_text block, so that an edit never takes the last one away', () => {
    for (const card of [quietCard, empty, { ...empty, blocks: [{ kind: 'small', rich: ['quiet'] } as const] }]) {
      expect(slackCard(card).blocks.map(({ type }) => type)).toContain('rich_text');
    }
  });

  it('gives the space to the warnings when there are more blocks than a message takes', () => {
    const small = { kind: 'small', rich: ['quiet'] } as const;
    const blocks = [...Array.from({ length: 60 }, () => small), { kind: 'warning', rich: ['loud'] } as const];
    const drawn = slackCard({ ...empty, blocks });
    expect(drawn.blocks.length).toBeLessThanOrEqual(room.blocks + 2);
    expect(JSON.stringify(drawn.blocks)).toContain('loud');
  });
});
