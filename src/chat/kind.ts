import type { Hono } from 'hono';
import type { z } from 'zod';
import type { Examined } from '../core/finding.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';
import type { Card } from '../views/card.ts';
import type { Form } from '../views/forms.ts';
import type { Chat, CommandSpec, Place } from './chat.ts';

/**
 * Everything that one kind of chat brings along beside its adapter. A kind is a folder and a line: `src/chat/<name>/kind.ts`
 * makes it, `src/chats.ts` lists it. It loads its adapter and its SDK only in `make`, `examine` and `draw`.
 */
export interface ChatKind {
  /** Stands in ids (`discord:user:…`), in stored runs and in the audit; lower case. */
  readonly name: string;
  /** As people read it: `Discord`. */
  readonly title: string;
  /** How the configuration spells ids of people, and of groups where the chat has some. */
  readonly ids: { readonly person: IdForm; readonly group?: IdForm };
  /** Forms of its tokens, which the output gate takes out wherever they stand. Global, and linear in the text's length. */
  readonly tokens: readonly RegExp[];
  /** The heading of its variables in `.env.example`. */
  readonly section: string;
  /** Its variables, each made by `setting`. */
  readonly settings: z.ZodObject;
  /** Which of them names the channel of a fleet; absent: the chat has one channel for all of them. */
  readonly channel?: string;
  /** Reads what the configuration says about it; `undefined` when the chat is off or a mistake was noted. */
  read(source: ChatSource): ChatSetup | undefined;
  readonly init: ChatInit;
  /** Draws every card and form as the chat sends them, for `proxnix gallery`. */
  draw(gallery: Gallery): Promise<readonly DrawnFile[]>;
}

/** A form of ids in the configuration: `prefix` and the chat's own id. */
export interface IdForm {
  /** `<chat>:`, `<chat>:user:` for a person; `<chat>:<word>:` with the chat's word for a group. */
  readonly prefix: string;
  /** The source of a regular expression for the chat's own id. */
  readonly id: string;
  /** What stands for the id in a message about a mistake: `U…`. */
  readonly sample: string;
}

/** What a kind reads its settings from. A mistake is noted, so that all of them are told at once. */
export interface ChatSource {
  /** The values of these settings. A mistaken one is noted and is absent or has its default. */
  readonly values: <Shape extends z.ZodRawShape>(settings: z.ZodObject<Shape>) => z.output<z.ZodObject<Shape>>;
  /** Notes that a variable is missing. @param why ends a sentence that begins with "needed" */
  readonly need: <T>(variable: string, value: T | undefined, why: string) => T | undefined;
  /** Notes a mistake. @param expected begins with "expected" */
  readonly mistake: (variable: string, expected: string) => void;
  /** Whether no other chat is configured. */
  readonly isAlone: boolean;
  /** Whether any of its variables that have no default is set. */
  readonly isWanted: boolean;
  /** The address that the HTTP server binds to. */
  readonly httpHost: string;
}

/** A chat as the configuration wants it. */
export interface ChatSetup {
  /** The name of its kind. */
  readonly name: string;
  /** Where a fleet with this channel is shown and decided; `undefined` without a channel. */
  place(channel: string | undefined): Place | undefined;
  /** An id that must not stand in APPROVERS and VIEWERS because it means everybody. `expected` as for a mistake. */
  readonly everybody?: { readonly id: string; readonly expected: string };
  /** What it opens to people who may not approve; each sentence begins with a variable. */
  readonly risks?: readonly string[];
  /** Whether people open it at the bot's own address with a token, which is good for the metrics as well. */
  readonly hasDoor?: boolean;
  /** Makes the adapter. Called once, after the store is locked. */
  make(context: MakeContext): Promise<MadeChat>;
  /** Checks it against the live service for `proxnix doctor`. Changes nothing that lasts. */
  examine(context: ExamineContext): Promise<Examined>;
}

/** What is known of the fleets and of the bot when a chat is made or examined. */
interface Surroundings {
  /** STATE_DIR as it was configured; may be relative. */
  readonly stateDir: string;
  readonly http: { readonly host: string; readonly port: number };
  /** The chat's own ids as the configuration spells them, of approvers and viewers; each once. */
  readonly ids: readonly string[];
  /** By fleet, the channel in this chat. */
  readonly channels: Readonly<Record<string, string>>;
}

