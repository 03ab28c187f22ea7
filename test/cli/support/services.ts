import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Seed, type Simulator, startSimulator } from '../../../src/simulator/simulator.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { ids } from '../../support/discord/ids.ts';
import { guildPayload } from '../../support/discord/payloads.ts';
import { type SlackServer, startSlack } from '../../support/slack/slack-server.ts';
import { type Front, startFront } from './front.ts';

/** A folder that goes with the test. */
export function aFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'proxnix-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function aSimulator(seed: Seed): Promise<Simulator> {
  const simulator = await startSimulator({ seed, statisticsSeconds: 0, timeScale: 0.01 });
  onTestFinished(() => simulator.close());
  return simulator;
}

/** 309237763072: what the invite link asks for. */
export const invited = '309237763072';

/** The local Discord, with a guild in which the bot has one role of its own. */
export async function aDiscord(): Promise<{
  readonly discord: FakeDiscord;
  readonly front: Front;
  readonly api: string;
}> {
  const discord = await FakeDiscord.start();
  onTestFinished(() => discord.stop());
  const front = await startFront(discord.api);
  const botRole = '600000000000000009';
  const guild = guildPayload(ids.guild, [ids.channel]);
  const role = { ...guild.roles[1], id: botRole, name: 'proxnix', permissions: invited };
  const say = (path: string, body: unknown, status = 200) => front.answers.set(`GET /api/v10${path}`, { status, body });
  const member = (id: string, bot: boolean, roles: readonly string[]) => ({ user: { id, username: id, bot }, roles });
  say('/users/@me', { id: ids.bot, username: 'proxnix', bot: true });
  say('/applications/@me', { id: ids.application, name: 'proxnix' });
  say(`/guilds/${ids.guild}`, { ...guild, roles: [...guild.roles, role] });
  say(`/guilds/${ids.guild}/members/${ids.bot}`, member(ids.bot, true, [botRole]));
  say(`/guilds/${ids.guild}/members/${ids.rowan}`, member(ids.rowan, false, [ids.deployers]));
  say(`/applications/${ids.application}/guilds/${ids.guild}/commands`, []);
  return { discord, front, api: `${front.origin}/api` };
}

/** The local Slack, which also tells the scopes of the bot token. */
export async function aSlack(): Promise<{ readonly slack: SlackServer; readonly front: Front; readonly api: string }> {
  const slack = await startSlack();
  onTestFinished(() => slack.stop());
  const front = await startFront(slack.origin);
  front.headers.set('x-oauth-scopes', 'commands,chat:write,files:write,usergroups:read,users:read');
  return { slack, front, api: `${front.origin}/api/` };
}

/** Writes an env file for its owner alone. */
export function envFile(dir: string, variables: Readonly<Record<string, string>>): string {
  const file = join(dir, '.env');
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}
