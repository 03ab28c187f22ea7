import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { UserError } from '../../core/errors.ts';
import type { MessageStore } from './message.ts';

export interface ConsoleOptions {
  /** The address the HTTP server is bound to. */
  readonly host: string;
  /** What a person types to log in and a script sends as `Authorization: Bearer`; nobody is asked without one. */
  readonly token?: string;
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

/** Refuses a console that anybody on the network could use: a `UserError` that says what to set. */
export function checkConsole({ host, names = [], token }: Pick<ConsoleOptions, 'host' | 'names' | 'token'>): void {
  if (token !== undefined && token.length < shortestToken) {
    throw new UserError(`The console's token is shorter than ${shortestToken} characters.`, {
      next: 'Set CONSOLE_TOKEN to a long random text, for example the output of `openssl rand -hex 24`.',
    });
  }
  const open = [host, ...names].find((name) => !isLoopback(name));
  if (token !== undefined || open === undefined) return;
  throw new UserError(`The console would be open to everybody who reaches ${open}: it has no token.`, {
    next: 'Set CONSOLE_TOKEN (for example to the output of `openssl rand -hex 24`), or bind to 127.0.0.1.',
  });
}

/** Is this an address or name of the machine itself, reachable by nobody else? */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}
