import type { Policy } from '../core/policy.ts';
import { repositoryOf } from './addresses.ts';
import type { Environment, VariableName } from './environment.ts';
import type { Mistakes } from './mistakes.ts';
import type { ClusterConfig, Config, FleetConfig, GitConfig } from './model.ts';
import { type ReadFile, readText } from './read.ts';

/** What a configuration deploys, and where. */
export interface Fleets {
  readonly clusters: readonly ClusterConfig[];
  readonly fleets: readonly FleetConfig[];
}

/** The one fleet of the plain environment, on the one cluster. */
export function readFleet(values: Environment, chats: Chats, readFile: ReadFile, mistakes: Mistakes): Fleets {
  const clusters = readCluster(values, readFile, mistakes);
  // A missing address is noted; the rest is read all the same, so that everything is said at once.
  const url = mistakes.need('GIT_URL', values.GIT_URL, 'to know which flake to deploy') ?? '';
  const repository = values.WEBHOOK_REPOSITORY ?? repositoryOf(url);
  if (url !== '' && repository === undefined && values.WEBHOOKS === 'on') {
    mistakes.add('WEBHOOK_REPOSITORY', 'needed as owner/name: GIT_URL does not tell it');
  }
  const channels = channelsOf(values.DISCORD_CHANNEL, values.SLACK_CHANNEL);
  const fleet: FleetConfig = {
    name: values.FLEET,
    cluster: onlyCluster,
    git: gitOf({
      url,
      branch: values.GIT_BRANCH,
      token: values.GIT_TOKEN,
      sshCommand: values.GIT_SSH_COMMAND,
      repository,
    }),
    flake: {
      imageAttribute: values.IMAGE_ATTRIBUTE,
      containerAttribute: values.CONTAINER_ATTRIBUTE,
      ...(values.FLAKE_DIR === undefined ? {} : { dir: values.FLAKE_DIR }),
      ...(values.IMAGE_FILE === undefined ? {} : { imageFile: values.IMAGE_FILE }),
      ...(values.CONTAINER_FILE === undefined ? {} : { containerFile: values.CONTAINER_FILE }),
    },
    channels,
    policy: { ...policyOf(values), places: placesOf(channels, chats) },
    planExpiryMs: values.PLAN_EXPIRY,
    rollbackWindowMs: values.ROLLBACK_WINDOW,
    onStopped: values.ON_STOPPED,
  };
  return { clusters, fleets: [fleet] };
}

const onlyCluster = 'default';

/** Variables that describe the one fleet; with a fleets file they would be ignored without a word. */
export const singleFleetNames: readonly VariableName[] = [
  'PROXMOX_URL',
  'PROXMOX_TOKEN_ID',
  'PROXMOX_TOKEN_SECRET',
  'PROXMOX_CA_FILE',
  'PROXMOX_FINGERPRINTS',
  'PROXMOX_POOL',
  'GIT_URL',
  'GIT_TOKEN',
  'GIT_SSH_COMMAND',
  'FLAKE_DIR',
  'IMAGE_FILE',
  'CONTAINER_FILE',
  'WEBHOOK_REPOSITORY',
];

/** The chats that a fleet's channels are in. */
export type Chats = Pick<Config, 'discord' | 'slack'>;

/** Leaves out what is `undefined`. */
export function channelsOf(discord: string | undefined, slack: string | undefined): FleetConfig['channels'] {
  return { ...(discord === undefined ? {} : { discord }), ...(slack === undefined ? {} : { slack }) };
}

/** A fleet is decided in its own channels of the one guild and the one workspace. */
export function placesOf(channels: FleetConfig['channels'], { discord, slack }: Chats): Policy['places'] {
  return [
    ...(discord === undefined || channels.discord === undefined
      ? []
      : [{ chat: 'discord' as const, workspace: discord.guild, channel: channels.discord }]),
    ...(slack === undefined || channels.slack === undefined
      ? []
      : [{ chat: 'slack' as const, workspace: slack.workspace, channel: channels.slack }]),
  ];
}

type Loose<T> = { readonly [Key in keyof T]: T[Key] | undefined };

/** Leaves out what is `undefined`. */
export function gitOf(git: Pick<GitConfig, 'url' | 'branch'> & Loose<GitConfig>): GitConfig {
  const { url, branch, token, sshCommand, repository } = git;
  return {
    url,
    branch,
    ...(token === undefined ? {} : { token }),
    ...(sshCommand === undefined ? {} : { sshCommand }),
    ...(repository === undefined ? {} : { repository }),
  };
}

/** Certificates of a CA file; what else is no certificate is noted under `name`. */
export function readCa(name: string, path: string, readFile: ReadFile, mistakes: Mistakes): string | undefined {
  const pem = readText(name, path, readFile, mistakes);
  if (pem !== undefined && !pem.includes('-----BEGIN CERTIFICATE-----')) {
    mistakes.add(name, `expected a file with certificates in PEM, such as pve-root-ca.pem: ${path}`);
  }
  return pem;
}

function policyOf(values: Environment): Omit<Policy, 'places'> {
  return {
    approvers: values.APPROVERS,
    viewers: values.VIEWERS,
    approvals: values.APPROVALS,
    authorMayApprove: values.AUTHOR_MAY_APPROVE,
    authors: values.AUTHORS,
    people: values.PEOPLE,
    allowOtherBranches: values.ALLOW_OTHER_BRANCHES,
    maxDestroy: values.MAX_DESTROY,
  };
}

function readCluster(values: Environment, readFile: ReadFile, mistakes: Mistakes): ClusterConfig[] {
  const url = mistakes.need('PROXMOX_URL', values.PROXMOX_URL, 'to reach the cluster');
  const tokenId = mistakes.need('PROXMOX_TOKEN_ID', values.PROXMOX_TOKEN_ID, 'to reach the cluster: user@realm!token');
  const tokenSecret = mistakes.need('PROXMOX_TOKEN_SECRET', values.PROXMOX_TOKEN_SECRET, 'to reach the cluster');
  const { PROXMOX_CA_FILE: file, PROXMOX_FINGERPRINTS: fingerprints = [], PROXMOX_POOL: pool } = values;
  const ca = file === undefined ? undefined : readCa('PROXMOX_CA_FILE', file, readFile, mistakes);
  if (url === undefined || tokenId === undefined || tokenSecret === undefined) return [];
  const cluster = {
    name: onlyCluster,
    url,
    tokenId,
    tokenSecret,
    fingerprints,
    imageStorage: values.PROXMOX_IMAGE_STORAGE,
    ...(ca === undefined ? {} : { ca }),
    ...(pool === undefined ? {} : { pool }),
  };
  return [cluster];
}
