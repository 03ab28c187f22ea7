import { z } from 'zod';
import { branch, clusterUrl, gitUrl } from '../../config/addresses.ts';
import { shared } from '../../config/environment.ts';
import { snowflake } from '../../config/people.ts';
import { choice, list, text } from '../../config/values.ts';
import { UserError } from '../../core/errors.ts';

/** What a set-up is made from. */
export type Answers = z.output<typeof Answers>;

const chatNames = ['console', 'discord', 'slack'] as const;

const bridge = text(/^[A-Za-z][\w.-]{0,14}$/, 'expected the name of a bridge such as vmbr0');
const forgeUrl = z
  .string()
  .refine(isWebUrl, { error: 'expected an http or https address such as https://proxnix.example.org' });

/** Every answer as text, as a person types it or an option gives it; an empty one is an answer too where it may be. */
export const Answers = z.object({
  chat: list(choice(...chatNames)).refine((chats) => chats.length > 0, { error: 'expected console, discord or slack' }),
  proxmoxUrl: optional(clusterUrl),
  pve: choice('9', '8.4').transform((release) => (release === '9' ? 9 : 8)),
  pool: optional(shared.pool),
  imageStorage: shared.storage,
  targetStorage: list(shared.storage).refine(isNotEmpty, { error: 'expected at least one storage' }),
  bridge: list(bridge).refine(isNotEmpty, { error: 'expected at least one bridge' }),
  gitUrl: optional(gitUrl),
  branch,
  webhookUrl: optional(forgeUrl),
  listen: shared.address,
  discordApplication: optional(snowflake),
});

export type AnswerName = keyof typeof Answers.shape;

/** The text of each answer. */
export type Texts = Readonly<Record<AnswerName, string>>;

/** Reads all answers. @throws UserError with every mistake, each under the name of its option */
export function readAnswers(texts: Texts): Answers {
  const parsed = Answers.safeParse(texts);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map(({ path, message }) => `${optionOf(String(path[0]))}: ${message}`);
  throw new UserError('The set-up cannot be made from these options.', {
    details: [...new Set(details)],
    next: 'Nothing was written. `proxnix init --help` explains each option.',
  });
}

/** Why one answer will not do; `undefined` when it will. */
export function mistakeIn(name: AnswerName, answer: string): string | undefined {
  const schema: z.ZodType = Answers.shape[name];
  return schema.safeParse(answer).error?.issues[0]?.message;
}

/** `imageStorage` to `--image-storage`. */
export function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function optional<T>(schema: z.ZodType<T, string>) {
  return z
    .string()
    .transform((value) => (value === '' ? undefined : value))
    .pipe(z.optional(schema));
}

function isNotEmpty(items: readonly unknown[]): boolean {
  return items.length > 0;
}

function isWebUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
