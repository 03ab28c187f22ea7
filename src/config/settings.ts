import { z } from 'zod';
import type { ChatKind } from '../chat/kind.ts';
import { peopleShapes } from './people.ts';
import * as is from './setting.ts';
import {
  address,
  attribute,
  branch,
  clusterUrl,
  fleetName,
  folder,
  gitUrl,
  hostAndPort,
  nixSettings,
  pool,
  repository,
  setting,
  storage,
  tokenId,
  webUrl,
} from './setting.ts';

/**
 * Every setting of proxnix except those of the chats, which are in their `kind.ts`. This list defines the readers of the
 * environment and of the fleets file, the warnings about misspelled names, and `.env.example`. Defaults have the form of the
 * environment.
 */
const proxmox = z.object({
  PROXMOX_URL: setting(clusterUrl.optional(), {
    about: 'Address of the API of any node of the cluster; needed.',
    example: 'https://pve1.example.org:8006',
    inFile: { of: 'cluster', key: 'url' },
    isOneFleets: true,
  }),
  PROXMOX_TOKEN_ID: setting(tokenId.optional(), {
    about: 'Id of the API token; needed.',
    example: 'proxnix@pve!bot',
    inFile: { of: 'cluster', key: 'tokenId' },
    isOneFleets: true,
  }),
  PROXMOX_TOKEN_SECRET: setting(is.anyToken.optional(), {
    about: 'Secret of the API token; needed, also as PROXMOX_TOKEN_SECRET_FILE with the path of a file.',
    example: '2c0f7a9e-5f0b-4a53-9d3e-1b7c86f0a4d2',
    isSecret: true,
    inFile: { of: 'cluster', key: 'tokenSecret' },
    isOneFleets: true,
  }),
  PROXMOX_CA_FILE: setting(z.string().optional(), {
    about: "File with the certificates to trust, such as the cluster's own pve-root-ca.pem.",
    example: '/etc/proxnix/pve-root-ca.pem',
    inFile: { of: 'cluster', key: 'caFile' },
    isOneFleets: true,
  }),
  PROXMOX_FINGERPRINTS: setting(is.list(is.fingerprint).optional(), {
    about: "SHA-256 fingerprints of the nodes' certificates, for a cluster without a CA file.",
    example: '7A:1B:9C:2D:3E:4F:50:61:72:83:94:A5:B6:C7:D8:E9:FA:0B:1C:2D:3E:4F:50:61:72:83:94:A5:B6:C7:D8:E9',
    inFile: { of: 'cluster', key: 'fingerprints' },
    isOneFleets: true,
  }),
  PROXMOX_IMAGE_STORAGE: setting(storage.prefault('local'), {
    about:
      'Storage for images, on every node that gets guests, with "import" in its content; for containers with "vztmpl".',
    example: 'images',
    inFile: { of: 'cluster', key: 'imageStorage' },
  }),
  PROXMOX_POOL: setting(pool.optional(), {
    about: 'Pool that new VMs are put into.',
    example: 'proxnix',
    inFile: { of: 'cluster', key: 'pool' },
    isOneFleets: true,
  }),
});

