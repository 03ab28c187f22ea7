import type { InitStep } from '../../chat/kind.ts';
import { userOf } from '../../cluster/proxmox/errors.ts';
import { remoteOf } from '../../config/setting.ts';
import type { Forge } from '../../forge/forge.ts';
import { forges } from '../../forges.ts';
import { isLoopback } from '../../lib/addresses.ts';
import { shellWord } from '../../lib/text.ts';
import { aclLines, grantsFor, roleLines } from '../doctor/grants.ts';
import type { Answers } from './answers.ts';
import { answersFor, hasWebhooks, tokenId } from './env-file.ts';

/**
 * The remaining steps, numbered, up to a plan in the reader's own channel.
 * @param fileIn the path of a file, as the reader would write it
 */
export function nextSteps(answers: Answers, fileIn: (name: string) => string): string {
  const envFile = fileIn('.env');
  const steps = [
    programs,
    ...proxmoxSteps(answers, envFile),
    ...flakeSteps(answers, envFile),
    ...answers.chats.flatMap((chat) => chat.init.steps(answersFor(chat, answers, fileIn))),
    ...approverSteps(answers, envFile),
    ...webhookSteps(answers),
    ...tokenSteps(answers, envFile),
    ...lastSteps(answers, envFile, fileIn),
  ];
  return steps
    .map(({ text, lines = [] }, index) => [`${index + 1}. ${text}`, ...lines.map((line) => `     ${line}`)].join('\n'))
    .join('\n\n');
}

const programs: InitStep = {
  text: 'On this machine: git, Nix 2.18 or newer (https://nixos.org/download), and bubblewrap and util-linux for the sandbox that evaluations run in.',
  lines: [
    'git --version; nix --version; bwrap --version; setpriv --version',
    '/etc/nix/nix.conf has `sandbox = true`: without the sandbox of Nix nothing is built',
    '/dev/kvm can be opened by the builds (test -w /dev/kvm), or NIX_SETTINGS names a remote builder: disk images need it',
  ],
};

function proxmoxSteps(answers: Answers, envFile: string): readonly InitStep[] {
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

function flakeSteps({ gitUrl, branch }: Answers, envFile: string): readonly InitStep[] {
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

function approverSteps({ chats }: Answers, envFile: string): readonly InitStep[] {
  const lines = chats.flatMap(({ init }) => init.findIds ?? []);
  if (lines.length === 0) return [];
  return [{ text: `Say who may approve, in APPROVERS of ${envFile}; nobody may while it is empty.`, lines }];
}

function webhookSteps(answers: Answers): readonly InitStep[] {
  if (!hasWebhooks(answers)) return [];
  const { chats, listen, webhookUrl: known } = answers;
  const needed = chats.flatMap(({ init }) => init.openNeeds ?? []).map((name) => ` and a ${name}`);
  const proxy =
    isLoopback(listen) && known === undefined
      ? [
          `The bot listens on ${listen} only: let a reverse proxy pass /webhook on, or set HTTP_HOST=0.0.0.0${needed.join('')}.`,
        ]
      : [];
  return [
    {
      text: 'At the forge, in the repository, add a webhook. If the forge cannot reach this machine, leave this out: git is asked every 5 minutes (POLL_INTERVAL).',
      lines: [webhookUrl(answers), ...forgeLines(answers), ...proxy],
    },
  ];
}

function tokenSteps(answers: Answers, envFile: string): readonly InitStep[] {
  if (!hasWebhooks(answers)) return [];
  const known = forgesOf(answers);
  const kind = known.length === 1 ? '' : ' and what the forge is into FORGE (github, gitlab, gitea or forgejo)';
  return [
    {
      text: `If you want to see plans before the merge and their outcome beside each commit: put a token with these rights and no more into FORGE_TOKEN of ${envFile}${kind}. The comments show the plan to everybody who may read the repository.`,
      lines: known.map(({ title, tokenSteps: steps }) => `${title}: ${steps}`),
    },
  ];
}

/** The address of the webhook for the forge. */
export function webhookUrl({ webhookUrl: base }: Answers): string {
  if (base === undefined) return 'http://<the address of this machine>:6780/webhook';
  const url = new URL(base);
  if (url.pathname === '/') url.pathname = '/webhook';
  return url.href;
}

/** One line for the forge of the repository; one for every forge when its address does not identify it, the largest first. */
export function forgeLines(answers: Answers): readonly string[] {
  const secret = 'the value of WEBHOOK_SECRET in .env';
  return forgesOf(answers).map((forge) => `${forge.title}: ${forge.webhookSteps(secret)}`);
}

/** The forge of the repository; every forge, the largest first, when its address does not identify it. */
function forgesOf({ gitUrl = '' }: Answers): readonly Forge[] {
  const host = remoteOf(gitUrl)?.host;
  const known = forges.filter(({ hosts }) => hosts.some((one) => one === host));
  return known.length === 0 ? forges.toReversed() : known;
}

function lastSteps(answers: Answers, envFile: string, fileIn: (name: string) => string): readonly InitStep[] {
  const { chats, branch } = answers;
  const where = chats.map((chat) => chat.init.where(answersFor(chat, answers, fileIn)));
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

/** The commands for a root shell on one node: storage, roles, user, token, and the rights of both. */
export function proxmoxLines(answers: Answers): readonly string[] {
  const { pve: major, pool, imageStorage, targetStorage, bridge } = answers;
  const grants = grantsFor({ major, pool, imageStorage, targetStorages: targetStorage, bridges: bridge });
  const user = userOf(tokenId);
  const token = tokenId.slice(user.length + 1);
  return [
    ...storageLines(imageStorage),
    ...roleLines(grants),
    ...(pool === undefined ? [] : [`pveum pool add ${shellWord(pool)}`]),
    `pveum user add ${user}`,
    `pveum user token add ${user} ${token} --privsep 1`,
    ...grants.flatMap((grant) => aclLines(grant, tokenId)),
  ];
}

/** The command for the image storage: `local` exists on every node and only lacks `import`; any other is created as a folder. */
function storageLines(storage: string): readonly string[] {
  if (storage === 'local') {
    return [
      'pvesm set local --content iso,vztmpl,backup,import   # the whole list: keep what it holds now; VMs need import, containers vztmpl',
    ];
  }
  const name = shellWord(storage);
  return [
    `pvesm add dir ${name} --path /var/lib/${name} --content import,vztmpl   # there already? pvesm set ${name} --content import,vztmpl,<what it holds now>`,
  ];
}
