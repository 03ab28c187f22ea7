import type { Logger } from 'pino';
import { UserError } from '../../core/errors.ts';
import { isLoopback } from '../../lib/addresses.ts';
import type { Secret } from '../../secret.ts';
import type { MessageStore } from './message-store.ts';

/** The settings of the console. */
export interface ConsoleOptions {
  /** The address the HTTP server is bound to. */
  readonly host: string;
  /** What a person types to log in and a script sends as `Authorization: Bearer`. */
  readonly token: Secret;
  /** The path of the file with the token that the bot made, as people read it; absent when the token was configured. */
  readonly tokenFile?: string;
  /** Names under which others reach the console, e.g. `proxnix.example.org`; with them, no other name is served. */
  readonly names?: readonly string[];
  /** Who presses and types here: the console knows one person. */
  readonly person?: { readonly id: string; readonly name: string };
  readonly workspace?: string;
  readonly channel?: string;
  readonly messages: MessageStore;
  /** How many messages the channel keeps. */
  readonly keep?: number;
  readonly now?: () => number;
  /** Letters, digits and `-`. */
  readonly newId?: () => string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

const shortestToken = 16;

/** Refuses a token that can be guessed, and one that only this machine can read where others are to log in. */
export function checkConsole({ host, names = [], token, tokenFile }: ConsoleOptions): void {
  const next = 'Set CONSOLE_TOKEN to a long random text, for example the output of `openssl rand -hex 24`';
  if (token.reveal().length < shortestToken) {
    throw new UserError(`The console's token is shorter than ${shortestToken} characters.`, { next: `${next}.` });
  }
  const open = [host, ...names].find((name) => !isLoopback(name));
  if (tokenFile === undefined || open === undefined) return;
  throw new UserError(`The console has no token for those who reach it at ${open}.`, {
    next: `${next}, or bind to 127.0.0.1.`,
  });
}
