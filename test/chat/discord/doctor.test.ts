import { describe, expect, it } from 'vitest';
import { type DiscordCheck, examineDiscord } from '../../../src/chat/discord/doctor.ts';
import type { Finding } from '../../../src/core/finding.ts';
import { aDiscord } from '../../cli/support/services.ts';
import { ids, token } from '../../support/discord/ids.ts';

async function aCheck() {
  const { front, api } = await aDiscord();
  const check: DiscordCheck = {
    token,
    guildId: ids.guild,
    channelIds: [ids.channel],
    approvers: [`discord:user:${ids.rowan}`, `discord:role:${ids.deployers}`],
    api,
    timeoutMs: 5000,
    version: '0.0.0-test',
    now: Date.now,
  };
  return { front, examine: (more: Partial<DiscordCheck> = {}) => examineDiscord({ ...check, ...more }) };
}

const bad = (findings: readonly Finding[]) => findings.filter(({ status }) => status !== 'ok');

describe('Discord as it should be', () => {
  it('has nothing to complain about and says the time', async () => {
    const { examine } = await aCheck();
    const { findings, clock } = await examine();
    expect(findings.map(({ status, text }) => `${status} ${text}`)).toEqual([
      'ok the bot token is accepted (proxnix)',
      `ok the bot is in the guild ${ids.guild}`,
      `ok channel ${ids.channel} is visible, with every permission needed`,
      `ok discord:user:${ids.rowan} is a member of the guild`,
      `ok discord:role:${ids.deployers} is a role of the guild`,
      'ok the bot may make commands; /proxnix comes with the first start',
    ]);
    expect(clock).toMatchObject([{ from: 'Discord' }]);
  });
});

describe('Discord with something missing', () => {
  it('refuses the token, and is asked nothing more with it', async () => {
    const { front, examine } = await aCheck();
    front.answers.set('GET /api/v10/users/@me', { status: 401, body: { code: 0, message: '401: Unauthorized' } });
    expect((await examine()).findings).toMatchObject([
      { status: 'fail', text: 'the bot token is refused', fix: expect.stringContaining('DISCORD_TOKEN=') },
    ]);
    expect(front.requests).toEqual(['GET /api/v10/users/@me']);
  });

  it('hides a guild that the bot was not invited to, and prints the link', async () => {
    const { front, examine } = await aCheck();
    front.answers.set(`GET /api/v10/guilds/${ids.guild}`, {
      status: 404,
      body: { code: 10004, message: 'Unknown Guild' },
    });
    expect(bad((await examine()).findings)).toMatchObject([
      {
        status: 'fail',
        fix: expect.stringContaining(
          `client_id=${ids.application}&scope=bot+applications.commands&permissions=309237763072`,
        ),
      },
    ]);
  });

  it('hides a channel, has it in another guild, or it is no text channel', async () => {
    const { front, examine } = await aCheck();
    expect(bad((await examine({ channelIds: ['800000000000000099'] })).findings)).toMatchObject([
      { status: 'fail', text: expect.stringContaining('the bot may not view it') },
    ]);
    expect(bad((await examine({ channelIds: [ids.foreignChannel] })).findings)).toMatchObject([
      { status: 'fail', text: `channel ${ids.foreignChannel} is in another guild` },
    ]);
    const voice = { id: ids.channel, type: 2, guild_id: ids.guild };
    front.answers.set(`GET /api/v10/channels/${ids.channel}`, { status: 200, body: voice });
    expect(bad((await examine()).findings)).toMatchObject([
      { status: 'fail', text: `channel ${ids.channel} is no text channel` },
    ]);
  });

  it('names each permission that the channel takes away', async () => {
    const { front, examine } = await aCheck();
    const deny = String((1n << 15n) | (1n << 35n));
    const permission_overwrites = [{ id: ids.guild, type: 0, allow: '0', deny }];
    const body = { id: ids.channel, type: 0, guild_id: ids.guild, permission_overwrites };
    front.answers.set(`GET /api/v10/channels/${ids.channel}`, { status: 200, body });
    expect(bad((await examine()).findings).map(({ status, text }) => `${status} ${text}`)).toEqual([
      `fail the permission "Attach Files" is missing in channel ${ids.channel}`,
      `fail the permission "Create Public Threads" is missing in channel ${ids.channel}`,
    ]);
  });

  it('does not know an approver, or knows them as a bot', async () => {
    const { examine } = await aCheck();
    const approvers = ['discord:user:500000000000000099', `discord:user:${ids.bot}`, 'discord:role:600000000000000099'];
    expect(bad((await examine({ approvers })).findings)).toMatchObject([
      { status: 'fail', text: 'discord:user:500000000000000099 is no member of the guild' },
      { status: 'fail', text: `discord:user:${ids.bot} is a bot, and bots may neither ask nor approve` },
      { status: 'fail', text: 'discord:role:600000000000000099 is no role of the guild' },
    ]);
  });

  it('gives no scope for commands', async () => {
    const { front, examine } = await aCheck();
    const path = `GET /api/v10/applications/${ids.application}/guilds/${ids.guild}/commands`;
    front.answers.set(path, { status: 403, body: { code: 50001, message: 'Missing Access' } });
    expect(bad((await examine()).findings)).toMatchObject([
      { status: 'fail', fix: expect.stringContaining('applications.commands') },
    ]);
  });

  it('is ill: one finding, and no crash', async () => {
    const { front, examine } = await aCheck();
    front.answers.set('GET /api/v10/users/@me', { status: 500 });
    expect((await examine()).findings).toMatchObject([{ status: 'fail', text: 'Discord answered with status 500' }]);
    expect((await examine({ api: 'http://127.0.0.1:1/api' })).findings).toMatchObject([
      { status: 'fail', text: expect.stringContaining('(ECONNREFUSED)') },
    ]);
  });
});
