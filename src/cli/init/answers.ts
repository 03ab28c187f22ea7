import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import type { ChatKind } from '../../chat/kind.ts';
import { address, branch, choice, clusterUrl, gitUrl, list, pool, storage, text } from '../../config/setting.ts';
import { UserError } from '../../core/errors.ts';

/** The answers of a set-up. */
export type Answers = z.output<typeof Base> & {
  /** The chosen chats, in the order of the program. */
  readonly chats: readonly ChatKind[];
  /** The other chats. */
  readonly otherChats: readonly ChatKind[];
  /** Answers to the chats' own questions; absent: not known yet. */
  readonly own: Readonly<Record<string, string>>;
};

/** Answers by name, as a person or an option gives them. Some answers may be empty. */
export type Texts = Readonly<Record<string, string>>;

/** The streams for questions and answers. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

const bridge = text(/^[A-Za-z][\w.-]{0,14}$/, 'expected the name of a bridge such as vmbr0');
const forgeUrl = z
  .string()
  .refine(isWebUrl, { error: 'expected an http or https address such as https://proxnix.example.org' });

/** The answers that do not depend on a chat. */
const Base = z.object({
  proxmoxUrl: optional(clusterUrl),
  pve: choice('9', '8.4').transform((release) => (release === '9' ? 9 : 8)),
  pool: optional(pool),
  imageStorage: storage,
  targetStorage: list(storage).refine(isNotEmpty, { error: 'expected at least one storage' }),
  bridge: list(bridge).refine(isNotEmpty, { error: 'expected at least one bridge' }),
  gitUrl: optional(gitUrl),
  branch,
  webhookUrl: optional(forgeUrl),
  listen: address,
});

interface Question {
  readonly name: string;
  readonly text: string;
  /** The default. */
  readonly initial: string;
  /** Whether to ask, given the earlier answers. */
  readonly when?: (known: Texts) => boolean;
}

function questionsFor(chats: readonly ChatKind[]): readonly Question[] {
  const names = chats.map(({ name }) => name);
  return [
    { name: 'chat', text: `Chats for plans: ${names.join(', ')} (several with commas)`, initial: firstOf(names) },
    { name: 'proxmoxUrl', text: 'Address of the Proxmox API, e.g. https://pve1.example.org:8006', initial: '' },
    { name: 'pve', text: 'Its version, 9 or 8.4', initial: '9' },
    {
      name: 'imageStorage',
      text: 'Storage for uploaded images (a new folder of its own is best)',
      initial: 'proxnix-images',
    },
    { name: 'targetStorage', text: 'Storages for disks of guests, as the flake names them', initial: 'local-lvm' },
    { name: 'bridge', text: 'Bridges of the guests', initial: 'vmbr0' },
    { name: 'pool', text: 'Pool to limit the bot to (empty: all guests with its tag)', initial: '' },
    {
      name: 'gitUrl',
      text: 'Where the flake is cloned from, e.g. https://git.example.org/ada/fleet.git',
      initial: '',
    },
    { name: 'branch', text: 'Branch that is deployed', initial: 'main' },
    { name: 'webhookUrl', text: 'Address at which the forge reaches this bot (empty: not known yet)', initial: '' },
    {
      name: 'listen',
      text: 'Address to listen on (0.0.0.0: reached directly, without a proxy on this machine)',
      initial: '127.0.0.1',
    },
    ...chats.flatMap(({ name: chat, init }) =>
      init.questions.map(({ name, text: question }) => ({
        name,
        text: question,
        initial: '',
        when: (known: Texts) => known['chat']?.includes(chat) === true,
      })),
    ),
  ];
}

/** The default of each answer, by name. */
export function defaultsFor(chats: readonly ChatKind[]): Texts {
  return Object.fromEntries(questionsFor(chats).map(({ name, initial }) => [name, initial]));
}

/** Reads all answers. @throws UserError with every mistake, each under the name of its option */
export function readAnswers(texts: Texts, chats: readonly ChatKind[]): Answers {
  const chosen = chatShape(chats).safeParse(texts['chat']);
  const base = Base.safeParse(texts);
  const own = ownShape(chats).safeParse(texts);
  if (chosen.success && base.success && own.success) {
    const known = Object.entries(own.data).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    return {
      ...base.data,
      chats: chats.filter(({ name }) => chosen.data.includes(name)),
      otherChats: chats.filter(({ name }) => !chosen.data.includes(name)),
      own: Object.fromEntries(known),
    };
  }
  const mistakes = [
    ...(chosen.error?.issues ?? []).map(({ message }) => `--chat: ${message}`),
    ...[...(base.error?.issues ?? []), ...(own.error?.issues ?? [])].map(
      ({ path, message }) => `${optionOf(String(path[0]))}: ${message}`,
    ),
  ];
  throw new UserError('The set-up cannot be made from these options.', {
    details: [...new Set(mistakes)],
    next: 'Nothing was written. `proxnix init --help` explains each option.',
  });
}

/** Asks for every answer that no option gave; an empty line takes the default in brackets. @throws UserError when the input ends */
export async function askRest(given: Texts, { input, output }: Terminal, chats: readonly ChatKind[]): Promise<Texts> {
  const lines = createInterface({ input, output });
  lines.on('SIGINT', () => lines.close());
  // The iterator keeps lines that arrive early, and reports the end of the input.
  const answers = lines[Symbol.asyncIterator]();
  try {
    let known: Texts = { ...defaultsFor(chats), ...given };
    for (const question of questionsFor(chats)) {
      if (given[question.name] !== undefined || question.when?.(known) === false) continue;
      known = { ...known, [question.name]: await ask(question) };
    }
    return known;
  } finally {
    lines.close();
  }

  async function ask({ name, text: question, initial }: Question): Promise<string> {
    for (;;) {
      lines.setPrompt(`${question}${initial === '' ? '' : ` [${initial}]`}: `);
      lines.prompt();
      const { done, value } = await answers.next();
      if (done === true) throw new UserError('The questions were not answered to the end; nothing was written.');
      const answer = value.trim() === '' ? initial : value.trim();
      const mistake = mistakeIn(name, answer, chats);
      if (mistake === undefined) return answer;
      output.write(`  ${mistake}\n`);
    }
  }
}

/** `imageStorage` to `--image-storage`. */
function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The mistake in an answer; `undefined` for a valid one. */
function mistakeIn(name: string, answer: string, chats: readonly ChatKind[]): string | undefined {
  const shapes: z.ZodRawShape = { chat: chatShape(chats), ...Base.shape, ...ownShape(chats).shape };
  const schema = shapes[name];
  return schema === undefined ? undefined : z.safeParse(schema, answer).error?.issues[0]?.message;
}

function chatShape(chats: readonly ChatKind[]) {
  const names = chats.map(({ name }) => name);
  const expected = `expected ${names.join(' or ')}`;
  const known = z.string().refine((name) => names.includes(name), { error: expected });
  return list(known).refine(isNotEmpty, { error: expected });
}

/** The answers to the chats' own questions. */
function ownShape(chats: readonly ChatKind[]) {
  const shapes = chats.flatMap(({ init }) =>
    init.questions.map(({ name, schema }) => [name, optional(schema)] as const),
  );
  return z.object(Object.fromEntries(shapes));
}

function optional<T>(schema: z.ZodType<T, string>) {
  return z
    .string()
    .transform((value) => (value === '' ? undefined : value))
    .pipe(z.optional(schema));
}

function firstOf(names: readonly string[]): string {
  return names[0] ?? '';
}

function isNotEmpty(items: readonly unknown[]): boolean {
  return items.length > 0;
}

function isWebUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
