import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { Answer, ChatHandlers, CommandRequest, Press, Submission } from '../../../src/chat/chat.ts';
import { SlackChat, type SlackOptions } from '../../../src/chat/slack/slack.ts';
import { noPages } from '../no-pages.ts';
import { Member, type MemberOptions } from './member.ts';
import { appToken, botToken, eventually, type SlackServer, startSlack } from './slack-server.ts';
import type { Posted } from './state.ts';

/** Handlers that write down what they are given and answer with what a test set. */
export class Heard implements ChatHandlers {
  readonly commands = [
    { name: 'status', description: 'What runs', options: [{ name: 'what', description: '', required: false }] },
    {
      name: 'reject',
      description: 'Reject a plan',
      options: [
        { name: 'run', description: '', required: true },
        { name: 'reason', description: '', required: false, rest: true },
      ],
    },
  ];
  readonly typed: CommandRequest[] = [];
  readonly presses: Press[] = [];
  readonly submissions: Submission[] = [];
  answer: Answer | Promise<Answer> = { kind: 'none' };

  async command(request: CommandRequest): Promise<Answer> {
    this.typed.push(request);
    return await this.answer;
  }

  async press(press: Press): Promise<Answer> {
    this.presses.push(press);
    return await this.answer;
  }

  async submit(submission: Submission): Promise<Answer> {
    this.submissions.push(submission);
    return await this.answer;
  }

  readonly overview = noPages.overview;
  readonly runPage = noPages.runPage;

  async complete(): Promise<readonly string[]> {
    return [];
  }
}

export interface World {
  readonly slack: SlackServer;
  readonly chat: SlackChat;
  readonly heard: Heard;
  readonly logged: string[];
  readonly member: (id?: string, options?: MemberOptions) => Member;
  /** The newest message in a channel, outside of threads. */
  readonly card: () => Posted;
}

export type WorldOptions = Partial<SlackOptions> & { readonly start?: boolean; readonly slack?: SlackServer };

/** The real libraries against a local Slack, both ended with the test. */
export async function aWorld(options: WorldOptions = {}): Promise<World> {
  const { start = true, slack = await startSlack(), ...more } = options;
  const logged: string[] = [];
  const chat = new SlackChat({
    botToken,
    appToken,
    mode: 'socket',
    channelIds: { homelab: 'C0DEPLOY01' },
    workspace: slack.state.team,
    groups: ['S0DEPLOY01'],
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    apiUrl: slack.apiUrl,
    stagger: 0,
    ...more,
  });
  const heard = new Heard();
  onTestFinished(async () => {
    await chat.stop();
    await slack.stop();
  });
  if (start) await chat.start(heard);
  if (start && more.mode !== 'http') await eventually(() => slack.sockets.count === 2);
  return {
    slack,
    chat,
    heard,
    logged,
    member: (id = 'U0ALICE001', member = {}) => new Member(slack, id, member),
    card: () => {
      const card = slack.state.messages.findLast(
        ({ channel, thread_ts }) => channel.startsWith('C') && thread_ts === undefined,
      );
      if (card === undefined) throw new Error('nothing was posted');
      return card;
    },
  };
}

/** A promise that a test resolves when it is time. */
export function later(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
