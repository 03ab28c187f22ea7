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
  type MadeChat,
  type MakeContext,
} from '../kind.ts';
import { slackManifest } from './manifest.ts';
import type { SlackOptions } from './slack.ts';

/** An id of Slack: a letter for the kind of object, and at least six more characters. */
function slackId(letters: string, what: string) {
  return is.text(new RegExp(`^[${letters}][A-Z0-9]{6,20}$`), `expected the id of a ${what}, ${letters[0]}…`);
}

const settings = z.object({
  SLACK_MODE: setting(is.choice('socket', 'http').prefault('socket'), {
    about: 'How Slack reaches the bot: socket (no open port) or http.',
    example: 'http',
  }),
  SLACK_BOT_TOKEN: setting(is.token(/^xoxb-[\x21-\x7e]{8,}$/, 'expected a bot token, xoxb-…').optional(), {
    about: 'Bot token, also as SLACK_BOT_TOKEN_FILE with the path of a file.',
    example: 'xoxb-your-bot-token',
    isSecret: true,
  }),
  SLACK_APP_TOKEN: setting(is.token(/^xapp-[\x21-\x7e]{8,}$/, 'expected an app-level token, xapp-…').optional(), {
    about: 'App-level token for SLACK_MODE=socket, also as SLACK_APP_TOKEN_FILE with the path of a file.',
    example: 'xapp-your-app-token',
    isSecret: true,
  }),
  SLACK_SIGNING_SECRET: setting(is.anyToken.optional(), {
    about: 'Signing secret for SLACK_MODE=http, also as SLACK_SIGNING_SECRET_FILE with the path of a file.',
    example: '8f742231b10e8888abcd99yyyzzz85a5',
    isSecret: true,
  }),
  SLACK_WORKSPACE: setting(slackId('T', 'workspace').optional(), {
    about: 'Id of the one workspace the bot listens to.',
    example: 'T0123ABCD',
  }),
  SLACK_CHANNEL: setting(slackId('CG', 'channel').optional(), {
    about: 'Id of the channel for plans.',
    example: 'C0123ABCD',
    inFile: { of: 'fleet', key: 'slackChannel' },
  }),
});

/** How the bot and Slack reach each other. */
type Connection =
  | { readonly mode: 'socket'; readonly appToken: Secret }
  | { readonly mode: 'http'; readonly signingSecret: Secret };

interface Account {
  readonly botToken: Secret;
  readonly workspace: string;
  readonly connection: Connection;
}

/** Slack: an app in one workspace, with a channel for each fleet. @param options of the adapter, for tests */
export function slack(options: Partial<SlackOptions> = {}): ChatKind {
  return {
    name: 'slack',
    title: 'Slack',
    ids: {
      person: { prefix: 'slack:user:', id: '[UW][A-Z0-9]{6,20}', sample: 'U…' },
      group: { prefix: 'slack:group:', id: 'S[A-Z0-9]{6,20}', sample: 'S…' },
    },
    // xoxb-, xoxp-, xoxe.xoxp-, xapp-.
    tokens: [/\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}/g, /\bxapp-[A-Za-z0-9-]{10,}/g],
    section: 'Slack',
    settings,
    channel: 'SLACK_CHANNEL',
    read: (source) => read(source, options),
    init: {
      questions: [],
      env: () => [
        '# Slack: xoxb-..., xapp-..., and the ids of the workspace and of the channel.',
        'SLACK_BOT_TOKEN=',
        'SLACK_APP_TOKEN=',
        'SLACK_WORKSPACE=',
        'SLACK_CHANNEL=',
      ],
      findIds: 'Slack: your profile > ... > Copy member ID   -> slack:user:<id>; a user group -> slack:group:<id>',
      steps,
      where: () => 'your Slack channel',
      files: () => [
        { name: manifestFile, text: `${JSON.stringify(slackManifest(), null, 2)}\n`, about: 'the app for Slack' },
      ],
    },
    async draw({ cards, forms }) {
      const [{ slackCard }, { formView }] = await Promise.all([import('./card.ts'), import('./form.ts')]);
      return [
        ...Object.entries(cards).map(([name, card]) => {
          const { text, blocks } = slackCard(card);
          const quiet = { unfurl_links: false, unfurl_media: false };
          return drawing(name, 'chat.postMessage', { channel: sampleChannel, text, blocks, ...quiet });
        }),
        ...Object.entries(forms).map(([name, form]) => drawing(name, 'view', formView(form, sampleChannel, undefined))),
      ];
    },
  };
}

