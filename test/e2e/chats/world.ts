import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';
import { type App, type AppParts, startApp } from '../../../src/app.ts';
import { webConsole } from '../../../src/chat/console/kind.ts';
import { discord as aDiscordKind } from '../../../src/chat/discord/kind.ts';
import { slack as aSlackKind } from '../../../src/chat/slack/kind.ts';
import { type Config, loadConfig } from '../../../src/config/config.ts';
import { RecordedBuilder } from '../../../src/demo/recorded-builder.ts';
import { createSampleRepository, type SampleRepository } from '../../../src/demo/repository.ts';
import { reportHead, writeSession } from '../../../src/demo/session.ts';
import { createLog } from '../../../src/log.ts';
import { createGate } from '../../../src/secret.ts';
import { demoSeed, type Seed, type Simulator, startSimulator } from '../../../src/simulator/simulator.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { ids, token } from '../../support/discord/ids.ts';
import { appToken, botToken, type SlackServer, startSlack } from '../../support/slack/slack-server.ts';
import { removeTree } from '../demo-world.ts';
import { discordSeat } from './discord-seat.ts';
import type { Seat } from './seat.ts';
import { slackChannel, slackSeat } from './slack-seat.ts';
import { patience } from './waits.ts';
import { aWire, type Wire } from './wire.ts';

type Env = Readonly<Record<string, string>>;

export interface ChatWorldOptions {
  readonly chats: readonly Seat['chat'][];
  /** Beside what every world is configured with; a function is told where everything is kept. */
  readonly env?: Env | ((dir: string) => Promise<Env>);
  /** In place of evaluations that were recorded. */
  readonly builder?: { readonly parts: AppParts; readonly system: string };
  /** Default: the pace people see, one edit in 3 s. */
  readonly editEveryMs?: number;
  readonly seed?: Seed;
  /** Signs the webhook. */
  readonly secret?: string;
  readonly importBytesPerSecond?: number;
}

