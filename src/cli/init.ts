import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ChatKind } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import { askRest, defaultsFor, readAnswers, type Terminal, type Texts } from './init/answers.ts';
import { envText } from './init/env-file.ts';
import { nextSteps } from './init/next-steps.ts';

/** The options of a set-up. */
export interface InitOptions {
  /** Folder for the files. */
  readonly out?: string;
  /** Takes the defaults for every missing answer. */
  readonly yes?: boolean;
  /** Replace an existing `.env`. */
  readonly force?: boolean;
  /** The terminal for questions; default: standard input and output, when they are a terminal. */
  readonly terminal?: Terminal;
  /** A fresh secret in hex. */
  readonly newSecret?: () => string;
  /** Default: every chat of the program. */
  readonly chats?: readonly ChatKind[];
  /** Answers by name, in the form of commander: a list for an option that may be repeated. */
  readonly [answer: string]: unknown;
}

/** Writes the files of a set-up and prints the remaining steps. @throws UserError for invalid answers */
export async function init(options: InitOptions): Promise<void> {
  console.log(await setUp(options));
}

/** Writes the files of a set-up. @returns the text to print: the written files and the remaining steps */
export async function setUp(options: InitOptions): Promise<string> {
  const { out = '.', yes = false, force = false, chats = everyChat } = options;
  const { newSecret = () => randomBytes(32).toString('hex') } = options;
  const defaults = defaultsFor(chats);
  const given = givenTexts(options, defaults);
  const terminal = yes ? undefined : (options.terminal ?? ownTerminal());
  const texts = terminal === undefined ? { ...defaults, ...given } : await askRest(given, terminal, chats);
  const answers = readAnswers(texts, chats);
  const fileIn = (name: string) => path.join(out, name);
  const written = await writeEnv(fileIn('.env'), envText(answers, newSecret, fileIn), force);
  const files = answers.chats.flatMap(({ init: { files = () => [] } }) => files());
  for (const { name, text } of files) await writeFile(fileIn(name), text);
  return [
    ...said[written](fileIn('.env')),
    ...files.map(({ name, about }) => `Written: ${fileIn(name)}, ${about}.`),
    ...(yes || terminal !== undefined
      ? []
      : ['There is no terminal for questions, so missing options have their defaults.']),
    '',
    nextSteps(answers, fileIn),
  ].join('\n');
}

/** The outcome for `.env`. `kept`: it existed, and `--force` was not given. */
type Written = 'new' | 'kept' | 'replaced';

const said: Readonly<Record<Written, (file: string) => readonly string[]>> = {
  new: (file) => [`Written: ${file}, which only you can read.`],
  kept: (file) => [
    `Kept: ${file} exists and was not changed; --force replaces it. The steps below are for the new answers.`,
  ],
  replaced: (file) => [`Written: ${file}, which only you can read; the old one is ${file}.old.`],
};

function givenTexts(options: InitOptions, defaults: Texts): Texts {
  const pairs = Object.keys(defaults).flatMap((name) => {
    const value = options[name];
    if (typeof value === 'string') return [[name, value] as const];
    return Array.isArray(value) ? [[name, value.join(',')] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function ownTerminal(): Terminal | undefined {
  return process.stdin.isTTY && process.stdout.isTTY ? { input: process.stdin, output: process.stdout } : undefined;
}

/** Writes `.env`, readable by its owner alone. A replaced file stays as `.env.old`, because it may hold the only copy of a token. */
async function writeEnv(file: string, text: string, force: boolean): Promise<Written> {
  await mkdir(path.dirname(file), { recursive: true });
  const isThere = await exists(file);
  if (isThere && !force) return 'kept';
  if (isThere) await rename(file, `${file}.old`);
  // `wx` fails when another program has created the file, and follows no link.
  await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  // The umask may narrow the mode above; this sets the exact mode.
  await chmod(file, 0o600);
  return isThere ? 'replaced' : 'new';
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
