import { z } from 'zod';
import * as is from '../../config/setting.ts';
import { setting } from '../../config/setting.ts';
import type { Secret } from '../../secret.ts';
import {
  type ChatKind,
  type ChatSetup,
  type ChatSource,
  drawing,
  type InitAnswers,
  type InitStep,
  type MakeContext,
} from '../kind.ts';
import { inviteLink } from './permissions.ts';
import type { DiscordOptions } from './settings.ts';

/** Ids of Discord have 17 to 20 digits. */
const snowflake = is.text(/^[0-9]{17,20}$/, 'expected an id of 17 to 20 digits (developer mode, "Copy ID")');
const digits = '[0-9]{17,20}';

const settings = z.object({
  DISCORD_TOKEN: setting(is.anyToken.optional(), {
    about: 'Token of the bot, also as DISCORD_TOKEN_FILE with the path of a file.',
    example: 'discord-bot-token-from-the-developer-portal',
    isSecret: true,
  }),
  DISCORD_GUILD: setting(snowflake.optional(), {
    about: 'Id of the one guild the bot listens to.',
    example: '112233445566778899',
  }),
  DISCORD_CHANNEL: setting(snowflake.optional(), {
    about: 'Id of the channel for plans.',
    example: '223344556677889900',
    inFile: { of: 'fleet', key: 'discordChannel' },
  }),
});

/** Discord: a bot in one guild, with a channel for each fleet. @param options of the adapter, for tests */
export function discord(options: Partial<DiscordOptions> = {}): ChatKind {
  return {
    name: 'discord',
    title: 'Discord',
    ids: {
      person: { prefix: 'discord:user:', id: digits, sample: '…' },
      group: { prefix: 'discord:role:', id: digits, sample: '… (17 to 20 digits)' },
    },
    // The bot's id in base64 (digits, so M, N or O comes first), a time, an HMAC.
    tokens: [/\b[MNO][\w-]{22,27}\.[\w-]{6,7}\.[\w-]{27,}/g],
    section: 'Discord',
    settings,
    channel: 'DISCORD_CHANNEL',
    read: (source) => read(source, options),
    init: {
      questions: [
        {
          name: 'discordApplication',
          text: 'Application ID of the Discord bot (empty: not made yet)',
          value: 'id',
          about: 'Application ID of the Discord bot',
          schema: snowflake,
        },
      ],
      env: () => [
        '# Discord: the token of the bot, and the ids of the server and of the channel.',
        ...Object.keys(settings.shape).map((name) => `${name}=`),
      ],
      findIds: 'Discord: right click your name > Copy User ID -> discord:user:<id>; a role -> discord:role:<id>',
      steps,
      where: () => 'your Discord channel',
    },
    async draw({ cards, forms, commands }) {
      const [{ discordCard }, { formModal }, { commandsBody }] = await Promise.all([
        import('./card.ts'),
        import('./form.ts'),
        import('./commands.ts'),
      ]);
      return [
        ...Object.entries(cards).map(([name, card]) => drawing(name, 'message.create', discordCard(card).body)),
        ...Object.entries(forms).map(([name, form]) => drawing(name, 'interaction.callback', formModal(form))),
        drawing('commands', 'commands.guild', commandsBody(commands)),
      ];
    },
  };
}

function read({ values, need, isWanted }: ChatSource, options: Partial<DiscordOptions>): ChatSetup | undefined {
  const { DISCORD_TOKEN, DISCORD_GUILD } = values(settings);
  if (!isWanted) return undefined;
  const token = need('DISCORD_TOKEN', DISCORD_TOKEN, 'for Discord: the token of the bot');
  const guild = need('DISCORD_GUILD', DISCORD_GUILD, 'for Discord: the id of the guild');
  if (token === undefined || guild === undefined) return undefined;
  return {
    name: 'discord',
    place: (channel) => (channel === undefined ? undefined : { workspace: guild, channel }),
    everybody: { id: `discord:role:${guild}`, expected: 'expected roles: the id of the guild is the role @everyone' },
    make: (context) => make(context, token, guild, options),
    async examine({ channels, ids, ...context }) {
      const { examineDiscord } = await import('./doctor.ts');
      const { api = 'https://discord.com/api' } = options;
      const channelIds = [...new Set(Object.values(channels))];
      return examineDiscord({ ...context, token: token.reveal(), guildId: guild, channelIds, approvers: ids, api });
    },
  };
}

async function make(
  { channels, state, log }: MakeContext,
  token: Secret,
  guildId: string,
  options: Partial<DiscordOptions>,
) {
  const { DiscordChat } = await import('./discord.ts');
  const chat = new DiscordChat({ token: token.reveal(), guildId, channelIds: channels, state, log, ...options });
  return { chat, editEveryMs: 3000 };
}

function steps({ own, envFile }: InitAnswers): readonly InitStep[] {
  const id = own['discordApplication'];
  const where = id === undefined ? ', with the Application ID of General Information in place of APPLICATION_ID' : '';
  return [
    {
      text: 'Discord: https://discord.com/developers/applications > New Application (or the one you have) > Bot > Reset Token, and copy it into DISCORD_TOKEN. No privileged intent is needed.',
    },
    {
      text: `Discord: open this link and choose your server${where}:`,
      lines: [inviteLink(id ?? 'APPLICATION_ID')],
    },
    {
      text: `Discord: Settings > Advanced > Developer Mode; then right click and copy the ids into ${envFile}. In a private channel, add the bot to it first.`,
      lines: ['the server  > Copy Server ID  -> DISCORD_GUILD', 'the channel > Copy Channel ID -> DISCORD_CHANNEL'],
    },
  ];
}