const flake = z.object({
  GIT_URL: setting(gitUrl.optional(), {
    about: 'Where the flake is cloned from; needed.',
    example: 'https://git.example.org/ada/fleet.git',
    inFile: { of: 'fleet', key: 'gitUrl' },
    isOneFleets: true,
  }),
  GIT_BRANCH: setting(branch.prefault('main'), {
    about: 'The branch that is deployed.',
    example: 'production',
    inFile: { of: 'fleet', key: 'branch' },
  }),
  GIT_TOKEN: setting(is.anyToken.optional(), {
    about: 'Token for a private repository over https, also as GIT_TOKEN_FILE with the path of a file.',
    example: 'github_pat_11AAAAAAA0example',
    isSecret: true,
    inFile: { of: 'fleet', key: 'gitToken' },
    isOneFleets: true,
  }),
  GIT_SSH_COMMAND: setting(z.string().optional(), {
    about: 'The ssh command for a private repository over ssh.',
    example: 'ssh -i /etc/proxnix/deploy-key -o IdentitiesOnly=yes',
    inFile: { of: 'fleet', key: 'gitSshCommand' },
    isOneFleets: true,
  }),
  FLAKE_DIR: setting(folder.optional(), {
    about: 'Folder of the flake inside the repository, when it is not at the top.',
    example: 'infra/proxmox',
    inFile: { of: 'fleet', key: 'flakeDir' },
    isOneFleets: true,
  }),
  IMAGE_ATTRIBUTE: setting(attribute.prefault('config.system.build.qcow2'), {
    about: 'Attribute of a NixOS configuration that builds its disk image.',
    example: 'config.system.build.images.qemu',
    inFile: { of: 'fleet', key: 'imageAttribute' },
  }),
  IMAGE_FILE: setting(folder.optional(), {
    about: 'Path of the disk image inside the output of that attribute, when proxnix cannot find it.',
    example: 'nixos.qcow2',
    inFile: { of: 'fleet', key: 'imageFile' },
    isOneFleets: true,
  }),
  CONTAINER_ATTRIBUTE: setting(attribute.prefault('config.system.build.tarball'), {
    about: 'Attribute of a NixOS configuration that builds the root file system of a container, as a tarball.',
    example: 'config.system.build.images.proxmox-lxc',
    inFile: { of: 'fleet', key: 'containerAttribute' },
  }),
  CONTAINER_FILE: setting(folder.optional(), {
    about: 'Path of the tarball inside the output of that attribute, when proxnix cannot find it.',
    example: 'tarball/nixos-system-x86_64-linux.tar.xz',
    inFile: { of: 'fleet', key: 'containerFile' },
    isOneFleets: true,
  }),
  FLEET: setting(fleetName.prefault('default'), {
    about: 'Name of the fleet on cards and in commands.',
    example: 'homelab',
  }),
  PROXNIX_FLEETS: setting(z.string().optional(), {
    about: 'JSON file with several fleets and clusters, instead of the variables above.',
    example: '/etc/proxnix/fleets.json',
  }),
});

const pushes = z.object({
  WEBHOOKS: setting(is.choice('on', 'off').prefault('on'), {
    about: 'Whether a forge may announce pushes at /webhook: on or off.',
    example: 'off',
  }),
  WEBHOOK_SECRET: setting(is.madeUpSecret.optional(), {
    about:
      'Secret shared with the forge; needed unless WEBHOOKS=off, also as WEBHOOK_SECRET_FILE with the path of a file.',
    example: '5d1f0c3b7a9e4826b1d3f5a7c9e0b2d4',
    isSecret: true,
  }),
  WEBHOOK_REPOSITORY: setting(repository.optional(), {
    about: 'Repository whose pushes count, when GIT_URL does not contain its name.',
    example: 'ada/fleet',
    inFile: { of: 'fleet', key: 'repository' },
    isOneFleets: true,
  }),
  POLL_INTERVAL: setting(is.durationOrOff.prefault('5m'), {
    about: 'How often git is asked for a new commit, or off.',
    example: '60s',
  }),
});

const forge = z.object({
  FORGE_TOKEN: setting(is.anyToken.optional(), {
    about:
      'Token that sends statuses of commits, and previews as comments; without it nothing is sent. Also as FORGE_TOKEN_FILE with the path of a file.',
    example: 'github_pat_11AAAAAAA0example',
    isSecret: true,
    inFile: { of: 'fleet', key: 'forgeToken' },
    isOneFleets: true,
  }),
  FORGE: setting(is.choice('github', 'gitlab', 'gitea', 'forgejo').optional(), {
    about: 'What the repository is on, when the host of GIT_URL does not tell: github, gitlab, gitea or forgejo.',
    example: 'forgejo',
    inFile: { of: 'fleet', key: 'forge' },
    isOneFleets: true,
  }),
  FORGE_URL: setting(webUrl.optional(), {
    about: "Address of the forge's API, when it is not at the usual place on the host of GIT_URL.",
    example: 'https://git.example.org/api/v1',
    inFile: { of: 'fleet', key: 'forgeUrl' },
    isOneFleets: true,
  }),
  PREVIEW_FORKS: setting(is.choice('on', 'off').prefault('off'), {
    about:
      'Whether pull requests from other repositories get a preview as well: on, and then strangers have code evaluated here, or off.',
    example: 'on',
    inFile: { of: 'fleet', key: 'previewForks' },
  }),
});

