import { historyCard } from '../src/views/history-card.ts';
import { defineCommand } from './command.ts';

/** The newest runs and how they ended. */
export const history = defineCommand({
  name: 'history',
  description: 'Show the newest runs and how they ended',
  options: [],
  async run({ pipeline }) {
    return { kind: 'card', card: historyCard(pipeline.runs().slice(-20).reverse()) };
  },
});
