import { isLoopback } from '../lib/addresses.ts';
import type { Environment } from './environment.ts';
import type { Mistakes } from './mistakes.ts';
import type { Config, SlackConfig } from './model.ts';

/** Is any variable of Discord set? Then all it needs must be. */
export function wantsDiscord({ DISCORD_TOKEN, DISCORD_GUILD, DISCORD_CHANNEL }: Environment): boolean {
  return [DISCORD_TOKEN, DISCORD_GUILD, DISCORD_CHANNEL].some((value) => value !== undefined);
}

/** Is any variable of Slack set? Then all it needs must be. */
export function wantsSlack(values: Environment): boolean {
  const { SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, SLACK_WORKSPACE, SLACK_CHANNEL } = values;
  return [SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, SLACK_WORKSPACE, SLACK_CHANNEL].some(
    (value) => value !== undefined,
  );
}

export function readDiscord(values: Environment, mistakes: Mistakes): Config['discord'] {
  if (!wantsDiscord(values)) return undefined;
  const token = mistakes.need('DISCORD_TOKEN', values.DISCORD_TOKEN, 'for Discord: the token of the bot');
  const guild = mistakes.need('DISCORD_GUILD', values.DISCORD_GUILD, 'for Discord: the id of the guild');
  return token === undefined || guild === undefined ? undefined : { token, guild };
}

export function readSlack(values: Environment, mistakes: Mistakes): SlackConfig | undefined {
  if (!wantsSlack(values)) return undefined;
  const botToken = mistakes.need('SLACK_BOT_TOKEN', values.SLACK_BOT_TOKEN, 'for Slack: the bot token, xoxb-…');
  const workspace = mistakes.need('SLACK_WORKSPACE', values.SLACK_WORKSPACE, 'for Slack: the id of the workspace, T…');
  const connection = readConnection(values, mistakes);
  if (botToken === undefined || workspace === undefined || connection === undefined) return undefined;
  return { botToken, workspace, connection };
}

function readConnection(values: Environment, mistakes: Mistakes): SlackConfig['connection'] | undefined {
  if (values.SLACK_MODE === 'socket') {
    const why = 'for SLACK_MODE=socket: the app-level token, xapp-…';
    const appToken = mistakes.need('SLACK_APP_TOKEN', values.SLACK_APP_TOKEN, why);
    return appToken === undefined ? undefined : { mode: 'socket', appToken };
  }
  const why = 'for SLACK_MODE=http: it proves that requests come from Slack';
  const signingSecret = mistakes.need('SLACK_SIGNING_SECRET', values.SLACK_SIGNING_SECRET, why);
  return signingSecret === undefined ? undefined : { mode: 'http', signingSecret };
}

/** The console: on by itself when it is the only chat. Where others can reach it, its token must be one they can know. */
export function readConsole(values: Environment, mistakes: Mistakes): Config['console'] {
  const otherChats = wantsDiscord(values) || wantsSlack(values);
  const { CONSOLE, CONSOLE_TOKEN: token, CONSOLE_HOSTS: hosts, HTTP_HOST } = values;
  if (CONSOLE === 'off' && !otherChats) {
    mistakes.add('CONSOLE', 'expected auto or on: without Discord and Slack it is the only way to see a plan');
  }
  if (CONSOLE === 'off' || (CONSOLE === 'auto' && otherChats)) return undefined;
  if (![HTTP_HOST, ...hosts].every(isLoopback)) {
    mistakes.need(
      'CONSOLE_TOKEN',
      token,
      'when HTTP_HOST or CONSOLE_HOSTS let others than this machine reach the console',
    );
  }
  return { hosts, ...(token === undefined ? {} : { token }) };
}