/** A bot with its chats, its cluster and its repository: all real but for what stands at the other end of the sockets. */
export interface ChatWorld {
  readonly dir: string;
  readonly app: App;
  readonly simulator: Simulator;
  readonly repository: SampleRepository;
  readonly discord: FakeDiscord;
  readonly slack: SlackServer;
  readonly wires: { readonly discord: Wire; readonly slack: Wire };
  readonly seats: Readonly<Record<Seat['chat'], Seat>>;
  readonly secret: string;
  /** What the bot logged, through the gate. */
  readonly logged: readonly string[];
  /** Every call that reached the simulator, as `GET /path`. */
  readonly requests: string[];
  /** Reports the head of the branch, as the first push does. */
  begin(): Promise<void>;
  /** Stops the bot alone; `start` brings it back at the same port with the same state. */
  halt(): Promise<void>;
  /** `alone`: nobody answers at the other end, so it is not waited for. */
  start(env?: Env, options?: { readonly alone?: boolean }): Promise<void>;
  /** The actions of the audit so far. */
  audit(): Promise<readonly { readonly action: string; readonly run?: string; readonly detail?: string }[]>;
  /** A call to the cluster as its administrator: somebody at the Proxmox page. */
  outside(method: string, path: string, params: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** Simulated waits take this part of real ones, and the bot looks as much oftener. */
const timeScale = 0.05;
const timeouts = { pollMs: [100, 200], logMs: 200, pauseMs: 300, startMs: 300, busyMs: 3000 };

export async function aChatWorld(options: ChatWorldOptions): Promise<ChatWorld> {
  const { chats, seed = demoSeed(), importBytesPerSecond = 1e9, builder } = options;
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-chats-'));
  const requests: string[] = [];
  const simulator = await startSimulator({
    ...{ seed, timeScale, importBytesPerSecond },
    requests: ({ method, path: called }) => requests.push(`${method} ${called}`),
  });
  const repository = await createSampleRepository(dir, { system: builder?.system ?? 'x86_64-linux' });
  const [discord, slack] = [await FakeDiscord.start(), await startSlack()];
  const wires = { discord: await aWire(() => discord.api), slack: await aWire(() => slack.origin) };
  const { secret = 'a-webhook-secret-of-this-test-0123456789' } = options;
  const kinds = [
    webConsole,
    aDiscordKind({ api: `${wires.discord.url}/api` }),
    aSlackKind({ apiUrl: `${wires.slack.url}/api/`, stagger: 0 }),
  ];
  const logged: string[] = [];
  let app: App | undefined;
  const env = {
    PROXMOX_URL: simulator.url,
    PROXMOX_TOKEN_ID: seed.tokens[0]?.tokenid ?? '',
    PROXMOX_TOKEN_SECRET: seed.tokens[0]?.secret ?? '',
    GIT_URL: repository.origin,
    FLEET: 'demo',
    WEBHOOK_SECRET: secret,
    WEBHOOK_REPOSITORY: 'demo/fleet',
    POLL_INTERVAL: 'off',
    HTTP_PORT: '0',
    CONSOLE: 'on',
    APPROVERS: ['console:owner', ...chats.map((chat) => deployers[chat])].join(', '),
    STATE_DIR: path.join(dir, 'state'),
    ...(chats.includes('discord') ? discordEnv : {}),
    ...(chats.includes('slack') ? { ...slackEnv, SLACK_WORKSPACE: slack.state.team } : {}),
    ...(typeof options.env === 'function' ? await options.env(dir) : options.env),
  };
  const parts = (config: Config): AppParts => ({
    ...(builder?.parts ?? { builder: new RecordedBuilder({ dir: path.join(dir, 'recorded') }) }),
    proxmox: { sleep: (ms) => setTimeout(ms * timeScale, undefined), timeouts },
    health: { now: () => Date.now() / timeScale, sleep: (ms) => setTimeout(ms * timeScale, undefined) },
    pushQuietMs: 50,
    ...(options.editEveryMs === undefined ? {} : { editEveryMs: options.editEveryMs }),
    log: createLog({
      ...{ level: 'debug', pretty: false, gate: createGate(config.secrets, config.tokenShapes) },
      destination: { write: (line) => logged.push(line) },
    }),
  });
  const start = async (more: Env = {}, { alone = false } = {}) => {
    const port = app === undefined ? '0' : new URL(app.url).port;
    const config = loadConfig({ ...env, HTTP_PORT: port, ...more }, () => '', { chats: kinds });
    app = await startApp(config, parts(config));
    if (chats.includes('slack') && !alone) {
      await vi.waitFor(() => mustBe(slack.sockets.count >= 1, 'no socket yet'), patience);
    }
  };
  await start();
  const theApp = (): App => app ?? fail('the bot was not started');
  await writeSession(dir, repository.origin, { url: theApp().url, secret, simulatorUrl: simulator.url });
  return {
    ...{ dir, simulator, repository, discord, slack, wires, secret, logged, requests, start },
    get app() {
      return theApp();
    },
    seats: { discord: discordSeat(discord, wires.discord), slack: slackSeat(slack, wires.slack) },
    begin: () => reportHead(dir, repository),
    halt: () => theApp().stop(),
    audit: async () => {
      const text = await readFile(path.join(dir, 'state', 'audit.jsonl'), 'utf8');
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    },
    async outside(method, called, params) {
      const admin = seed.tokens.find(({ tokenid }) => tokenid.startsWith('admin'));
      const response = await fetch(`${simulator.url}/api2/json${called}`, {
        method,
        headers: { authorization: `PVEAPIToken=${admin?.tokenid}=${admin?.secret}` },
        body: new URLSearchParams(params),
      });
      mustBe(response.ok, `the cluster answered ${response.status} ${response.statusText}`);
    },
    async stop() {
      await theApp().stop();
      for (const wire of Object.values(wires)) await wire.close();
      await discord.stop();
      await slack.stop();
      await simulator.close();
      await removeTree(dir);
    },
  };
}

const deployers = { discord: `discord:role:${ids.deployers}`, slack: 'slack:group:S0DEPLOY01' };
const discordEnv = { DISCORD_TOKEN: token, DISCORD_GUILD: ids.guild, DISCORD_CHANNEL: ids.channel };
const slackEnv = {
  SLACK_BOT_TOKEN: botToken,
  SLACK_APP_TOKEN: appToken,
  SLACK_CHANNEL: slackChannel,
};

function mustBe(fact: boolean, otherwise: string): void {
  if (!fact) fail(otherwise);
}

function fail(why: string): never {
  throw new Error(why);
}
