import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buttonId, plainText, readButtonId } from '../../src/views/card.ts';
import { withoutTable } from '../../src/views/guest-lines.ts';
import { runCard } from '../../src/views/run-card.ts';
import { ada, aGuest, aLiveGuest, aPlan, aRun, t0 } from '../support/builders.ts';
import { contextOf, stories } from './stories.ts';

describe('the id of a button', () => {
  it('comes back as what it was made from', () => {
    const made = { action: 'approve', runId: 'r-41', planId: 'p-7f3c2a' } as const;
    expect(buttonId(made)).toBe('px1:approve:r-41:p-7f3c2a');
    expect(readButtonId(buttonId(made))).toEqual(made);
    expect(readButtonId('px1:plan-again:r-41:')).toEqual({ action: 'plan-again', runId: 'r-41' });
  });

  it.each([
    ...[
      '',
      'px1',
      'px1:approve:r-41',
      'px1:approve:r-41:p-xyz',
      'px1:approve:r-41:',
      'px1:reject:r-41:',
      'px1:approve:r-41:p-7f3c2',
      'px1:details:r-41:p-7f3c2',
      'px1:approve:r-41:p-7f3c2a0',
      'px1:approve:41:p-7f3c2a',
      'px1:destroy:r-41:p-7f3c2a',
    ],
    ...[
      'px2:approve:r-41:p-7f3c2a',
      ' px1:approve:r-41:',
      'px1:approve:r-41:p-7f3c2a\n',
      'px1:approve:r-41:p-7f3c2a:x',
    ],
    ...['px1:approve:r-9999999999:', 'px1:toString:r-1:', 'px1:APPROVE:r-41:'],
  ])('that nobody made is none: %j', (text) => {
    expect(readButtonId(text)).toBeUndefined();
  });

  it('is read from nothing that it would not be written as', () => {
    const part = fc.constantFrom('px1', ':', ':', 'approve', 'cancel', 'r-', '41', 'p-7f3c2a', '0', '\n', ' ');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        const text = parts.join('');
        const read = readButtonId(text);
        if (read !== undefined) expect(buttonId(read)).toBe(text);
      }),
    );
  });
});

describe('every card of a run', () => {
  const cards = stories.map((story) => ({ ...story, card: runCard(story.run, contextOf(story)) }));

  it.each(cards)('has buttons that come back, and no two alike: $name', ({ card, run }) => {
    const ids = card.buttons.map(buttonId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id.length).toBeLessThanOrEqual(100);
      expect(readButtonId(id)?.runId).toBe(run.id);
    }
  });

  it.each(cards)('starts with the state and is not a wall: $name', ({ card }) => {
    expect(card.title).toMatch(
      /^(Plan|Planning|Approved|Applying|Applied|Blocked|Cancelled|Closed|Drift|Expired|Failed|Ignored|In sync|Interrupted|No change|Preview|Rejected|Superseded)(:| |$)/,
    );
    expect(card.title).not.toMatch(/undefined|NaN|\[object/);
    expect(JSON.stringify(card)).not.toMatch(/undefined|NaN|\[object/);
  });

  it.each(cards)('has lines that are no wider than 60 columns: $name', ({ card }) => {
    const lines = card.blocks.map(withoutTable).flatMap((block) => (block.kind === 'lines' ? block.lines : []));
    const wide = lines.filter((line) => line.text.length + (line.mark === undefined ? 0 : 4) > 60);
    expect(wide).toEqual([]);
  });

  it('asks before an approval counts, in a form where something is destroyed', () => {
    const approve = (name: string) =>
      cards.find((one) => one.name === name)?.card.buttons.find((button) => button.action === 'approve');
    expect(approve('plan-first')).toMatchObject({ style: 'primary', confirm: { text: 'Creates test-website (823).' } });
    expect(approve('plan-big')).toMatchObject({ style: 'danger', label: 'Approve (destroys 1 guest)' });
    expect(approve('plan-big')).not.toHaveProperty('confirm');
  });

  it('offers to decide only while that can be decided', () => {
    const deciding = cards.filter(({ card }) => card.buttons.some((button) => button.action === 'approve'));
    expect(new Set(deciding.map(({ run }) => run.phase))).toEqual(new Set(['planned']));
    expect(aRun('superseded').phase).toBe('superseded');
    expect(cards.filter(({ run }) => run.phase === 'superseded').every(({ card }) => card.buttons.length === 0)).toBe(
      true,
    );
  });

  it('says on the plan what is destroyed, in full and first', () => {
    const names = Array.from({ length: 30 }, (_, index) => aGuest({ vmid: 500 + index, name: `old-${index}` }));
    const plan = aPlan(
      { guests: [aGuest()] },
      names.map((guest) => aLiveGuest({}, guest)),
    );
    const card = runCard(aRun('planned', plan), contextOf(stories[0] ?? { name: '', run: aRun('planning') }));
    const kept = card.blocks
      .map(withoutTable)
      .flatMap((block) => (block.kind === 'lines' ? block.lines.filter((line) => line.keep) : []));
    for (const { name, vmid } of names) {
      expect(kept.some(({ text }) => text.startsWith(name) && text.includes(`(${vmid})`))).toBe(true);
    }
  });
});

describe('the words of a rich text alone', () => {
  it('are what a reader would see', () => {
    expect(
      plainText(['a ', { bold: 'b' }, ' ', { code: 'c' }, ' ', { link: 'https://x', text: 'd' }, ' ', { person: ada }]),
    ).toBe('a b c d Ada');
    expect(plainText([{ time: t0, show: 'relative' }])).toBe('2026-11-22 10:00 UTC');
  });
});
