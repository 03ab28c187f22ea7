import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { type Examined, examined, type Finding, findingsOf } from '../../core/finding.ts';
import { ask, type RestAnswer } from '../rest.ts';
import { Channel, Guild, inviteLink, Member, missingPermissions } from './permissions.ts';

/** The settings of the examination. */
export interface DiscordCheck {
  readonly token: string;
  readonly guildId: string;
  /** Channel ids, each once. */
  readonly channelIds: readonly string[];
  /** `discord:user:…` and `discord:role:…`. */
  readonly approvers: readonly string[];
  /** Base address of the REST API without its version. */
  readonly api: string;
  readonly timeoutMs: number;
  /** The version of this program. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const area = 'Discord';
const { ok, fail } = findingsOf(area);
const portal = 'https://discord.com/developers/applications';

type Get = (path: string) => Promise<RestAnswer>;

/** Asks the REST API what the gateway would tell the bot, and changes nothing. */
export async function examineDiscord(check: DiscordCheck): Promise<Examined> {
  const clock: { from: string; aheadMs: number }[] = [];
  const get: Get = async (path) => {
    // Discord refuses clients whose user agent has another form.
    const userAgent = `DiscordBot (https://www.npmjs.com/package/proxnix-bot, ${check.version})`;
    const { token, timeoutMs, now } = check;
    const answer = await ask(`${check.api}/v10${path}`, { authorization: `Bot ${token}`, userAgent, timeoutMs, now });
    if (clock.length === 0 && answer.aheadMs !== undefined) clock.push({ from: area, aheadMs: answer.aheadMs });
    return answer;
  };
  return { findings: await examined(area, () => examine(check, get)), clock };
}

/** The guild and the bot's member, with which channels and approvers are compared. */
interface Place {
  readonly check: DiscordCheck;
  readonly get: Get;
  readonly guild: Guild;
  readonly bot: Member;
  readonly invite: string;
}

const Account = z.object({ id: z.string(), username: z.string() });
const Application = z.object({ id: z.string() });

async function examine(check: DiscordCheck, get: Get): Promise<readonly Finding[]> {
  const me = await get('/users/@me');
  // After a refused token every further call would count towards Discord's ban.
  if (me.status === 401)
    return [fail('the bot token is refused', `DISCORD_TOKEN=...   (${portal} > the app > Bot > Reset Token)`)];
  const bot = read(me, Account);
  const application = read(await get('/applications/@me'), Application);
  const invite = inviteLink(application.id);
  const accepted = ok(`the bot token is accepted (${bot.username})`);
  const answer = await get(`/guilds/${check.guildId}`);
  if (isHidden(answer)) {
    return [accepted, fail(`the bot is not in the guild ${check.guildId}, or there is none`, `invite it: ${invite}`)];
  }
  const guild = read(answer, Guild);
  const member = read(await get(`/guilds/${guild.id}/members/${bot.id}`), Member);
  const place = { check, get, guild, bot: member, invite };
  const parts = [
    ...check.channelIds.map((id) => channelFindings(place, id)),
    ...check.approvers.map((approver) => approverFindings(place, approver)),
    commandFindings(place, application.id),
  ];
  return [accepted, ok(`the bot is in the guild ${guild.id}`), ...(await Promise.all(parts)).flat()];
}

async function channelFindings({ get, guild, bot, invite }: Place, id: string): Promise<readonly Finding[]> {
  const answer = await get(`/channels/${id}`);
  if (isHidden(answer)) {
    const fix = `right click the channel > Edit Channel > Permissions > add the bot with View Channel; or correct DISCORD_CHANNEL=${id}`;
    return [fail(`channel ${id} is not there or the bot may not view it`, fix)];
  }
  const channel = read(answer, Channel);
  if (channel.guild_id !== guild.id) {
    return [fail(`channel ${id} is in another guild`, 'DISCORD_CHANNEL=<the id of a channel of DISCORD_GUILD>')];
  }
  // 0: text channel, 5: announcements. Threads are made in it.
  if (channel.type !== 0 && channel.type !== 5) {
    return [fail(`channel ${id} is no text channel`, 'DISCORD_CHANNEL=<the id of a text channel>')];
  }
  const missing = missingPermissions(guild, channel, bot);
  if (missing.length === 0) return [ok(`channel ${id} is visible, with every permission needed`)];
  const where = `allow it to the bot in the channel's permissions, or invite it again: ${invite}`;
  return missing.map((name) => fail(`the permission "${name}" is missing in channel ${id}`, where));
}

async function approverFindings({ get, guild }: Place, approver: string): Promise<readonly Finding[]> {
  const id = approver.slice(approver.lastIndexOf(':') + 1);
  const correct = `correct APPROVERS or VIEWERS, where ${approver} stands (developer mode > right click > Copy ID)`;
  if (approver.startsWith('discord:role:')) {
    const isThere = guild.roles.some((role) => role.id === id);
    return [isThere ? ok(`${approver} is a role of the guild`) : fail(`${approver} is no role of the guild`, correct)];
  }
  const answer = await get(`/guilds/${guild.id}/members/${id}`);
  if (isHidden(answer)) return [fail(`${approver} is no member of the guild`, correct)];
  const isBot = read(answer, Member).user.bot;
  return [
    isBot
      ? fail(`${approver} is a bot, and bots may neither ask nor approve`, correct)
      : ok(`${approver} is a member of the guild`),
  ];
}

async function commandFindings({ get, guild, invite }: Place, applicationId: string): Promise<readonly Finding[]> {
  const answer = await get(`/applications/${applicationId}/guilds/${guild.id}/commands`);
  if (isHidden(answer))
    return [
      fail(
        'the bot may not make commands in the guild',
        `invite it again, with the scope applications.commands: ${invite}`,
      ),
    ];
  const commands = read(answer, z.array(z.unknown()));
  return [ok(`the bot may make commands${commands.length === 0 ? '; /proxnix comes with the first start' : ''}`)];
}

/** 403 and 404 both mean missing or not visible to the bot; 400 means a malformed id. */
function isHidden({ status }: RestAnswer): boolean {
  return status === 403 || status === 404 || status === 400;
}

function read<T>(answer: RestAnswer, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(answer.json);
  if (answer.status === 200 && parsed.success) return parsed.data;
  const what = answer.status === 200 ? 'in an unknown form' : `with status ${answer.status}`;
  throw new UserError(`Discord answered ${what}`, { next: 'https://discordstatus.com, and try again in a minute' });
}
