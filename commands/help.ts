import { helpCard } from '../src/views/answer-cards.ts';
import { type Command, defineCommand } from './command.ts';

/** Lists the commands. The list is an argument, because this command is part of it. */
export function helpFor(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: 'help',
    description: 'List the commands',
    wish: 'view',
    options: [],
    async run() {
      return { kind: 'card', card: helpCard(commands()) };
    },
  });
}
