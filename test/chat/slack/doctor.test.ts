import { describe, expect, it } from 'vitest';
import { examineSlack, type SlackCheck } from '../../../src/chat/slack/doctor.ts';
import type { Finding } from '../../../src/core/finding.ts';
import { aSlack } from '../../cli/support/services.ts';
import { appToken, botToken } from '../../support/slack/slack-server.ts';

const workspace = 'T0HOMELAB1';
const channel = 'C0DEPLOY01';

async function aCheck(change: Partial<SlackCheck> = {}) {
  const { slack, front, api } = await aSlack();
  const check: SlackCheck = {
    botToken,
    workspace,
    connection: { mode: 'socket', appToken },
    channelIds: [channel],
    approvers: ['slack:user:U0ALICE001', 'slack:group:S0DEPLOY01'],
    api,
    timeoutMs: 5000,
    version: '0.0.0-test',
    now: Date.now,
    ...change,
  };
  return { slack, front, examine: (more: Partial<SlackCheck> = {}) => examineSlack({ ...check, ...more }) };
}

const bad = (findings: readonly Finding[]) => findings.filter(({ status }) => status !== 'ok');

describe('Slack as it should be', () => {
  it('has nothing to complain about, is asked once for each thing, and nobody sees anything', async () => {
    const { slack, examine } = await aCheck();
    const { findings, clock } = await examine();
    expect(findings.map(({ status, text }) => `${status} ${text}`)).toEqual([
      'ok the bot token is accepted and belongs to T0HOMELAB1',
      'ok the app token opens sockets',
      'ok the bot token has its scopes',
      'ok the bot is in channel C0DEPLOY01 and may write there',
      'ok slack:user:U0ALICE001 is a member of the workspace',
      'ok slack:group:S0DEPLOY01 is a user group with 1 member',
    ]);
    expect(clock).toMatchObject([{ from: 'Slack' }]);
    expect(slack.state.calls).toHaveLength(5);
    expect(slack.state.messages).toEqual([]);
    expect(slack.state.whispers.map(({ user }) => user)).toEqual(['U0PROXNIX1']);
  });

  it('needs no user group scope when no approver is a group', async () => {
    const { front, examine } = await aCheck({ approvers: ['slack:user:U0ALICE001'] });
    front.headers.set('x-oauth-scopes', 'commands, chat:write, files:write, users:read');
    expect(bad((await examine()).findings)).toEqual([]);
  });
});

describe('the tokens of Slack', () => {
  it('are refused: the bot token stops the rest, the app token does not', async () => {
    const { slack, examine } = await aCheck();
    const { findings } = await examine({ botToken: 'xoxb-wrong-canary' });
    expect(findings).toMatchObject([
      {
        status: 'fail',
        text: 'the bot token is refused (invalid_auth)',
        fix: expect.stringContaining('SLACK_BOT_TOKEN='),
      },
      { status: 'ok', text: 'the app token opens sockets' },
    ]);
    expect(slack.calls('users.info')).toEqual([]);
    expect(
      bad((await examine({ connection: { mode: 'socket', appToken: 'xapp-wrong-canary' } })).findings),
    ).toMatchObject([
      {
        status: 'fail',
        text: 'the app token opens no socket (invalid_auth)',
        fix: expect.stringContaining('connections:write'),
      },
    ]);
  });

  it('belong to a workspace, and the line that mends the setting names it', async () => {
    const { examine } = await aCheck();
    expect(bad((await examine({ workspace: 'T0OTHER001' })).findings)).toMatchObject([
      { status: 'fail', fix: expect.stringMatching(/^SLACK_WORKSPACE=T0HOMELAB1 /) },
    ]);
  });

  it('are a signing secret in HTTP mode, of which only the form can be seen from here', async () => {
    const { slack, examine } = await aCheck();
    const http = (signingSecret: string) => examine({ connection: { mode: 'http', signingSecret } });
    expect(bad((await http('8f742231b10e88880123456789abcdef')).findings)).toEqual([]);
    expect(bad((await http('xoxb-in-the-wrong-place')).findings)).toMatchObject([{ status: 'warn' }]);
    expect(slack.calls('apps.connections.open')).toEqual([]);
  });
});

