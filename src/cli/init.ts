import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type AnswerName, readAnswers, type Texts } from './init/answers.ts';
import { envText } from './init/env-file.ts';
import { type Written, writeEnv, writeManifest } from './init/files.ts';
import { nextSteps, type Places } from './init/next-steps.ts';
import { askRest, defaults, type Terminal } from './init/questions.ts';
import { slackManifest } from './init/slack-manifest.ts';

/** Answers as commander hands them over: a list for what may be given several times. */
export type GivenAnswers = { readonly [Name in AnswerName]?: string | readonly string[] };

export interface InitOptions extends GivenAnswers {
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
}

/** Writes the files of a set-up and prints everything that is left to do. @throws UserError for answers that will not do */
export async function init(options: InitOptions): Promise<void> {
  console.log(await setUp(options));
}

/** The same, with the text to print as its result. */
export async function setUp(options: InitOptions): Promise<string> {
  const { out = '.', yes = false, force = false, newSecret = () => randomBytes(32).toString('hex') } = options;
  const given = givenTexts(options);
  const terminal = yes ? undefined : (options.terminal ?? ownTerminal());
  const answers = readAnswers(terminal === undefined ? { ...defaults, ...given } : await askRest(given, terminal));
  const places: Places = { envFile: path.join(out, '.env'), manifest: path.join(out, 'slack-manifest.json') };
  const written = await writeEnv(out, envText(answers, newSecret), force);
  const withSlack = answers.chat.includes('slack');
  if (withSlack) await writeManifest(out, slackManifest());
  return [
    ...said[written](places.envFile),
    ...(withSlack ? [`Written: ${places.manifest}, the app for Slack.`] : []),
    '',
    nextSteps(answers, places),
  ].join('\n');
}

const said: Readonly<Record<Written, (file: string) => readonly string[]>> = {
  new: (file) => [`Written: ${file}, which only you can read.`],
  kept: (file) => [
    `Kept: ${file} was there and is as it was; --force replaces it. The steps below are for the new answers.`,
  ],
  replaced: (file) => [`Written: ${file}, which only you can read; the one before is ${file}.old.`],
};

function givenTexts(options: GivenAnswers): Partial<Texts> {
  const names = Object.keys(defaults).filter((name): name is AnswerName => name in defaults);
  const pairs = names.flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(',')] as const];
  });
  return Object.fromEntries(pairs);
}

function ownTerminal(): Terminal | undefined {
  return process.stdin.isTTY && process.stdout.isTTY ? { input: process.stdin, output: process.stdout } : undefined;
}
