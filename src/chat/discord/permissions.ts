import { z } from 'zod';

/** The permissions of the bot in its channels: the names that Discord shows, with the bits of its API. */
export const neededPermissions: Readonly<Record<string, bigint>> = {
  'View Channel': 1n << 10n,
  'Send Messages': 1n << 11n,
  'Embed Links': 1n << 14n,
  'Attach Files': 1n << 15n,
  'Read Message History': 1n << 16n,
  'Create Public Threads': 1n << 35n,
  'Send Messages in Threads': 1n << 38n,
};

const administrator = 1n << 3n;

const Bits = z.string().regex(/^\d+$/).transform(BigInt);

/** The parts of a guild that its permissions depend on. */
export const Guild = z.object({
  id: z.string(),
  name: z.string(),
  roles: z.array(z.object({ id: z.string(), permissions: Bits })),
});
/** A guild with the permissions of its roles. */
export type Guild = z.infer<typeof Guild>;

/** A channel with its permission overwrites. */
export const Channel = z.object({
  id: z.string(),
  type: z.number(),
  guild_id: z.string().optional(),
  /** `type` 0: of a role, 1: of a member. */
  permission_overwrites: z.array(z.object({ id: z.string(), type: z.number(), allow: Bits, deny: Bits })).default([]),
});
/** A channel with its permission overwrites. */
export type Channel = z.infer<typeof Channel>;

/** A member of the guild. */
export const Member = z.object({
  roles: z.array(z.string()),
  user: z.object({ id: z.string(), bot: z.boolean().default(false) }),
});
/** A member with the ids of their roles. */
export type Member = z.infer<typeof Member>;

/** The address at which an administrator of the guild invites the bot with exactly the permissions it needs. */
export function inviteLink(applicationId: string): string {
  const permissions = String(Object.values(neededPermissions).reduce((sum, bit) => sum | bit, 0n));
  const query = new URLSearchParams({ client_id: applicationId, scope: 'bot applications.commands', permissions });
  return `https://discord.com/oauth2/authorize?${query}`;
}

/** The needed permissions that a member lacks in a channel, by the rules of Discord's reference ("Permission Overwrites"). */
export function missingPermissions(guild: Guild, channel: Channel, member: Member): readonly string[] {
  const own = permissionsIn(guild, channel, member);
  return Object.keys(neededPermissions).filter((name) => {
    const bit = neededPermissions[name] ?? 0n;
    return (own & bit) !== bit;
  });
}

/** Roles add up; then the channel's overwrites for everyone, for the roles together and for the member, in that order. */
function permissionsIn(guild: Guild, channel: Channel, { roles, user }: Member): bigint {
  const mine = guild.roles.filter(({ id }) => id === guild.id || roles.includes(id));
  const base = mine.reduce((sum, { permissions }) => sum | permissions, 0n);
  if ((base & administrator) !== 0n) return -1n;
  const ofRoles = channel.permission_overwrites.filter(
    ({ id, type }) => type === 0 && id !== guild.id && roles.includes(id),
  );
  const together = {
    deny: ofRoles.reduce((sum, { deny }) => sum | deny, 0n),
    allow: ofRoles.reduce((sum, { allow }) => sum | allow, 0n),
  };
  const layers = [
    channel.permission_overwrites.find(({ id }) => id === guild.id),
    together,
    channel.permission_overwrites.find(({ id, type }) => type === 1 && id === user.id),
  ];
  return layers.reduce((sum, layer) => (layer === undefined ? sum : (sum & ~layer.deny) | layer.allow), base);
}
