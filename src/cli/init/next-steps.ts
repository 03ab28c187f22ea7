import { inviteLink } from '../../chat/discord/commands.ts';
import { isLoopback } from '../../config/values.ts';
import type { Answers } from './answers.ts';
import { hasWebhooks, needsConsoleToken } from './env-file.ts';
import { forgeLines, webhookUrl } from './forges.ts';
import { proxmoxLines } from './proxmox-lines.ts';

/** A step: what to do, and below it lines to copy or to go by. */
interface Step {
  readonly text: string;
  readonly lines?: readonly string[];
}

/** Where the files were written, as the reader would name them. */
export interface Places {
  readonly envFile: string;
  readonly manifest: string;
}

/** Everything that is left to do, numbered, up to a plan in the reader's own channel. */
export function nextSteps(answers: Answers, places: Places): string {
  const steps = [
    programs,
    ...proxmoxSteps(answers, places),
    ...flakeSteps(answers, places),
    ...(answers.chat.includes('discord') ? discordSteps(answers, places) : []),
    ...(answers.chat.includes('slack') ? slackSteps(places) : []),
    ...approverSteps(answers, places),
    ...webhookSteps(answers),
    ...consoleSteps(answers, places),
    ...lastSteps(answers, places),
  ];
  return steps
    .map(({ text, lines = [] }, index) => [`${index + 1}. ${text}`, ...lines.map((line) => `     ${line}`)].join('\n'))
    .join('\n\n');
}

const programs: Step = {
  text: 'On this machine: git, and Nix 2.18 or newer (https://nixos.org/download).',
  lines: ['git --version; nix --version'],
};

function proxmoxSteps(answers: Answers, { envFile }: Places): readonly Step[] {
  const address =
    answers.proxmoxUrl === undefined
      ? [{ text: `Write the address of a node into ${envFile}: PROXMOX_URL=https://<node>:8006` }]
      : [];
  const certificate = {
    text: `Copy the certificate's fingerprint from the node into PROXMOX_FINGERPRINTS (skip this with a publicly trusted certificate):`,
    lines: ['openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem | cut -d= -f2'],
  };
  return [
    ...address,
    {
      text: `On a node of Proxmox VE, as root; then copy the "value" that \`pveum user token add\` prints into PROXMOX_TOKEN_SECRET:`,
      lines: proxmoxLines(answers),
    },
    ...(answers.proxmoxUrl?.startsWith('http:') === true ? [] : [certificate]),
  ];
}

function flakeSteps({ gitUrl, branch }: Answers, { envFile }: Places): readonly Step[] {
  const address =
    gitUrl === undefined
      ? [{ text: `Write the clone address of the flake into ${envFile}: GIT_URL=https://<forge>/<owner>/<name>.git` }]
      : [];
  const isLocal = gitUrl?.startsWith('/') === true || gitUrl?.startsWith('file:') === true;
  const isSsh = gitUrl !== undefined && !gitUrl.startsWith('http');
  const how = isSsh
    ? `GIT_SSH_COMMAND=ssh -i <path of a deploy key> -o IdentitiesOnly=yes`
    : 'GIT_TOKEN=<a token that may read it>';
  return [
    ...address,
    {
      text: `The flake has an output \`proxnix\` with its guests, on the branch ${branch}; the README has an example to start from.`,
    },
    ...(isLocal ? [] : [{ text: `If the repository is private: ${how}` }]),
  ];
}

function discordSteps({ discordApplication }: Answers, { envFile }: Places): readonly Step[] {
  const id = discordApplication ?? 'APPLICATION_ID';
  const where =
    discordApplication === undefined
      ? ', with the Application ID of General Information in place of APPLICATION_ID'
      : '';
  return [
    {
      text: 'Discord: https://discord.com/developers/applications > New Application (or the one you have) > Bot > Reset Token, and copy it into DISCORD_TOKEN. No privileged intent is needed.',
    },
    { text: `Discord: open this link and choose your server${where}:`, lines: [inviteLink(id)] },
    {
      text: `Discord: Settings > Advanced > Developer Mode; then right click and copy the ids into ${envFile}. In a private channel, add the bot to it first.`,
      lines: ['the server  > Copy Server ID  -> DISCORD_GUILD', 'the channel > Copy Channel ID -> DISCORD_CHANNEL'],
    },
  ];
}

function slackSteps({ envFile, manifest }: Places): readonly Step[] {
  return [
    {
      text: `Slack: https://api.slack.com/apps > Create New App > From a manifest > your workspace > JSON: the text of ${manifest}; then Install App, and copy the tokens into ${envFile}.`,
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

function approverSteps({ chat }: Answers, { envFile }: Places): readonly Step[] {
  const lines = [
    chat.includes('discord')
      ? ['Discord: right click your name > Copy User ID -> discord:user:<id>; a role -> discord:role:<id>']
      : [],
    chat.includes('slack')
      ? ['Slack: your profile > ... > Copy member ID   -> slack:user:<id>; a user group -> slack:group:<id>']
      : [],
  ].flat();
  if (lines.length === 0) return [];
  return [{ text: `Say who may approve, in APPROVERS of ${envFile}; nobody may while it is empty.`, lines }];
}

function webhookSteps(answers: Answers): readonly Step[] {
  if (!hasWebhooks(answers)) return [];
  const { chat, listen, webhookUrl: known } = answers;
  const token = chat.includes('console') ? ' and a CONSOLE_TOKEN' : '';
  const proxy =
    isLoopback(listen) && known === undefined
      ? [`The bot listens on ${listen} only: let a reverse proxy pass /webhook on, or set HTTP_HOST=0.0.0.0${token}.`]
      : [];
  return [
    {
      text: 'At the forge, in the repository, add a webhook. If the forge cannot reach this machine, leave this out: git is asked every 5 minutes (POLL_INTERVAL).',
      lines: [webhookUrl(answers), ...forgeLines(answers), ...proxy],
    },
  ];
}

function consoleSteps(answers: Answers, { envFile }: Places): readonly Step[] {
  if (!needsConsoleToken(answers)) return [];
  return [
    {
      text: `The console asks for CONSOLE_TOKEN of ${envFile}. Write the name or address that you open it under into CONSOLE_HOSTS. It speaks plain HTTP: let a reverse proxy with TLS stand before it, and HTTP_HOST be 127.0.0.1.`,
    },
  ];
}

function lastSteps(answers: Answers, { envFile }: Places): readonly Step[] {
  const { chat, branch } = answers;
  const address = needsConsoleToken(answers) ? 'the console' : 'the console, at the address that it prints';
  const where = [
    chat.includes('discord') ? ['your Discord channel'] : [],
    chat.includes('slack') ? ['your Slack channel'] : [],
    chat.includes('console') ? [address] : [],
  ].flat();
  const option = envFile === '.env' ? '' : ` --env-file ${envFile}`;
  return [
    {
      text: 'Check all of it; each failure comes with the line that mends it:',
      lines: [`npx proxnix doctor${option}`],
    },
    {
      text: `Start it. The plan shows in ${where.join(' and ')}: at the next push to ${branch}, or when you type /proxnix plan.`,
      lines: [option === '' ? 'npm start' : `npm start --${option}`],
    },
  ];
}
