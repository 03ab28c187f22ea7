import { z } from 'zod';
import { namedIn } from '../../config/people.ts';
import type { Config } from '../../config.ts';
import { UserError } from '../../core/errors.ts';
import { version } from '../../version.ts';
import { examined, type Finding, findingsOf } from './finding.ts';
import type { Examined } from './proxmox.ts';
import { ask, type RestAnswer } from './rest.ts';
import { channelFinding, groupFinding, Profile, scopeFindings, userFinding } from './slack-findings.ts';

export interface SlackCheck {
  readonly botToken: string;
  readonly workspace: string;
  readonly connection:
    | { readonly mode: 'socket'; readonly appToken: string }
    | { readonly mode: 'http'; readonly signingSecret: string };
  /** Channel ids, each once. */
  readonly channelIds: readonly string[];
  /** `slack:user:…` and `slack:group:…`. */
  readonly approvers: readonly string[];
  /** Base address of the Web API with a slash at its end. */
  readonly api: string;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const area = 'Slack';
const { ok, warn, fail } = findingsOf(area);
const apps = 'https://api.slack.com/apps > the app';

/** One method of the Web API. */
type Call = (method: string, args?: Readonly<Record<string, string>>, token?: string) => Promise<SlackAnswer>;

interface SlackAnswer {
  readonly answer: RestAnswer;
  /** Slack's word for why it refused; `undefined` when it did not. */
  readonly error: string | undefined;
}

/** Asks with the scopes of the manifest and no more; nobody sees anything of it. */
export async function examineSlack(check: SlackCheck): Promise<Examined> {
  const clock: { from: string; aheadMs: number }[] = [];
  const call: Call = async (method, args = {}, token = check.botToken) => {
    const { api, timeoutMs, now } = check;
    const options = { authorization: `Bearer ${token}`, userAgent: `proxnix-bot/${version}`, timeoutMs, now };
    const answer = await ask(`${api}${method}`, options, new URLSearchParams(args));
    if (clock.length === 0 && answer.aheadMs !== undefined) clock.push({ from: area, aheadMs: answer.aheadMs });
    return { answer, error: errorIn(answer, method) };
  };
  return { findings: await examined(area, () => examine(check, call)), clock };
}

const Me = z.object({ team_id: z.string(), user_id: z.string() });

async function examine(check: SlackCheck, call: Call): Promise<readonly Finding[]> {
  const me = await call('auth.test');
  const connection = examined(area, async () => [await connectionFinding(check, call)]);
  if (me.error !== undefined) {
    const fix = `SLACK_BOT_TOKEN=xoxb-...   (${apps} > OAuth & Permissions > Bot User OAuth Token)`;
    return [fail(`the bot token is refused (${me.error})`, fix), ...(await connection)];
  }
  const { team_id: team, user_id: bot } = Me.parse(me.answer.json);
  if (team !== check.workspace) {
    const fix = `SLACK_WORKSPACE=${team}   (or install the app in the workspace that you mean)`;
    return [fail(`the bot token belongs to workspace ${team}, not to ${check.workspace}`, fix), ...(await connection)];
  }
  const people = check.approvers.map((approver) => approverFinding(check, approver, call));
  const channels = check.channelIds.map((channel) => visibleFinding(channel, bot, call));
  return [
    ok(`the bot token is accepted and belongs to ${team}`),
    ...(await connection),
    ...scopeFindings(me.answer.header('x-oauth-scopes'), check.approvers),
    ...(await Promise.all([...channels, ...people])),
  ];
}

async function connectionFinding({ connection }: SlackCheck, call: Call): Promise<Finding> {
  if (connection.mode === 'http') {
    const known = /^[0-9a-f]{32}$/.test(connection.signingSecret);
    if (known) return ok('the signing secret has the right form; Slack tries it when the Request URL is saved');
    return warn(
      'the signing secret has not the form that Slack gives it',
      `SLACK_SIGNING_SECRET=...   (${apps} > Basic Information)`,
    );
  }
  const { error } = await call('apps.connections.open', {}, connection.appToken);
  if (error === undefined) return ok('the app token opens sockets');
  const fix = `SLACK_APP_TOKEN=xapp-...   (${apps} > Basic Information > App-Level Tokens > connections:write; and Settings > Socket Mode is on)`;
  return fail(`the app token opens no socket (${error})`, fix);
}

/**
 * Whether the bot is in a channel is told only to who has channels:read, which it does without. A message that only the
 * bot itself would see is refused with the same words as any other.
 */
async function visibleFinding(channel: string, bot: string, call: Call): Promise<Finding> {
  const { error } = await call('chat.postEphemeral', { channel, user: bot, text: 'proxnix doctor was here' });
  return channelFinding(channel, error);
}

async function approverFinding({ workspace }: SlackCheck, approver: string, call: Call): Promise<Finding> {
  const id = approver.slice(approver.lastIndexOf(':') + 1);
  if (approver.startsWith('slack:group:')) {
    const { error, answer } = await call('usergroups.users.list', { usergroup: id });
    return groupFinding(approver, error ?? z.object({ users: z.array(z.string()) }).parse(answer.json).users);
  }
  const { error, answer } = await call('users.info', { user: id });
  return userFinding(approver, workspace, error ?? z.object({ user: Profile }).parse(answer.json).user);
}

const Refusal = z.object({ ok: z.boolean(), error: z.string().optional() });

function errorIn({ status, json }: RestAnswer, method: string): string | undefined {
  if (status === 429) return 'ratelimited';
  const parsed = Refusal.safeParse(json);
  if (status === 200 && parsed.success) return parsed.data.ok ? undefined : (parsed.data.error ?? 'no reason given');
  throw new UserError(`Slack answered ${method} with status ${status}`, {
    next: 'https://slack-status.com, and try again in a minute',
  });
}

/** The part of the configuration that is about Slack. */
export function slackCheck(
  { slack, fleets }: Config,
  more: Pick<SlackCheck, 'api' | 'timeoutMs' | 'now'>,
): SlackCheck | undefined {
  if (slack === undefined) return undefined;
  const { botToken, workspace, connection } = slack;
  return {
    ...more,
    botToken: botToken.reveal(),
    workspace,
    connection:
      connection.mode === 'socket'
        ? { mode: 'socket', appToken: connection.appToken.reveal() }
        : { mode: 'http', signingSecret: connection.signingSecret.reveal() },
    channelIds: [...new Set(fleets.flatMap(({ channels }) => channels.slack ?? []))],
    approvers: namedIn('slack', fleets),
  };
}
