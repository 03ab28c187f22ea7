import { ChannelType, type REST, Routes } from 'discord.js';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { errorFacts } from './errors.ts';

const Channel = z.object({ id: z.string(), type: z.number(), guild_id: z.string().optional() });

/** Every configured channel must be a text channel of the guild that the bot can see. Rejects with a `UserError`. */
export async function checkChannels(
  rest: REST,
  guildId: string,
  channelIds: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [fleet, channelId] of Object.entries(channelIds)) {
    const channel = await readChannel(rest, channelId, fleet);
    const texts: number[] = [ChannelType.GuildText, ChannelType.GuildAnnouncement];
    if (channel.guild_id !== guildId) {
      throw new UserError(`Discord channel ${channelId} of fleet ${fleet} is not in guild ${guildId}.`, {
        next: 'Check the configured ids of the guild and of the channel.',
      });
    }
    if (!texts.includes(channel.type)) {
      throw new UserError(`Discord channel ${channelId} of fleet ${fleet} is no text channel.`, {
        next: 'Configure a text channel; threads are made in it.',
      });
    }
  }
}

async function readChannel(rest: REST, channelId: string, fleet: string): Promise<z.infer<typeof Channel>> {
  try {
    return Channel.parse(await rest.get(Routes.channel(channelId)));
  } catch (error) {
    throw new UserError(`Discord channel ${channelId} of fleet ${fleet}: ${errorFacts(error).reason}.`, {
      next: 'Check the channel id, and that the bot may view the channel.',
    });
  }
}
