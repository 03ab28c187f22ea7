import { repositoryOf } from '../../config/addresses.ts';
import { isLoopback } from '../../lib/addresses.ts';
import type { Answers } from './answers.ts';

/** The id of the token that the printed commands make. */
export const tokenId = 'proxnix@pve!bot';

/** The text of `.env`. @param newSecret makes a fresh random one, in hex */
export function envText(answers: Answers, newSecret: () => string): string {
  const parts = [
    [
      '# Settings of proxnix, made by `proxnix init`; .env.example explains every variable there is.',
      '# What is empty here is filled in by the steps that were printed. Keep this file to yourself.',
    ],
    proxmoxLines(answers),
    flakeLines(answers),
    pushLines(answers, newSecret),
    httpLines(answers, newSecret),
    answers.chat.includes('discord') ? discordLines : [],
    answers.chat.includes('slack') ? slackLines : [],
    approverLines(answers),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Webhooks name a repository as owner/name; a path on this machine has none, and is polled instead. */
export function hasWebhooks({ gitUrl }: Answers): boolean {
  return gitUrl === undefined || repositoryOf(gitUrl) !== undefined;
}

/** Others than this machine are to log in, who cannot read the token that the bot would make. */
export function needsConsoleToken({ chat, listen }: Answers): boolean {
  return chat.includes('console') && !isLoopback(listen);
}

function proxmoxLines({ proxmoxUrl, imageStorage, pool }: Answers): readonly string[] {
  return [
    '# Proxmox VE. The secret is what `pveum user token add` prints, once.',
    line('PROXMOX_URL', proxmoxUrl),
    line('PROXMOX_TOKEN_ID', tokenId),
    'PROXMOX_TOKEN_SECRET=',
    '# Of the certificate, SHA-256; or PROXMOX_CA_FILE with the path of a copy of /etc/pve/pve-root-ca.pem.',
    'PROXMOX_FINGERPRINTS=',
    line('PROXMOX_IMAGE_STORAGE', imageStorage),
    ...(pool === undefined ? [] : [line('PROXMOX_POOL', pool)]),
  ];
}

function flakeLines({ gitUrl, branch }: Answers): readonly string[] {
  const credentials = gitUrl?.startsWith('http')
    ? ['# For a private repository: a token that may read it.', 'GIT_TOKEN=']
    : ['# For a private repository: the key that may read it.', 'GIT_SSH_COMMAND='];
  const isPath = gitUrl?.startsWith('/') === true || gitUrl?.startsWith('file:') === true;
  return [
    '# The flake.',
    line('GIT_URL', gitUrl),
    line('GIT_BRANCH', branch),
    ...(isPath ? [] : gitUrl === undefined ? ['# For a private repository over https.', 'GIT_TOKEN='] : credentials),
  ];
}

function pushLines(answers: Answers, newSecret: () => string): readonly string[] {
  const secret = ['# Shared with the forge.', line('WEBHOOK_SECRET', newSecret())];
  if (hasWebhooks(answers)) return ['# Pushes.', ...secret];
  return ['# Pushes: a path has no forge, so git is asked instead.', 'WEBHOOKS=off', 'POLL_INTERVAL=60s', ...secret];
}

function httpLines(answers: Answers, newSecret: () => string): readonly string[] {
  const { chat, listen } = answers;
  const others = chat.some((name) => name !== 'console');
  // Written out beside other chats, so that a chat without its token is a mistake and not a silent console.
  const on = chat.includes('console') ? (others ? ['CONSOLE=on'] : []) : ['CONSOLE=off'];
  const token = needsConsoleToken(answers)
    ? [
        '# To log in to the console, and the name it is opened under.',
        line('CONSOLE_TOKEN', newSecret()),
        'CONSOLE_HOSTS=',
      ]
    : [];
  return ['# HTTP: the webhook and the console.', line('HTTP_HOST', listen), ...on, ...token];
}

const discordLines: readonly string[] = [
  '# Discord: the token of the bot, and the ids of the server and of the channel.',
  'DISCORD_TOKEN=',
  'DISCORD_GUILD=',
  'DISCORD_CHANNEL=',
];

const slackLines: readonly string[] = [
  '# Slack: xoxb-..., xapp-..., and the ids of the workspace and of the channel.',
  'SLACK_BOT_TOKEN=',
  'SLACK_APP_TOKEN=',
  'SLACK_WORKSPACE=',
  'SLACK_CHANNEL=',
];

function approverLines({ chat }: Answers): readonly string[] {
  const forms = [
    chat.includes('discord') ? ['discord:user:<id>', 'discord:role:<id>'] : [],
    chat.includes('slack') ? ['slack:user:<id>', 'slack:group:<id>'] : [],
  ].flat();
  const owner = chat.includes('console') ? 'console:owner' : '';
  return [
    `# Who may approve, with commas${forms.length === 0 ? '' : `: ${forms.join(', ')}`}. Nobody may while it is empty.`,
    line('APPROVERS', owner),
  ];
}

/** A value that could be read otherwise is put into quotes that it does not contain. */
function line(name: string, value = ''): string {
  if (!/[\s#'"`\\]/.test(value)) return `${name}=${value}`;
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark)) ?? "'";
  return `${name}=${quote}${value}${quote}`;
}
