import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { oneLine } from '../../lib/text.ts';
import type { Log } from '../../log.ts';
import type { Person } from '../chat.ts';
import { refusal } from './errors.ts';
import { clip } from './text.ts';
import type { SlackClients } from './web.ts';

/** The identified person, or a sentence why they may not use the bot. `doubt`: groups that could not be read count as absent. */
export type Identified =
  | { readonly kind: 'person'; readonly person: Person; readonly doubt?: string }
  | { readonly kind: 'refused'; readonly text: string };

/** The sender as the payload names them. */
export interface Sender {
  readonly id: string;
  readonly name: string;
  /** The workspace of the sender, where the payload names it. */
  readonly team?: string | undefined;
  /** The grid of workspaces that the payload names. */
  readonly enterprise?: string | undefined;
}

/** The installed workspace, and the grid (Enterprise Grid) that it belongs to. */
export interface Installed {
  readonly workspace: string;
  readonly enterprise: string | undefined;
}

/** The collaborators of the lookups. `now` is in milliseconds of any clock. */
export interface PeopleOptions {
  readonly clients: SlackClients;
  readonly installed: Installed;
  /** Usergroup ids that the configuration names; only these are looked up. */
  readonly groups: readonly string[];
  readonly now: () => number;
  readonly log: Log;
}

const Profile = z.object({
  team_id: z.string().optional(),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
  enterprise_user: z.object({ enterprise_id: z.string().optional() }).optional(),
  real_name: z.string().default(''),
  profile: z.object({ display_name: z.string().default('') }).default({ display_name: '' }),
});
type Profile = z.infer<typeof Profile>;

const Members = z.array(z.string());

/** How long an answer of Slack about a person or a group is cached. */
const keptMs = 60_000;
const peopleKept = 1000;

/** Looks people up and caches the answers for a minute. A person whom Slack does not confirm in time is refused. */
export class People {
  readonly #options: PeopleOptions;
  readonly #profiles: LRUCache<string, Profile>;
  readonly #members: LRUCache<string, readonly string[]>;

  constructor(options: PeopleOptions) {
    const { quick } = options.clients;
    this.#options = options;
    // Simultaneous lookups of one key share a call, and a failure is not cached.
    const kept = { max: peopleKept, ttl: keptMs, ttlResolution: 0, perf: { now: options.now } };
    this.#profiles = new LRUCache<string, Profile>({
      ...kept,
      fetchMethod: async (user) => Profile.parse((await quick.users.info({ user })).user),
    });
    this.#members = new LRUCache<string, readonly string[]>({
      ...kept,
      fetchMethod: async (usergroup) => Members.parse((await quick.usergroups.users.list({ usergroup })).users),
    });
  }

  async identify(sender: Sender): Promise<Identified> {
    const { installed, groups, log } = this.#options;
    if (!isOurs(sender.team, sender.enterprise, installed)) return refused(`is not of this workspace`);
    const [profile, ...memberships] = await Promise.all([
      this.#profiles.forceFetch(sender.id).catch((error: unknown) => lost(error)),
      ...groups.map((group) => this.#isMember(group, sender.id)),
    ]);
    if ('lost' in profile) {
      log.warn({ user: sender.id, why: profile.lost }, 'a person could not be looked up in Slack');
      return {
        kind: 'refused',
        text: `Slack did not say who you are (${profile.lost}), so nothing was done. Try again.`,
      };
    }
    const why = whyRefused(profile, installed);
    if (why !== undefined) return refused(why);
    const person = {
      chat: 'slack',
      id: sender.id,
      name: nameOf(profile, sender.name),
      groups: groups.filter((_, index) => memberships[index] === true),
    } as const;
    const unread = memberships.find((membership) => typeof membership === 'string');
    return { kind: 'person', person, ...(unread === undefined ? {} : { doubt: unread }) };
  }

  /** @returns a sentence where Slack did not answer; the person then counts as no member */
  async #isMember(group: string, user: string): Promise<boolean | string> {
    try {
      return (await this.#members.forceFetch(group)).includes(user);
    } catch (error) {
      const { lost: why } = lost(error);
      this.#options.log.warn({ group, why }, 'a group could not be looked up in Slack');
      return `Slack did not say who is in the group ${group} (${why}).`;
    }
  }
}

function lost(error: unknown): { readonly lost: string } {
  return { lost: refusal(error) ?? (error instanceof z.ZodError ? 'an unknown answer' : 'no answer in time') };
}

function whyRefused(profile: Profile, installed: Installed): string | undefined {
  if (profile.deleted) return 'is deactivated';
  if (profile.is_bot) return 'is a bot';
  if (profile.is_restricted || profile.is_ultra_restricted) return 'is a guest';
  const isMember = isOurs(profile.team_id, profile.enterprise_user?.enterprise_id, installed);
  return profile.is_stranger || !isMember ? 'is not of this workspace' : undefined;
}

/**
 * Does a workspace belong to the installation? In a grid the workspace of a member may be any of its workspaces; there
 * the grid decides.
 */
function isOurs(team: string | undefined, enterprise: string | undefined, installed: Installed): boolean {
  if (installed.enterprise !== undefined && enterprise === installed.enterprise) return true;
  return team === undefined || team === installed.workspace;
}

/**
 * The workspace of a request. A request from the grid of the installation counts as one from the installed workspace,
 * because Slack names another workspace of the grid in it, or none; ids of channels are unique in a grid.
 */
export function workspaceOf(
  { team, enterprise }: Pick<Sender, 'team' | 'enterprise'>,
  { workspace, enterprise: own }: Installed,
): string {
  return own !== undefined && enterprise === own ? workspace : (team ?? '');
}

function refused(why: string): Identified {
  return { kind: 'refused', text: `Only full members of this workspace may do this; your account ${why}.` };
}

function nameOf(profile: Profile, otherwise: string): string {
  const names = [profile.profile.display_name, profile.real_name, otherwise].map((name) => oneLine(name).trim());
  return clip(names.find((name) => name !== '') ?? 'somebody', 80);
}
