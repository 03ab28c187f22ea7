import path from 'node:path';
import { z } from 'zod';
import * as is from '../../config/setting.ts';
import { hostName, setting } from '../../config/setting.ts';
import { type Examined, examined, type Finding, findingsOf } from '../../core/finding.ts';
import { isLoopback } from '../../lib/addresses.ts';
import type { Secret } from '../../secret.ts';
import {
  type ChatKind,
  type ChatSetup,
  type ChatSource,
  drawing,
  type ExamineContext,
  type MadeChat,
  type MakeContext,
} from '../kind.ts';

/** One channel in a web page, the same for every fleet. */
const place = { workspace: 'console', channel: 'proxnix' } as const;

const settings = z.object({
  CONSOLE: setting(is.choice('auto', 'on', 'off').prefault('auto'), {
    about: 'Whether the web console is on: auto (when no other chat is configured), on or off.',
    example: 'on',
  }),
  CONSOLE_TOKEN: setting(is.madeUpSecret.optional(), {
    about:
      'Token to log in to the console, also as CONSOLE_TOKEN_FILE; on a loopback address the bot makes one when it is empty.',
    example: '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
    isSecret: true,
  }),
  CONSOLE_HOSTS: setting(is.list(hostName).prefault(''), {
    about: 'Further host names under which a browser may open the console.',
    example: 'proxnix.example.org',
  }),
});

/** The web console. It is on when no other chat is configured. When other machines reach it, CONSOLE_TOKEN is required. */
export const webConsole: ChatKind = {
  name: 'console',
  title: 'console',
  ids: { person: { prefix: 'console:', id: '[a-z0-9][a-z0-9-]{0,31}', sample: 'owner' } },
  tokens: [],
  section: 'The web console',
  settings,
  read,
  init: {
    questions: [],
    env({ hasOthers, listen }, newSecret) {
      // Written beside other chats, so that a chat without its token is reported instead of the console starting.
      const on = hasOthers ? ['CONSOLE=on'] : [];
      const token = ['# To log in to the console, and the name it is opened under.', `CONSOLE_TOKEN=${newSecret()}`];
      return [...on, ...(isLoopback(listen) ? [] : [...token, 'CONSOLE_HOSTS='])];
    },
    offEnv: ['CONSOLE=off'],
    owner: 'console:owner',
    openNeeds: 'CONSOLE_TOKEN',
    steps({ listen, envFile }) {
      if (isLoopback(listen)) return [];
      return [
        {
          text: `The console asks for CONSOLE_TOKEN of ${envFile}. Write the name or address that you open it under into CONSOLE_HOSTS. It speaks plain HTTP: let a reverse proxy with TLS stand before it, and HTTP_HOST be 127.0.0.1.`,
        },
      ];
    },
    where: ({ listen }) => (isLoopback(listen) ? 'the console, at the address that it prints' : 'the console'),
  },
  async draw({ cards }) {
    const { renderCardPage } = await import('./card.ts');
    return Object.entries(cards).flatMap(([name, card]) => [
      drawing(name, 'card', card),
      { name: `${name}.html`, text: renderCardPage(card) },
    ]);
  },
};

function read({ values, need, mistake, isAlone, httpHost }: ChatSource): ChatSetup | undefined {
  const { CONSOLE: wanted, CONSOLE_TOKEN: token, CONSOLE_HOSTS: hosts } = values(settings);
  if (wanted === 'off' && isAlone) {
    mistake('CONSOLE', 'expected auto or on: without another chat it is the only way to see a plan');
  }
  if (wanted === 'off' || (wanted === 'auto' && !isAlone)) return undefined;
  if (![httpHost, ...hosts].every(isLoopback)) {
    need('CONSOLE_TOKEN', token, 'when HTTP_HOST or CONSOLE_HOSTS let others than this machine reach the console');
  }
  return {
    name: webConsole.name,
    place: () => place,
    risks: isLoopback(httpHost) ? [] : [plainHttp],
    hasDoor: true,
    make: (context) => make(context, hosts, token),
    examine: (context) => examine(context, token),
  };
}

const plainHttp =
  'HTTP_HOST: other machines reach the console over plain HTTP, so an eavesdropper gets its token and may approve. ' +
  'Put a reverse proxy with TLS in front of it: HTTP_HOST=127.0.0.1, and CONSOLE_HOSTS with the name people open.';

/** The file of the generated token. */
export function consoleTokenFile(stateDir: string): string {
  return path.join(stateDir, 'console-token');
}

async function make(context: MakeContext, names: readonly string[], configured: Secret | undefined): Promise<MadeChat> {
  const [{ ConsoleChat }, { messageFolder }] = await Promise.all([
    import('./console.ts'),
    import('./message-store.ts'),
  ]);
  const { stateDir, http, log } = context;
  const { token, tokenFile } = configured === undefined ? await ownToken(context) : { token: configured };
  const chat = new ConsoleChat({
    host: http.host,
    names,
    ...place,
    messages: messageFolder(path.resolve(stateDir, 'console'), log),
    log,
    token,
    ...(tokenFile === undefined ? {} : { tokenFile }),
  });
  const address = (url: string) => (tokenFile === undefined ? url : `${url}/?token=${token.reveal()}`);
  return { chat, editEveryMs: 250, routes: chat.routes(), door: { token, address } };
}

/** The token from the bot's own file, generated at the first start. */
async function ownToken({ stateDir, keepSecret, log }: MakeContext): Promise<{ token: Secret; tokenFile?: string }> {
  const tokenFile = consoleTokenFile(stateDir);
  const { secret: token, replaced } = await keepSecret(path.resolve(tokenFile));
  if (replaced !== undefined) {
    const why = { damaged: 'it was damaged', exposed: 'others on this machine could read it' }[replaced];
    log.warn({ file: tokenFile, why }, 'a new console token was generated: log in again');
  }
  return { token, tokenFile };
}

const area = 'console';

async function examine(context: ExamineContext, token: Secret | undefined): Promise<Examined> {
  return { findings: await examined(area, async () => [await finding(context, token)]), clock: [] };
}

/** 16 characters cannot be guessed; a longer token is safer when others have seen a part of it. */
const longEnough = 24;

async function finding({ http, stateDir, readSecret }: ExamineContext, token: Secret | undefined): Promise<Finding> {
  const { ok, warn } = findingsOf(area);
  const where = `is on at ${http.host}:${http.port}`;
  if (token?.isHardToGuess(longEnough) === true) return ok(`${where} and asks for its token`);
  if (token !== undefined) {
    return warn(
      `${where}; its token is short or repeats itself (${longEnough} characters or more are better)`,
      'CONSOLE_TOKEN=$(openssl rand -hex 24)',
    );
  }
  const file = consoleTokenFile(stateDir);
  const anew = `rm ${file}, and start the bot again: it makes a new one`;
  switch ((await readSecret(file)).kind) {
    case 'missing':
      return ok(`${where}; its token is made at the first start, in ${file}`);
    case 'kept':
      return ok(`${where} and asks for the token in ${file}`);
    case 'exposed':
      return warn(`${where}; others on this machine may read its token in ${file}`, anew);
    case 'damaged':
      return warn(`${where}; the token in ${file} is damaged`, anew);
  }
}
