import type { Hono } from 'hono';
import type { z } from 'zod';
import type { Examined } from '../core/finding.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';
import type { Card } from '../views/card.ts';
import type { Form } from '../views/forms.ts';
import type { Chat, CommandSpec, Place } from './chat.ts';

/**
 * Everything that one kind of chat provides beside its adapter. `src/chat/<name>/kind.ts` makes it, `src/chats.ts` lists
 * it. It loads its adapter and its SDK only in `make`, `examine` and `draw`.
 */
export interface ChatKind {
  /** The name in ids (`discord:user:…`), in stored runs and in the audit; lower case. */
  readonly name: string;
  /** The display name: `Discord`. */
  readonly title: string;
  /** How the configuration spells ids of people, and of groups where the chat has some. */
  readonly ids: { readonly person: IdForm; readonly group?: IdForm };
  /** Patterns of its tokens, which the output gate masks everywhere. Global, and linear in the text's length. */
  readonly tokens: readonly RegExp[];
  /** The heading of its variables in `.env.example`. */
  readonly section: string;
  /** Its variables, each made by `setting`. */
  readonly settings: z.ZodObject;
  /** The variable that names the channel of a fleet; absent: the chat has one channel for all fleets. */
  readonly channel?: string;
  /** Reads its part of the configuration; `undefined` when the chat is off or a mistake was noted. */
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
  /** The example of an id in a message about a mistake: `U…`. */
  readonly sample: string;
}

/** The source of a kind's settings. Mistakes are collected, so that all are reported at once. */
export interface ChatSource {
  /** The values of these settings. A wrong value is noted, and is absent or has its default. */
  readonly values: <Shape extends z.ZodRawShape>(settings: z.ZodObject<Shape>) => z.output<z.ZodObject<Shape>>;
  /** Notes that a variable is missing. @param why ends a sentence that begins with "needed" */
  readonly need: <T>(variable: string, value: T | undefined, why: string) => T | undefined;
  /** Notes a mistake. @param expected begins with "expected" */
  readonly mistake: (variable: string, expected: string) => void;
  /** Whether no other chat is configured. */
  readonly isAlone: boolean;
  /** Whether any of its variables without a default is set. */
  readonly isWanted: boolean;
  /** The address that the HTTP server binds to. */
  readonly httpHost: string;
}

/** A configured chat. */
export interface ChatSetup {
  /** The name of its kind. */
  readonly name: string;
  /** The place where a fleet with this channel is shown and decided; `undefined` without a channel. */
  place(channel: string | undefined): Place | undefined;
  /** An id that must not stand in APPROVERS and VIEWERS because it means everybody. `expected` as for a mistake. */
  readonly everybody?: { readonly id: string; readonly expected: string };
  /** The risks that it opens to people who may not approve; each sentence begins with a variable. */
  readonly risks?: readonly string[];
  /** Whether people open it at the bot's own address with a token, which also opens the metrics. */
  readonly hasDoor?: boolean;
  /** Makes the adapter. Called once, after the store is locked. */
  make(context: MakeContext): Promise<MadeChat>;
  /** Checks it against the live service for `proxnix doctor`. Makes no lasting change. */
  examine(context: ExamineContext): Promise<Examined>;
}

/** The facts about the fleets and the bot that a chat is made or examined with. */
interface Surroundings {
  /** STATE_DIR as configured; may be relative. */
  readonly stateDir: string;
  readonly http: { readonly host: string; readonly port: number };
  /** The chat's own ids as the configuration spells them, of approvers and viewers; each once. */
  readonly ids: readonly string[];
  /** The channel of each fleet in this chat, by fleet. */
  readonly channels: Readonly<Record<string, string>>;
}

/** The collaborators of an adapter. */
export interface MakeContext extends Surroundings {
  readonly log: Log;
  /** A few texts of this chat that survive a restart. */
  readonly state: AdapterState;
  /** Reads a token that the bot generated from a file, or generates one. @returns why the token in the file was replaced */
  readonly keepSecret: (
    file: string,
  ) => Promise<{ readonly secret: Secret; readonly replaced?: 'damaged' | 'exposed' }>;
}

/** A few small texts that survive a restart. Losing them only repeats a registration or a file. */
export interface AdapterState {
  /** `undefined` when nothing was set. */
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
}

/** An adapter with the services that the bot provides for it. */
export interface MadeChat {
  readonly chat: Chat;
  /** The shortest time between two edits of a message, in milliseconds. */
  readonly editEveryMs: number;
  /** Routes for the bot's one HTTP server, mounted at `/`. */
  readonly routes?: Hono;
  /** The log-in of a chat with `hasDoor`. `address` makes the address that a person opens from the server's own address. */
  readonly door?: { readonly token: Secret; address(url: string): string };
}

/** The collaborators of an examination. */
export interface ExamineContext extends Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that one answer of the service may take. */
  readonly timeoutMs: number;
  /** The version of this program, for a user agent. */
  readonly version: string;
  /** Reads a token that the bot generated, without generating one. */
  readonly readSecret: (file: string) => Promise<{ readonly kind: 'missing' | 'damaged' | 'exposed' | 'kept' }>;
}

/** The part of `proxnix init` for one chat. */
export interface ChatInit {
  /** The questions when the chat was chosen; each is an option of the command as well. */
  readonly questions: readonly ChatQuestion[];
  /** Its lines in `.env`; a secret that the person fills in is a variable without a value. */
  env(answers: InitAnswers, newSecret: () => string): readonly string[];
  /** Its lines in `.env` when it was not chosen. */
  readonly offEnv?: readonly string[];
  /** The first id for APPROVERS, for a chat that already knows its person. */
  readonly owner?: string;
  /** One line that tells where to find the ids for APPROVERS. */
  readonly findIds?: string;
  /** The variable that it needs when other machines reach the bot directly. */
  readonly openNeeds?: string;
  /** The steps that the person still has to do. */
  steps(answers: InitAnswers): readonly InitStep[];
  /** The place where the plan appears: `your Discord channel`. */
  where(answers: InitAnswers): string;
  /** Files beside `.env`: their text and their purpose. */
  readonly files?: () => readonly { readonly name: string; readonly text: string; readonly about: string }[];
}

/** A question of `proxnix init`. An empty answer means: not known yet. */
export interface ChatQuestion {
  /** The name of its option in camel case: `discordApplication` for `--discord-application`. */
  readonly name: string;
  readonly text: string;
  /** The option's value and its line in `--help`. */
  readonly value: string;
  readonly about: string;
  readonly schema: z.ZodType<string, string>;
}

/** The answers that a chat may read. */
export interface InitAnswers {
  /** The answers to its own questions; absent: not known yet. */
  readonly own: Readonly<Record<string, string>>;
  /** The address that the bot listens on. */
  readonly listen: string;
  /** Whether another chat was chosen as well. */
  readonly hasOthers: boolean;
  /** The path of `.env`, as the reader would write it. */
  readonly envFile: string;
  /** The path of one of its files, as the reader would write it. */
  readonly file: (name: string) => string;
}

/** A step that the person has to do: a sentence, and lines to copy or follow below it. */
export interface InitStep {
  readonly text: string;
  readonly lines?: readonly string[];
}

/** The cards and forms to draw; their names are valid file names. */
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

/** A drawing as JSON. @param kind the service's name for it: `message.create` */
export function drawing(name: string, kind: string, body: unknown): DrawnFile {
  return { name: `${name}.json`, text: `${JSON.stringify({ kind, body }, null, 2)}\n` };
}
