import { pino } from 'pino';
import type { Answer, ChatHandlers, CommandRequest, Completion, Press, Submission } from '../../../src/chat/chat.ts';
import type { ConsoleOptions } from '../../../src/chat/console/console.ts';
import { ConsoleChat } from '../../../src/chat/console/console.ts';
import type { ConsoleMessage, MessageStore } from '../../../src/chat/console/message-store.ts';
import { messageMemory } from '../../../src/chat/console/message-store.ts';
import { type HttpServer, startHttp } from '../../../src/http/server.ts';
import { Secret } from '../../../src/secret.ts';
import type { Card } from '../../../src/views/card.ts';
import { noPages } from '../../support/no-pages.ts';

export const silent = pino({ level: 'silent' });

/** The token of every console here that is given no other. */
export const token = 'ca11ab1e0000111122223333444455556666777788889999';

/** Who a script is. */
export const bearer = { authorization: `Bearer ${token}` };

/** What a script sends with a POST. */
export const scriptHeaders = { ...bearer, 'content-type': 'application/json', 'x-proxnix': '1' };

export function aCard(card: Partial<Card> = {}): Card {
  return { tone: 'quiet', title: 'In sync: nothing to do', blocks: [], buttons: [], files: [], ...card };
}

/** A store in memory that can refuse, as a full disk does. */
export interface TestStore extends MessageStore {
  readonly messages: Map<string, ConsoleMessage>;
  full: boolean;
}

export function testStore(messages = new Map<string, ConsoleMessage>()): TestStore {
  const memory = messageMemory(messages);
  const store: TestStore = {
    ...memory,
    messages,
    full: false,
    save: (message) => (store.full ? Promise.reject(new Error('ENOSPC: no space left')) : memory.save(message)),
  };
  return store;
}

/** Handlers that write down what they are asked; `answer` may look at it. */
export interface TestHandlers extends ChatHandlers {
  readonly requests: CommandRequest[];
  readonly presses: Press[];
  readonly submissions: Submission[];
  readonly completions: Completion[];
  answer: (asked: CommandRequest | Press | Submission) => Answer | Promise<Answer>;
}

export function testHandlers(): TestHandlers {
  const run = { name: 'run', description: 'a run', required: true, complete: 'open-run' } as const;
  const reason = { name: 'reason', description: 'why', required: false, rest: true } as const;
  const plan = { name: 'plan', description: 'a plan', required: false, complete: 'plan' } as const;
  const ref = { name: 'ref', description: 'a branch or commit', required: false, complete: 'ref' } as const;
  const handlers: TestHandlers = {
    requests: [],
    presses: [],
    submissions: [],
    completions: [],
    answer: () => ({ kind: 'none' }),
    commands: [
      { name: 'plan', description: 'plans a commit', options: [ref] },
      { name: 'reject', description: 'rejects a plan', options: [run, reason] },
      { name: 'approve', description: 'approves a plan', options: [run, plan] },
      { name: 'status', description: 'what runs', options: [] },
    ],
    command: async (request) => {
      handlers.requests.push(request);
      return handlers.answer(request);
    },
    press: async (press) => {
      handlers.presses.push(press);
      return handlers.answer(press);
    },
    submit: async (submission) => {
      handlers.submissions.push(submission);
      return handlers.answer(submission);
    },
    complete: async (completion) => {
      handlers.completions.push(completion);
      const { option, typed } = completion;
      return [`${option.name}-${typed}1`, `${option.name}-${typed}2`];
    },
    ...noPages,
  };
  return handlers;
}

/** A console on this machine with a token that the bot made, or with the one that is configured. */
export function aConsole(options: Partial<ConsoleOptions> = {}): ConsoleChat {
  const own = { token: new Secret(token), tokenFile: 'state/console-token' };
  const access = options.token === undefined ? own : { token: options.token };
  return new ConsoleChat({ host: '127.0.0.1', messages: messageMemory(), log: silent, ...options, ...access });
}

export function serve(chat: ConsoleChat, port = 0): Promise<HttpServer> {
  return startHttp({ host: '127.0.0.1', port, version: '0.0.0', routes: [chat.routes()], log: silent });
}