describe('the scopes of Slack', () => {
  it.each(['commands', 'chat:write', 'files:write', 'users:read', 'usergroups:read'])('miss %s', async (scope) => {
    const { front, examine } = await aCheck();
    const all = ['commands', 'chat:write', 'files:write', 'users:read', 'usergroups:read'];
    front.headers.set('x-oauth-scopes', all.filter((one) => one !== scope).join(','));
    expect(bad((await examine()).findings)).toMatchObject([
      {
        status: 'fail',
        text: expect.stringContaining(`the scope ${scope} is missing`),
        fix: expect.stringContaining(`add ${scope}, then Reinstall`),
      },
    ]);
  });

  it('are not told by every proxy', async () => {
    const { slack, examine } = await aCheck();
    expect(bad((await examine({ api: slack.apiUrl })).findings)).toMatchObject([{ status: 'warn' }]);
  });
});

describe('the channel in Slack', () => {
  it.each([
    ['the bot is not in', false, 'the bot is not in channel C0DEPLOY01', '/invite @proxnix'],
    ['nobody knows', undefined, 'channel C0DEPLOY01 is not there, or is private', 'SLACK_CHANNEL=C0DEPLOY01'],
  ])('that %s is a failure', async (_, isIn, text, fix) => {
    const { slack, examine } = await aCheck();
    if (isIn === undefined) slack.state.channels.delete(channel);
    else slack.state.channels.set(channel, isIn);
    expect(bad((await examine()).findings)).toMatchObject([
      { status: 'fail', text: expect.stringContaining(text), fix: expect.stringContaining(fix) },
    ]);
  });

  it('that Slack says something new about is a warning', async () => {
    const { slack, examine } = await aCheck();
    slack.mishap('chat.postEphemeral', { error: 'restricted_action' });
    expect(bad((await examine()).findings)).toMatchObject([
      { status: 'warn', text: expect.stringContaining('(restricted_action)') },
    ]);
  });
});

describe('approvers in Slack', () => {
  it.each([
    ['U0GUEST001', 'is a guest'],
    ['U0OTHER001', 'is of another workspace'],
    ['U0ROBOT001', 'is a bot'],
    ['U0NOBODY01', 'is not found (user_not_found)'],
  ])('%s %s', async (id, why) => {
    const { examine } = await aCheck();
    expect(bad((await examine({ approvers: [`slack:user:${id}`] })).findings)).toMatchObject([
      { status: 'fail', text: expect.stringContaining(why), fix: expect.stringContaining('correct APPROVERS') },
    ]);
  });

  it('in a group that is empty, gone, or not part of the plan', async () => {
    const { slack, examine } = await aCheck();
    const found = async () => bad((await examine({ approvers: ['slack:group:S0DEPLOY01'] })).findings);
    slack.mishap('usergroups.users.list', { error: 'plan_upgrade_required' });
    expect(await found()).toMatchObject([{ status: 'fail', fix: expect.stringContaining('APPROVERS=slack:user:U') }]);
    slack.state.groups.set('S0DEPLOY01', []);
    expect(await found()).toMatchObject([{ status: 'warn', text: 'slack:group:S0DEPLOY01 has no members' }]);
    slack.state.groups.delete('S0DEPLOY01');
    expect(await found()).toMatchObject([{ status: 'fail', text: expect.stringContaining('no_such_subteam') }]);
  });
});

describe('a Slack that is ill', () => {
  it('is one finding and no crash', async () => {
    const { slack, examine } = await aCheck();
    slack.mishap('auth.test', { status: 503 });
    expect((await examine()).findings).toMatchObject([
      {
        status: 'fail',
        text: 'Slack answered auth.test with status 503',
        fix: expect.stringContaining('slack-status.com'),
      },
    ]);
    await slack.stop();
    expect((await examine({ api: 'http://127.0.0.1:1/api/' })).findings).toMatchObject([
      { status: 'fail', text: expect.stringContaining('did not answer /api/auth.test (ECONNREFUSED)') },
    ]);
  });
});
