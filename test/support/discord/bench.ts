import type { Answer, ChatHandlers, CommandRequest, Press, Submission } from '../../../src/chat/chat.ts';
import { DiscordChat } from '../../../src/chat/discord/discord.ts';
import type { DiscordLog, DiscordOptions } from '../../../src/chat/discord/settings.ts';
import type { AdapterState } from '../../../src/chat/kind.ts';
import type { Card } from '../../../src/views/card.ts';
import { noPages } from '../no-pages.ts';
import type { FakeDiscord } from './fake-discord.ts';
import { ids, token } from './ids.ts';

/** A small state in memory; hand it to a second chat to play a restart. */
export class MemoryState implements AdapterState {
  readonly values = new Map<string, string>();

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.values.get(key));
  }

  set(key: string, value: string): Promise<void> {
    this.values.set(key, value);
    return Promise.resolve();
  }
}

const someCommands: ChatHandlers['commands'] = [
  {
    name: 'plan',
    description: 'Plan a fleet now',
    options: [{ name: 'fleet', description: 'Which fleet', required: false, complete: 'fleet' }],
  },
  {
    name: 'lock',
    description: 'Stop applies',
    options: [{ name: 'reason', description: 'Why', required: true, rest: true }],
  },
];

/** Handlers that remember what they were handed and answer what the test says. */
export class ScriptedHandlers implements ChatHandlers {
  readonly commands: ChatHandlers['commands'];
  readonly commanded: CommandRequest[] = [];
  readonly pressed: Press[] = [];
  readonly submitted: Submission[] = [];
  answer: Answer | (() => Promise<Answer>) = { kind: 'none' };
  suggestions: readonly string[] = [];

  constructor(commands: ChatHandlers['commands'] = someCommands) {
    this.commands = commands;
  }

  command(request: CommandRequest): Promise<Answer> {
    this.commanded.push(request);
    return this.#answer();
  }

  press(press: Press): Promise<Answer> {
    this.pressed.push(press);
    return this.#answer();
  }

  submit(submission: Submission): Promise<Answer> {
    this.submitted.push(submission);
    return this.#answer();
  }

  readonly overview = noPages.overview;
  readonly runPage = noPages.runPage;

  complete(): Promise<readonly string[]> {
    return Promise.resolve(this.suggestions);
  }

  #answer(): Promise<Answer> {
    return typeof this.answer === 'function' ? this.answer() : Promise.resolve(this.answer);
  }
}

/** A log that keeps its sentences. */
export function keptLog(): DiscordLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (facts: object, message?: string) => {
    lines.push(`${message} ${JSON.stringify(facts)}`);
  };
  return { lines, debug: write, info: write, warn: write, error: write } as DiscordLog & { lines: string[] };
}

export function aDiscordChat(discord: FakeDiscord, options: Partial<DiscordOptions> = {}): DiscordChat {
  let made = 0;
  return new DiscordChat({
    token,
    guildId: ids.guild,
    channelIds: { home: ids.channel, lab: ids.secondChannel },
    api: discord.api,
    state: new MemoryState(),
    log: keptLog(),
    newId: () => `form-${++made}`,
    ...options,
  });
}

export function aCard(changes: Partial<Card> = {}): Card {
  return {
    tone: 'waiting',
    title: 'Plan: update 1',
    blocks: [{ kind: 'text', rich: ['test-worker (822)'] }],
    buttons: [{ action: 'approve', label: 'Approve', style: 'primary', runId: 'r-41', planId: 'p-7f3c2a' }],
    files: [],
    ...changes,
  };
}
