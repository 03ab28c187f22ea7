import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { type Examined, examined, type Finding, findingsOf } from '../../core/finding.ts';
import { ask, type RestAnswer } from '../rest.ts';
import { neededScopes } from './manifest.ts';

/** The settings of the examination. */
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
  /** The version of this program. */
  readonly version: string;
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
  /** Slack's error code; `undefined` when it did not refuse. */
  readonly error: string | undefined;
}

/** Examines with only the scopes of the manifest; nobody sees a message of it. */
export async function examineSlack(check: SlackCheck): Promise<Examined> {
  const clock: { from: string; aheadMs: number }[] = [];
  const call: Call = async (method, args = {}, token = check.botToken) => {
    const { api, timeoutMs, now, version } = check;
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
      'the signing secret does not have the form of a Slack secret',
      `SLACK_SIGNING_SECRET=...   (${apps} > Basic Information)`,
    );
  }
  const { error } = await call('apps.connections.open', {}, connection.appToken);
  if (error === undefined) return ok('the app token opens sockets');
  const fix = `SLACK_APP_TOKEN=xapp-...   (${apps} > Basic Information > App-Level Tokens > connections:write; and Settings > Socket Mode is on)`;
  return fail(`the app token opens no socket (${error})`, fix);
}

/**
 * Checks whether the bot is in a channel. Asking for it needs channels:read, which the bot does not have. So it sends a
 * message that only itself would see, which Slack refuses with the same error as any other.
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

/** @param granted the header x-oauth-scopes of an answer; `undefined` without that header */
function scopeFindings(granted: string | undefined, approvers: readonly string[]): readonly Finding[] {
  if (granted === undefined)
    return [
      warn('Slack did not say which scopes the bot token has', 'proxnix init writes the manifest that asks for them'),
    ];
  const has = new Set(granted.split(',').map((scope) => scope.trim()));
  const groups = approvers.some((id) => id.startsWith('slack:group:'));
  const missing = Object.entries(neededScopes)
    .filter(([scope]) => scope !== 'usergroups:read' || groups)
    .filter(([scope]) => !has.has(scope));
  if (missing.length === 0) return [ok('the bot token has its scopes')];
  return missing.map(([scope, purpose]) =>
    fail(
      `the scope ${scope} is missing; it is for ${purpose}`,
      `https://api.slack.com/apps > the app > OAuth & Permissions > Bot Token Scopes > add ${scope}, then Reinstall to Workspace`,
    ),
  );
}

/** @param error Slack's error code for a message in the channel; `undefined` when it was accepted */
function channelFinding(channel: string, error: string | undefined): Finding {
  switch (error) {
    case undefined:
      return ok(`the bot is in channel ${channel} and may write there`);
    case 'not_in_channel':
    case 'user_not_in_channel':
      return fail(`the bot is not in channel ${channel}`, '/invite @proxnix   (typed in that channel)');
    case 'channel_not_found':
      return fail(
        `channel ${channel} is not there, or is private and the bot is not in it`,
        `/invite @proxnix   (typed in that channel), or correct SLACK_CHANNEL=${channel}`,
      );
    case 'is_archived':
      return fail(`channel ${channel} is archived`, 'SLACK_CHANNEL=<the id of another channel>');
    default:
      return warn(
        `Slack does not tell whether the bot may write in channel ${channel} (${error})`,
        '/invite @proxnix   (typed in that channel)',
      );
  }
}

/** The facts that decide whether a member may ask and approve. */
const Profile = z.object({
  team_id: z.string().optional(),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
});
type Profile = z.infer<typeof Profile>;

/** @param found the profile, or Slack's error code */
function userFinding(approver: string, workspace: string, found: Profile | string): Finding {
  const correct = `correct APPROVERS or VIEWERS, where ${approver} stands (the person's profile > ... > Copy member ID)`;
  if (found === 'missing_scope')
    return fail(`${approver} cannot be looked up without the scope users:read`, 'add the scope named above');
  if (typeof found === 'string') return fail(`${approver} is not found (${found})`, correct);
  const why = refusal(found, workspace);
  return why === undefined
    ? ok(`${approver} is a member of the workspace`)
    : fail(`${approver} ${why} and may neither ask nor approve`, correct);
}

/** @param found the members' ids, or Slack's error code */
function groupFinding(approver: string, found: readonly string[] | string): Finding {
  if (found === 'plan_upgrade_required') {
    return fail(
      `${approver}: this workspace's plan has no user groups`,
      'APPROVERS=slack:user:U...   (each person by their member ID)',
    );
  }
  if (found === 'missing_scope')
    return fail(`${approver} cannot be looked up without the scope usergroups:read`, 'add the scope named above');
  const correct = `correct APPROVERS or VIEWERS, where ${approver} stands (People > User groups > the group > Copy group ID)`;
  if (typeof found === 'string') return fail(`${approver} is not found (${found})`, correct);
  if (found.length === 0) return warn(`${approver} has no members`, 'add people to the group in Slack');
  return ok(`${approver} is a user group with ${found.length === 1 ? '1 member' : `${found.length} members`}`);
}

/** The reason why the bot refuses this person at every press; the same rule as in people.ts. */
function refusal(profile: Profile, workspace: string): string | undefined {
  if (profile.deleted) return 'is deactivated';
  if (profile.is_bot) return 'is a bot';
  if (profile.is_restricted || profile.is_ultra_restricted) return 'is a guest';
  if (profile.is_stranger || (profile.team_id ?? workspace) !== workspace) return 'is of another workspace';
  return undefined;
}
