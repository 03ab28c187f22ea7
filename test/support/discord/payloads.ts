import { ids, snowflake } from './ids.ts';

/** Somebody who uses Discord, as an interaction tells it. */
export interface FakeUser {
  readonly id: string;
  readonly username: string;
  readonly nick?: string;
  readonly roles: readonly string[];
  readonly bot?: boolean;
}

export const rowan: FakeUser = { id: ids.rowan, username: 'rowan', nick: 'Rowan', roles: [ids.deployers] };

/** Where something is done; `guild` absent in a direct message. */
export interface FakePlace {
  readonly guild?: string;
  readonly channel: string;
  /** 0 text channel, 1 direct message, 11 public thread, 12 private thread. */
  readonly type: number;
  readonly parent?: string;
}

export const inChannel: FakePlace = { guild: ids.guild, channel: ids.channel, type: 0 };

export function botUser() {
  return { id: ids.bot, username: 'proxnix', discriminator: '0', global_name: null, avatar: null, bot: true };
}

export function guildPayload(id: string, channels: readonly string[]) {
  return {
    id,
    name: 'home lab',
    icon: null,
    owner_id: ids.rowan,
    roles: [id, ids.deployers].map((role) => ({
      id: role,
      name: role === id ? '@everyone' : 'deployers',
      color: 0,
      colors: { primary_color: 0 },
      hoist: false,
      position: 0,
      permissions: '0',
      managed: false,
      mentionable: false,
      flags: 0,
    })),
    channels: channels.map((channel) => channelPayload(channel, id)),
    emojis: [],
    stickers: [],
    members: [],
    threads: [],
    presences: [],
    voice_states: [],
    stage_instances: [],
    guild_scheduled_events: [],
    features: [],
    member_count: 2,
    joined_at: '2026-01-01T00:00:00.000Z',
    large: false,
    unavailable: false,
  };
}

export function channelPayload(id: string, guild: string | undefined, type = 0) {
  return { id, type, ...(guild === undefined ? {} : { guild_id: guild }), name: `channel-${id}`, position: 0 };
}

export function readyPayload(sessionId: string, url: string, guilds: readonly string[]) {
  return {
    v: 10,
    user: botUser(),
    guilds: guilds.map((id) => ({ id, unavailable: true })),
    session_id: sessionId,
    resume_gateway_url: url,
    application: { id: ids.application, flags: 0 },
  };
}

/** A message as Discord tells it, with the ids it gives every component. */
export function messagePayload(id: string, channel: string, body: Readonly<Record<string, unknown>>) {
  return {
    id,
    channel_id: channel,
    author: botUser(),
    content: body['content'] ?? '',
    timestamp: '2026-01-01T00:00:00.000Z',
    edited_timestamp: null,
    tts: false,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    components: withIds(Array.isArray(body['components']) ? body['components'] : []),
    pinned: false,
    type: 0,
    flags: body['flags'] ?? 0,
  };
}

export function interactionPayload(
  id: string,
  interactionToken: string,
  user: FakeUser,
  place: FakePlace,
  more: { readonly type: number; readonly data: unknown; readonly message?: unknown },
) {
  const who = { id: user.id, username: user.username, discriminator: '0', global_name: null, avatar: null };
  const account = user.bot === true ? { ...who, bot: true } : who;
  const member = {
    user: account,
    nick: user.nick ?? null,
    roles: user.roles,
    joined_at: '2026-01-01T00:00:00.000Z',
    deaf: false,
    mute: false,
    flags: 0,
    permissions: '0',
  };
  const parent = place.parent === undefined ? {} : { parent_id: place.parent };
  return {
    id,
    application_id: ids.application,
    token: interactionToken,
    version: 1,
    ...(place.guild === undefined
      ? { user: account }
      : { guild_id: place.guild, guild: { id: place.guild, locale: 'en-US', features: [] }, member }),
    channel_id: place.channel,
    channel: { ...channelPayload(place.channel, place.guild, place.type), ...parent },
    locale: 'en-US',
    app_permissions: '0',
    entitlements: [],
    authorizing_integration_owners: { '0': ids.guild },
    context: place.guild === undefined ? 1 : 0,
    attachment_size_limit: 10_485_760,
    ...more,
  };
}

/** Any message of the bot, for presses that need one. */
export function anyMessage(channel: string) {
  return messagePayload(snowflake(), channel, {});
}

function withIds(components: readonly unknown[], next = { id: 1 }): unknown[] {
  return components.map((component) => {
    if (typeof component !== 'object' || component === null) return component;
    const id = next.id++;
    const inner = 'components' in component && Array.isArray(component.components) ? component.components : undefined;
    return inner === undefined ? { ...component, id } : { ...component, id, components: withIds(inner, next) };
  });
}
