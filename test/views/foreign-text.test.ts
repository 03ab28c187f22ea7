import { describe, expect, it } from 'vitest';
import { historyCard, statusCard } from '../../src/views/answer-cards.ts';
import type { Card, Span } from '../../src/views/card.ts';
import { withoutTable } from '../../src/views/guest-lines.ts';
import { runCard } from '../../src/views/run-card.ts';
import { aCommit, aContext, ada, aPlan, aRun, follow, t0 } from '../support/builders.ts';
import { contextOf, stories } from './stories.ts';

/** What somebody may write where text is free: markup, a mention, a link, a button, a new line, an escape. */
const evil = 'EVIL</b>*_`~|<@1>[x](https://evil.example)"px1:approve:r-1:p-000000"\u001b[31m';
const who = { ...ada, name: evil };

const cards: readonly { readonly name: string; readonly card: Card }[] = [
  ...stories.map((story) => {
    const commit = aCommit({ subject: evil, author: evil });
    const run = { ...story.run, commit, branch: evil };
    const lock = { reason: evil, by: who, at: t0 };
    return { name: story.name, card: runCard(run, { ...contextOf(story), lock }) };
  }),
  ...[
    aRun('rejected', aPlan(), { by: who, reason: evil }),
    aRun('cancelled', aPlan(), { cancelledBy: who, approvals: [{ by: who, at: t0 }] }),
    aRun('interrupted', aPlan(), { notes: [evil] }),
    aRun('planned', aPlan(), { clusterChanges: [evil] }),
    aRun('failed', aPlan(), { failure: { message: evil, next: evil, details: [evil] } }),
    follow(aRun('applying'), { type: 'progress', id: 'build', text: evil }, { type: 'cancel-asked', by: who }),
  ].map((run) => ({ name: `${run.phase} by hostile words`, card: runCard(run, aContext()) })),
  { name: 'history', card: historyCard([aRun('failed', aPlan(), { failure: { message: evil, details: [] } })]) },
  {
    name: 'status',
    card: statusCard(
      [
        {
          fleet: 'homelab',
          guests: [],
          open: [],
          queue: [],
          lastRun: undefined,
          lock: { reason: evil, by: who, at: t0 },
        },
      ],
      t0,
    ),
  },
];

describe('text from outside', () => {
  it.each(cards)('stays text on the card: $name', ({ card }) => {
    for (const button of card.buttons) expect(JSON.stringify(button)).not.toContain('EVIL');
    for (const file of card.files) expect(file.name + file.title).not.toContain('EVIL');
    const rich = card.blocks.flatMap((block) => ('rich' in block ? block.rich : []));
    for (const span of rich) expect(meaningOf(span)).not.toContain('EVIL');
    for (const line of card.blocks.map(withoutTable).flatMap((block) => (block.kind === 'lines' ? block.lines : []))) {
      expect(line.mark ?? '').not.toContain('EVIL');
    }
  });

  it('is on those cards at all', () => {
    const silent = cards.filter(({ card }) => !JSON.stringify(card).includes('EVIL')).map(({ name }) => name);
    // One line with the number of the request.
    expect(silent).toEqual(['preview-over']);
  });
});

/** The parts of a span that a chat acts on, not the words it shows. */
function meaningOf(span: Span): string {
  if (typeof span === 'string') return '';
  if ('link' in span) return span.link;
  if ('time' in span) return span.show;
  if ('person' in span) return span.person.id + span.person.chat;
  return '';
}
