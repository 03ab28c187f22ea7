import { describe, expect, it } from 'vitest';
import { runCard } from '../../src/views/run-card.ts';
import { cardText } from './card-text.ts';
import { contextOf, stories } from './stories.ts';

describe('the card of a run', () => {
  it.each(stories)('reads as its expected text: $name', async (story) => {
    const card = runCard(story.run, contextOf(story));
    await expect(cardText(card)).toMatchFileSnapshot(`expected/${story.name}.txt`);
  });
});
