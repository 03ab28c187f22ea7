import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ChatKind } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import { askRest, defaultsFor, readAnswers, type Terminal, type Texts } from './init/answers.ts';
import { envText } from './init/env-file.ts';
import { nextSteps } from './init/next-steps.ts';

/** What a set-up is made with. */
export interface InitOptions {
  /** Folder for the files. */
  readonly out?: string;
  /** Take the defaults for everything that is not given. */
  readonly yes?: boolean;
  /** Replace an existing `.env`. */
  readonly force?: boolean;
  /** Where to ask; default: standard input and output, when they are a terminal. */
  readonly terminal?: Terminal;
  /** A fresh secret in hex. */
  readonly newSecret?: () => string;
  /** Default: every chat of the program. */
  readonly chats?: readonly ChatKind[];
  /** Answers by name, as commander hands them over: a list for what may be given several times. */
  readonly [answer: string]: unknown;
}

/** Writes the files of a set-up and prints everything that is left to do. @throws UserError for answers that will not do */
export async function init(options: InitOptions): Promise<void> {
  console.log(await setUp(options));
}

/** Writes the files of a set-up. @returns the text to print: what was written, and everything that is left to do */
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
      : ['Nobody could be asked here, so the defaults stand for what no option gave.']),
    '',
    nextSteps(answers, fileIn),
  ].join('\n');
}

/** The outcome for `.env`. `kept`: one was there, and `--force` was not given. */
type Written = 'new' | 'kept' | 'replaced';

const said: Readonly<Record<Written, (file: string) => readonly string[]>> = {
  new: (file) => [`Written: ${file}, which only you can read.`],
  kept: (file) => [
    `Kept: ${file} was there and is as it was; --force replaces it. The steps below are for the new answers.`,
  ],
  replaced: (file) => [`Written: ${file}, which only you can read; the one before is ${file}.old.`],
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

/** Writes `.env` for its owner's eyes only. A replaced one stays beside it as `.env.old`: it may hold the only copy of a token. */
async function writeEnv(file: string, text: string, force: boolean): Promise<Written> {
  await mkdir(path.dirname(file), { recursive: true });
  const isThere = await exists(file);
  if (isThere && !force) return 'kept';
  if (isThere) await rename(file, `${file}.old`);
  // `wx` fails when another program made the file meanwhile, and does not follow a link.
  await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  // The mode above is cut by the umask, never widened; this one is exact.
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
