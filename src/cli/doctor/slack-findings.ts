import { z } from 'zod';
import { type Finding, findingsOf } from './finding.ts';

const { ok, warn, fail } = findingsOf('Slack');

/** Of the manifest, what each scope is for. */
export const neededScopes: Readonly<Record<string, string>> = {
  commands: '/proxnix',
  'chat:write': 'posting and editing cards',
  'files:write': 'plans and logs as files',
  'users:read': 'telling members from guests and bots',
  'usergroups:read': 'approvers and viewers who are named by a user group',
};

/** @param granted the header x-oauth-scopes of an answer; `undefined` when there was none */
export function scopeFindings(granted: string | undefined, approvers: readonly string[]): readonly Finding[] {
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

/** @param error Slack's word for why a message could not be shown there; `undefined`: it could */
export function channelFinding(channel: string, error: string | undefined): Finding {
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

export const Profile = z.object({
  team_id: z.string().optional(),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
});
export type Profile = z.infer<typeof Profile>;

/** @param found the profile, or Slack's word for why there is none */
export function userFinding(approver: string, workspace: string, found: Profile | string): Finding {
  const correct = `correct APPROVERS or VIEWERS, where ${approver} stands (the person's profile > ... > Copy member ID)`;
  if (found === 'missing_scope')
    return fail(`${approver} cannot be looked up without the scope users:read`, 'add the scope named above');
  if (typeof found === 'string') return fail(`${approver} is not found (${found})`, correct);
  const why = refusal(found, workspace);
  return why === undefined
    ? ok(`${approver} is a member of the workspace`)
    : fail(`${approver} ${why} and may neither ask nor approve`, correct);
}

/** @param found the members' ids, or Slack's word for why they are not told */
export function groupFinding(approver: string, found: readonly string[] | string): Finding {
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

/** The same people that the bot refuses at every press. */
function refusal(profile: Profile, workspace: string): string | undefined {
  if (profile.deleted) return 'is deactivated';
  if (profile.is_bot) return 'is a bot';
  if (profile.is_restricted || profile.is_ultra_restricted) return 'is a guest';
  if (profile.is_stranger || (profile.team_id ?? workspace) !== workspace) return 'is of another workspace';
  return undefined;
}