const http = z.object({
  HTTP_HOST: setting(address.prefault('127.0.0.1'), {
    about:
      'Address that the HTTP server listens on; it speaks plain HTTP, so put a reverse proxy with TLS in front of it.',
    example: '::1',
  }),
  HTTP_PORT: setting(is.whole(0, 65_535).prefault('6780'), {
    about: 'Port that the HTTP server listens on.',
    example: '8080',
  }),
  PUBLIC_URL: setting(webUrl.optional(), {
    about: 'Address under which people open the console, for links to a run from the forge.',
    example: 'https://proxnix.example.org',
  }),
  METRICS_TOKEN: setting(is.madeUpSecret.optional(), {
    about:
      "Token for /metrics, also as METRICS_TOKEN_FILE with the path of a file; the console's token is good there, too.",
    example: '1f2e3d4c5b6a79880123456789abcdef',
    isSecret: true,
  }),
});

const drift = z.object({
  ON_STOPPED: setting(is.choice('start', 'report').prefault('start'), {
    about: 'What happens to a VM that stopped by itself: start or report.',
    example: 'report',
    inFile: { of: 'fleet', key: 'onStopped' },
  }),
  DRIFT_POWER_INTERVAL: setting(is.durationOrOff.prefault('60s'), {
    about: 'How often the power state is compared, or off.',
    example: '5m',
  }),
  DRIFT_PLAN_INTERVAL: setting(is.durationOrOff.prefault('15m'), {
    about: 'How often the whole plan of the last commit is compared, or off.',
    example: '1h',
  }),
});

const nix = z.object({
  NIX_EVAL_TIMEOUT: setting(is.duration.prefault('10m'), {
    about: 'How long one evaluation may take.',
    example: '5m',
  }),
  NIX_BUILD_TIMEOUT: setting(is.duration.prefault('2h'), {
    about: 'How long the build of one derivation may take.',
    example: '6h',
  }),
  NIX_EVAL_MEMORY: setting(is.size.prefault('4G'), {
    about: 'Address space of one evaluation; allow a quarter more than the memory it needs.',
    example: '8G',
  }),
  NIX_BATCH: setting(is.whole(1, 100).prefault('8'), { about: 'How many images one process evaluates.', example: '4' }),
  NIX_WORKERS: setting(is.whole(1, 64).prefault('2'), { about: 'How many evaluations run at once.', example: '4' }),
  NIX_EVAL_SANDBOX: setting(is.choice('on', 'off').prefault('on'), {
    about:
      'Whether evaluations run in a sandbox without network (bubblewrap): on, or off, and then a push reads what the bot can.',
    example: 'off',
  }),
  NIX_EVAL_HOSTS: setting(is.list(hostAndPort).prefault(''), {
    about: 'Hosts that an evaluation may reach, and the fetch of inputs also at private addresses.',
    example: 'git.lan:3000, cache.example.org',
  }),
  NIX_PRIVATE_STORE: setting(is.flag.prefault('false'), {
    about: "Whether each fleet has a Nix store of its own, in STATE_DIR, in place of the machine's: true or false.",
    example: 'true',
  }),
  NIX_ALLOW_IFD: setting(is.flag.prefault('false'), {
    about: 'Whether an evaluation may build (import from derivation), before anybody approved: true or false.',
    example: 'true',
  }),
  NIX_RESTRICT_EVAL: setting(is.flag.prefault('false'), {
    about: 'Whether an evaluation is restricted to the flake and its inputs: true or false.',
    example: 'true',
  }),
  NIX_SETTINGS: setting(nixSettings.prefault(''), {
    about:
      'Further settings for Nix, one "key = value" a line; \\n stands for the end of a line. Access tokens for inputs go here.',
    example: 'max-jobs = 4\\nextra-substituters = https://cache.example.org',
  }),
});

const bot = z.object({
  STATE_DIR: setting(z.string().prefault('.proxnix'), {
    about: 'Folder for runs, the audit and the git mirror.',
    example: '/var/lib/proxnix',
  }),
  LOG_LEVEL: setting(is.choice('trace', 'debug', 'info', 'warn', 'error', 'silent').prefault('info'), {
    about: 'How much is logged: trace, debug, info, warn, error or silent.',
    example: 'debug',
  }),
});

