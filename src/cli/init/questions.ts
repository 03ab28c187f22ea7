import { createInterface } from 'node:readline/promises';
import { UserError } from '../../core/errors.ts';
import { type AnswerName, mistakeIn, type Texts } from './answers.ts';

/** Where people are asked. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** What stands for an answer that nobody gave. */
export const defaults: Texts = {
  chat: 'console',
  proxmoxUrl: '',
  pve: '9',
  pool: '',
  imageStorage: 'proxnix-images',
  targetStorage: 'local-lvm',
  bridge: 'vmbr0',
  gitUrl: '',
  branch: 'main',
  webhookUrl: '',
  listen: '127.0.0.1',
  discordApplication: '',
};

interface Question {
  readonly name: AnswerName;
  readonly text: string;
  /** Whether it is worth asking, from what is known so far. */
  readonly when?: (known: Texts) => boolean;
}

const questions: readonly Question[] = [
  { name: 'chat', text: 'Chats for plans: console, discord, slack (several with commas)' },
  { name: 'proxmoxUrl', text: 'Address of the Proxmox API, e.g. https://pve1.example.org:8006' },
  { name: 'pve', text: 'Its version, 9 or 8.4' },
  { name: 'imageStorage', text: 'Storage for uploaded images (a new folder of its own is best)' },
  { name: 'targetStorage', text: 'Storages for disks of guests, as the flake names them' },
  { name: 'bridge', text: 'Bridges of the guests' },
  { name: 'pool', text: 'Pool to limit the bot to (empty: all guests with its tag)' },
  { name: 'gitUrl', text: 'Where the flake is cloned from, e.g. https://git.example.org/ada/fleet.git' },
  { name: 'branch', text: 'Branch that is deployed' },
  { name: 'webhookUrl', text: 'Address at which the forge reaches this bot (empty: not known yet)' },
  { name: 'listen', text: 'Address to listen on (0.0.0.0: reached directly, without a proxy on this machine)' },
  {
    name: 'discordApplication',
    text: 'Application ID of the Discord bot (empty: not made yet)',
    when: ({ chat }) => chat.includes('discord'),
  },
];

/** Asks what no option has answered yet; an empty line takes the default in brackets. @throws UserError at its end */
export async function askRest(given: Partial<Texts>, { input, output }: Terminal): Promise<Texts> {
  const lines = createInterface({ input, output });
  lines.on('SIGINT', () => lines.close());
  // By the iterator, which keeps lines that came early, and which tells the end of the input.
  const answers = lines[Symbol.asyncIterator]();
  try {
    let known: Texts = { ...defaults, ...given };
    for (const { name, text, when } of questions) {
      if (given[name] !== undefined || when?.(known) === false) continue;
      known = { ...known, [name]: await ask(name, text) };
    }
    return known;
  } finally {
    lines.close();
  }

  async function ask(name: AnswerName, text: string): Promise<string> {
    for (;;) {
      lines.setPrompt(`${text}${defaults[name] === '' ? '' : ` [${defaults[name]}]`}: `);
      lines.prompt();
      const { done, value } = await answers.next();
      if (done === true) throw new UserError('The questions were not answered to the end; nothing was written.');
      const answer = value.trim() === '' ? defaults[name] : value.trim();
      const mistake = mistakeIn(name, answer);
      if (mistake === undefined) return answer;
      output.write(`  ${mistake}\n`);
    }
  }
}
