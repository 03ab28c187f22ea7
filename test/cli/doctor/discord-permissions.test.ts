import { describe, expect, it } from 'vitest';
import { inviteLink } from '../../../src/chat/discord/commands.ts';
import {
  Channel,
  Guild,
  Member,
  missingPermissions,
  neededPermissions,
} from '../../../src/cli/doctor/discord-permissions.ts';

const guildId = '700000000000000001';
const [roleId, botId] = ['600000000000000009', '900000000000000002'];
const all = Object.values(neededPermissions).reduce((sum, bit) => sum | bit, 0n);
const view = 1n << 10n;
const send = 1n << 11n;

function guild(everyone: bigint, role: bigint): Guild {
  const roles = [
    { id: guildId, permissions: String(everyone) },
    { id: roleId, permissions: String(role) },
    { id: '600000000000000010', permissions: String(1n << 3n) },
  ];
  return Guild.parse({ id: guildId, name: 'home lab', roles });
}

function channel(...overwrites: readonly { id: string; type: number; allow?: bigint; deny?: bigint }[]): Channel {
  const permission_overwrites = overwrites.map(({ id, type, allow = 0n, deny = 0n }) => ({
    ...{ id, type, allow: String(allow), deny: String(deny) },
  }));
  return Channel.parse({ id: '8', type: 0, guild_id: guildId, permission_overwrites });
}

const bot = Member.parse({ roles: [roleId], user: { id: botId, bot: true } });

describe('the permissions in a channel', () => {
  it('are those that the invite link asks for, no more and no fewer', () => {
    expect(new URL(inviteLink('1')).searchParams.get('permissions')).toBe(String(all));
  });

  it('come from all roles of the bot together and from no other', () => {
    expect(missingPermissions(guild(view, all & ~view), channel(), bot)).toEqual([]);
    expect(missingPermissions(guild(0n, 0n), channel(), bot)).toEqual(Object.keys(neededPermissions));
  });

  it('are all there for an administrator, whatever the channel denies', () => {
    expect(missingPermissions(guild(0n, 1n << 3n), channel({ id: guildId, type: 0, deny: all }), bot)).toEqual([]);
  });

  it('are taken by a private channel and given back to the role or to the bot', () => {
    const isPrivate = { id: guildId, type: 0, deny: view };
    const has = guild(0n, all);
    expect(missingPermissions(has, channel(isPrivate), bot)).toEqual(['View Channel']);
    expect(missingPermissions(has, channel(isPrivate, { id: roleId, type: 0, allow: view }), bot)).toEqual([]);
    expect(missingPermissions(has, channel(isPrivate, { id: botId, type: 1, allow: view }), bot)).toEqual([]);
  });

  it('are there when one role of the bot is allowed what another is denied', () => {
    const second = '600000000000000011';
    const both = Member.parse({ roles: [roleId, second], user: { id: botId, bot: true } });
    const overwrites = [
      { id: roleId, type: 0, allow: send },
      { id: second, type: 0, deny: send },
    ];
    expect(missingPermissions(guild(0n, all), channel(...overwrites), both)).toEqual([]);
  });

  it('are decided last by the overwrite for the bot itself', () => {
    const role = { id: roleId, type: 0, allow: send };
    const own = { id: botId, type: 1, deny: send };
    expect(missingPermissions(guild(0n, all), channel(own, role), bot)).toEqual(['Send Messages']);
  });
});