/** Who may ask and approve: ids as the chats spell them. */
function rights(chats: readonly ChatKind[]) {
  const { approver, authors, people } = peopleShapes(chats);
  return z.object({
    APPROVERS: setting(is.list(approver).prefault(''), {
      about: 'Ids of the people and groups that may approve; nobody may when it is empty.',
      example: 'console:owner, discord:role:334455667788990011, slack:user:U0123ABCD',
      inFile: { of: 'fleet', key: 'approvers' },
    }),
    VIEWERS: setting(is.list(approver).prefault(''), {
      about:
        'Ids of the people and groups that may read and ask for plans beside the approvers; empty is whoever is in the channel.',
      example: 'discord:role:556677889900112233, slack:group:S0123ABCD',
      inFile: { of: 'fleet', key: 'viewers' },
    }),
    APPROVALS: setting(is.whole(1, 10).prefault('1'), {
      about: 'How many people must approve a plan.',
      example: '2',
      inFile: { of: 'fleet', key: 'approvals' },
    }),
    AUTHOR_MAY_APPROVE: setting(is.flag.prefault('true'), {
      about: 'Whether who wrote or committed anything since the last apply may approve its plan: true or false.',
      example: 'false',
      inFile: { of: 'fleet', key: 'authorMayApprove' },
    }),
    AUTHORS: setting(authors.prefault(''), {
      about:
        'Who an author of commits is in the chats, by the name or the address that git shows; bot stands for a program.',
      example:
        'Ada Lovelace=discord:user:445566778899001122, ada@example.org=slack:user:U0123ABCD, noreply@github.com=bot',
      inFile: { of: 'fleet', key: 'authors' },
    }),
    PEOPLE: setting(people.prefault(''), {
      about: 'Which ids are one person; approvals from two chats count as two people only where both ids stand here.',
      example: 'ada=discord:user:445566778899001122, ada=slack:user:U0123ABCD, grace=console:owner',
      inFile: { of: 'fleet', key: 'people' },
    }),
    ALLOW_OTHER_BRANCHES: setting(is.flag.prefault('false'), {
      about: 'Whether a commit may be approved that is not on GIT_BRANCH: true or false.',
      example: 'true',
      inFile: { of: 'fleet', key: 'allowOtherBranches' },
    }),
    MAX_DESTROY: setting(is.whole(0, 1_000).optional(), {
      about:
        'How many VMs a plan may destroy before a whole sentence has to be typed; empty is a fifth of the fleet, at least one.',
      example: '3',
      inFile: { of: 'fleet', key: 'maxDestroy' },
    }),
    PLAN_EXPIRY: setting(is.duration.prefault('24h'), {
      about: 'How long a plan may be approved.',
      example: '4h',
      inFile: { of: 'fleet', key: 'planExpiry' },
    }),
    ROLLBACK_WINDOW: setting(is.duration.prefault('24h'), {
      about:
        'How long a replaced root disk is retained for a rollback, and how long unused image files and GC roots are kept.',
      example: '7d',
      inFile: { of: 'fleet', key: 'rollbackWindow' },
    }),
  });
}

/** The schema of all settings but those of the chats. */
export function environmentOf(chats: readonly ChatKind[]) {
  return z.object({
    ...proxmox.shape,
    ...flake.shape,
    ...pushes.shape,
    ...forge.shape,
    ...http.shape,
    ...rights(chats).shape,
    ...drift.shape,
    ...nix.shape,
    ...bot.shape,
  });
}

/** Values by name. What is mistaken was noted and is absent, or has its default. */
export type Environment = z.output<ReturnType<typeof environmentOf>>;

/** A heading of `.env.example` with its settings. */
export interface Section {
  readonly title: string;
  readonly settings: z.ZodObject;
}

/** Every setting, by heading, in the order of `.env.example`. */
export function sectionsOf(chats: readonly ChatKind[]): readonly Section[] {
  return [
    { title: 'Proxmox VE', settings: proxmox },
    { title: 'The flake', settings: flake },
    { title: 'Pushes', settings: pushes },
    { title: 'Back to the forge', settings: forge },
    { title: 'HTTP', settings: http },
    ...chats.map(({ section, settings }) => ({ title: section, settings })),
    { title: 'Who may ask and approve', settings: rights(chats) },
    { title: 'Drift', settings: drift },
    { title: 'Nix', settings: nix },
    { title: 'The bot itself', settings: bot },
  ];
}