/** What an adapter is made with. */
export interface MakeContext extends Surroundings {
  readonly log: Log;
  /** A few texts of this chat that outlive a restart. */
  readonly state: AdapterState;
  /** Reads a token of the bot's own from a file, or makes one. @returns why the one that lay there is not used any more */
  readonly keepSecret: (
    file: string,
  ) => Promise<{ readonly secret: Secret; readonly replaced?: 'damaged' | 'exposed' }>;
}

/** A few small texts that outlive a restart; losing them costs a repeated registration or file, nothing else. */
export interface AdapterState {
  /** `undefined` when nothing was set. */
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
}

/** A chat with what the bot has to do for it. */
export interface MadeChat {
  readonly chat: Chat;
  /** The shortest time between two edits of a message, in milliseconds. */
  readonly editEveryMs: number;
  /** Routes for the bot's one HTTP server, mounted at `/`. */
  readonly routes?: Hono;
  /** How people get in, for a chat with `hasDoor`. `address` is what a person opens, from the server's own address. */
  readonly door?: { readonly token: Secret; address(url: string): string };
}

/** What a chat is examined with. */
export interface ExamineContext extends Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long one answer of the service may take. */
  readonly timeoutMs: number;
  /** The version of this program, for a user agent. */
  readonly version: string;
  /** Looks at a token of the bot's own without making one. */
  readonly readSecret: (file: string) => Promise<{ readonly kind: 'missing' | 'damaged' | 'exposed' | 'kept' }>;
}

/** The part of `proxnix init` that is about one chat. */
export interface ChatInit {
  /** Asked when the chat was chosen; each is an option of the command as well. */
  readonly questions: readonly ChatQuestion[];
  /** Its lines in `.env`; a secret to fill in is a variable without a value. */
  env(answers: InitAnswers, newSecret: () => string): readonly string[];
  /** Its lines in `.env` when it was not chosen. */
  readonly offEnv?: readonly string[];
  /** The id in APPROVERS to begin with, for a chat that knows its person already. */
  readonly owner?: string;
  /** Where a person finds the ids for APPROVERS, as one line. */
  readonly findIds?: string;
  /** The variable that it needs when others than this machine reach the bot directly. */
  readonly openNeeds?: string;
  /** What is left to do. */
  steps(answers: InitAnswers): readonly InitStep[];
  /** Where the plan will be seen: `your Discord channel`. */
  where(answers: InitAnswers): string;
  /** Files beside `.env`: their text, and what they are for. */
  readonly files?: () => readonly { readonly name: string; readonly text: string; readonly about: string }[];
}

/** A question of `proxnix init`. An empty answer is one too: not known yet. */
export interface ChatQuestion {
  /** In camel case, as the option `--discord-application` is called in the program. */
  readonly name: string;
  readonly text: string;
  /** The option's value and its line in `--help`. */
  readonly value: string;
  readonly about: string;
  readonly schema: z.ZodType<string, string>;
}

/** What a chat gets to know of the answers. */
export interface InitAnswers {
  /** The answers to its own questions; absent: not known yet. */
  readonly own: Readonly<Record<string, string>>;
  /** The address that the bot listens on. */
  readonly listen: string;
  /** Whether another chat was chosen as well. */
  readonly hasOthers: boolean;
  /** Where `.env` is written, as the reader would name it. */
  readonly envFile: string;
  /** Where a file of its own is written, as the reader would name it. */
  readonly file: (name: string) => string;
}

/** What is left to do: a sentence, and below it lines to copy or to go by. */
export interface InitStep {
  readonly text: string;
  readonly lines?: readonly string[];
}

/** What there is to draw, by names that are fit for files. */
export interface Gallery {
  readonly cards: Readonly<Record<string, Card>>;
  readonly forms: Readonly<Record<string, Form>>;
  readonly commands: readonly CommandSpec[];
}

/** A file of the gallery, in the chat's own folder. */
export interface DrawnFile {
  readonly name: string;
  readonly text: string;
}

/** A drawing as JSON. @param kind what the service calls it: `message.create` */
export function drawing(name: string, kind: string, body: unknown): DrawnFile {
  return { name: `${name}.json`, text: `${JSON.stringify({ kind, body }, null, 2)}\n` };
}
