import type { Block, Card } from './card.ts';

/** What help needs to know of a command. */
interface HelpEntry {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly name: string; readonly required: boolean }[];
}

/** The commands in help order. */
export function helpCard(commands: readonly HelpEntry[]): Card {
  const blocks = commands.map((command): Block => {
    const options = command.options.map((option) => (option.required ? ` <${option.name}>` : ` [${option.name}]`));
    return {
      kind: 'text',
      rich: [{ code: `/proxnix ${command.name}${options.join('')}` }, `  ${command.description}`],
    };
  });
  return { tone: 'quiet', title: 'Help: what proxnix does here', blocks, buttons: [], files: [] };
}
