import { historyCard } from '../src/views/answer-cards.ts';
import { defineCommand } from './command.ts';

/** The newest runs and how they ended. */
export const history = defineCommand({
  name: 'history',
  description: 'Show the newest runs and how they ended',
  wish: 'view',
  options: [],
  async run({ pipeline, fleets }) {
    const runs = pipeline.runs().filter((run) => fleets.some(({ name }) => name === run.fleet));
    return { kind: 'card', card: historyCard(runs.slice(-20).reverse()) };
  },
});
