import type { ChatKind, InitAnswers } from '../../chat/kind.ts';
import { repositoryOf } from '../../config/setting.ts';
import type { Answers } from './answers.ts';

/** The id of the token that the printed commands create. */
export const tokenId = 'proxnix@pve!bot';

/**
 * The text of `.env`.
 * @param newSecret makes a random secret in hex
 * @param fileIn the path of a file, as the reader would write it
 */
export function envText(answers: Answers, newSecret: () => string, fileIn: (name: string) => string): string {
  const parts = [
    [
      '# Settings of proxnix, made by `proxnix init`; .env.example explains every variable there is.',
      '# What is empty here is filled in by the steps that were printed. Keep this file to yourself.',
    ],
    proxmoxLines(answers),
    flakeLines(answers),
    pushLines(answers, newSecret),
    [
      '# HTTP: the webhook and the console.',
      line('HTTP_HOST', answers.listen),
      ...answers.otherChats.flatMap(({ init }) => init.offEnv ?? []),
    ],
    ...answers.chats.map((chat) => chat.init.env(answersFor(chat, answers, fileIn), newSecret)),
    approverLines(answers),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** The answers that a chat may read. */
export function answersFor(chat: ChatKind, { chats, own, listen }: Answers, fileIn: (name: string) => string) {
  const names = chat.init.questions.map(({ name }) => name);
  return {
    own: Object.fromEntries(Object.entries(own).filter(([name]) => names.includes(name))),
    listen,
    hasOthers: chats.length > 1,
    envFile: fileIn('.env'),
    file: fileIn,
  } satisfies InitAnswers;
}

/** Whether a forge can report pushes of the repository. A path on this machine has no owner/name for that, so it is polled. */
export function hasWebhooks({ gitUrl }: Answers): boolean {
  return gitUrl === undefined || repositoryOf(gitUrl) !== undefined;
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
  const token = ['# Sends statuses and previews to the forge; nothing is sent while it is empty.', 'FORGE_TOKEN='];
  if (hasWebhooks(answers)) return ['# Pushes.', ...secret, ...token];
  return ['# Pushes: a path has no forge, so git is asked instead.', 'WEBHOOKS=off', 'POLL_INTERVAL=60s', ...secret];
}

function approverLines({ chats }: Answers): readonly string[] {
  const forms = chats
    .filter(({ init }) => init.owner === undefined)
    .flatMap(({ ids }) => [ids.person, ...(ids.group === undefined ? [] : [ids.group])])
    .map(({ prefix }) => `${prefix}<id>`);
  const owners = chats.flatMap(({ init }) => init.owner ?? []);
  return [
    `# Who may approve, with commas${forms.length === 0 ? '' : `: ${forms.join(', ')}`}. Nobody may while it is empty.`,
    line('APPROVERS', owners.join(', ')),
  ];
}

/** Quotes a value that dotenv could read differently, with quotes that it does not contain. */
function line(name: string, value = ''): string {
  if (!/[\s#'"`\\]/.test(value)) return `${name}=${value}`;
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark)) ?? "'";
  return `${name}=${quote}${value}${quote}`;
}