const manifestFile = 'slack-manifest.json';
/** The channel id in drawings. */
const sampleChannel = 'C0DEPLOY01';

function read({ values, need, isWanted }: ChatSource, options: Partial<SlackOptions>): ChatSetup | undefined {
  const found = values(settings);
  if (!isWanted) return undefined;
  const botToken = need('SLACK_BOT_TOKEN', found.SLACK_BOT_TOKEN, 'for Slack: the bot token, xoxb-…');
  const workspace = need('SLACK_WORKSPACE', found.SLACK_WORKSPACE, 'for Slack: the id of the workspace, T…');
  const connection = readConnection(found, need);
  if (botToken === undefined || workspace === undefined || connection === undefined) return undefined;
  const account = { botToken, workspace, connection };
  return {
    name: 'slack',
    place: (channel) => (channel === undefined ? undefined : { workspace, channel }),
    make: (context) => make(context, account, options),
    async examine({ channels, ids, ...context }) {
      const { examineSlack } = await import('./doctor.ts');
      const { apiUrl: api = 'https://slack.com/api/' } = options;
      const channelIds = [...new Set(Object.values(channels))];
      const revealed = { ...revealedOf(account), channelIds, approvers: ids };
      return examineSlack({ ...context, ...revealed, api });
    },
  };
}

function readConnection(found: z.output<typeof settings>, need: ChatSource['need']): Connection | undefined {
  if (found.SLACK_MODE === 'socket') {
    const why = 'for SLACK_MODE=socket: the app-level token, xapp-…';
    const appToken = need('SLACK_APP_TOKEN', found.SLACK_APP_TOKEN, why);
    return appToken === undefined ? undefined : { mode: 'socket', appToken };
  }
  const why = 'for SLACK_MODE=http: it proves that requests come from Slack';
  const signingSecret = need('SLACK_SIGNING_SECRET', found.SLACK_SIGNING_SECRET, why);
  return signingSecret === undefined ? undefined : { mode: 'http', signingSecret };
}

function revealedOf({ botToken, workspace, connection }: Account) {
  return {
    botToken: botToken.reveal(),
    workspace,
    connection:
      connection.mode === 'socket'
        ? { mode: connection.mode, appToken: connection.appToken.reveal() }
        : { mode: connection.mode, signingSecret: connection.signingSecret.reveal() },
  };
}

async function make(context: MakeContext, account: Account, options: Partial<SlackOptions>): Promise<MadeChat> {
  const { SlackChat } = await import('./slack.ts');
  const { connection, botToken, workspace } = revealedOf(account);
  const chat = new SlackChat({
    botToken,
    workspace,
    ...connection,
    channelIds: context.channels,
    groups: context.ids.flatMap((id) => /^slack:group:(.+)$/.exec(id)?.[1] ?? []),
    log: context.log,
    ...options,
  });
  const routes = chat.routes();
  return { chat, editEveryMs: 3000, ...(routes === undefined ? {} : { routes }) };
}

function steps({ envFile, file }: InitAnswers): readonly InitStep[] {
  return [
    {
      text: `Slack: https://api.slack.com/apps > Create New App > From a manifest > your workspace > JSON: the text of ${file(manifestFile)}; then Install App, and copy the tokens into ${envFile}.`,
      lines: [
        'OAuth & Permissions > Bot User OAuth Token (xoxb-...)                     -> SLACK_BOT_TOKEN',
        'Basic Information > App-Level Tokens > with connections:write (xapp-...) -> SLACK_APP_TOKEN',
      ],
    },
    {
      text: 'Slack: open the channel in a browser; its address ends with /T.../C...: the first is SLACK_WORKSPACE, the second SLACK_CHANNEL. In that channel, type:',
      lines: ['/invite @proxnix'],
    },
  ];
}
