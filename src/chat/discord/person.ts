import { ChannelType } from 'discord.js';
import type { Person, Place } from '../chat.ts';
import type { Interaction } from './interaction-schema.ts';

/** Threads that everybody who sees their channel can see. */
const publicThreads: readonly number[] = [ChannelType.PublicThread, ChannelType.AnnouncementThread];

/** Who did it. The role ids come with every interaction, so they are as fresh as the press itself. */
export function personOf(interaction: Interaction): Person | undefined {
  const user = interaction.member?.user ?? interaction.user;
  if (user === undefined || user.bot === true || user.system === true) return undefined;
  // the role everybody has carries the guild's own id: it vouches for nothing
  const groups = (interaction.member?.roles ?? []).filter((role) => role !== interaction.guild_id);
  return { chat: 'discord', id: user.id, name: interaction.member?.nick ?? user.global_name ?? user.username, groups };
}

/**
 * Where it was done: ids as Discord sends them, `direct-message` instead of a guild. A public thread counts as the
 * channel it hangs on, a private one as itself.
 */
export function placeOf(interaction: Interaction): Place {
  const { channel } = interaction;
  const parent = channel !== undefined && publicThreads.includes(channel.type) ? channel.parent_id : undefined;
  return {
    workspace: interaction.guild_id ?? 'direct-message',
    channel: parent ?? channel?.id ?? interaction.channel_id ?? 'unknown',
  };
}
