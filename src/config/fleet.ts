import type { ChatKind, ChatSetup } from '../chat/kind.ts';
import type { Policy } from '../core/policy.ts';
import type { Entry } from './fleets-file.ts';
import { forgeOf } from './forge.ts';
import type { ClusterConfig, FleetConfig } from './model.ts';
import { readText, type Source } from './read.ts';
import { repositoryOf } from './setting.ts';
import type { Environment } from './settings.ts';

/** The values of the settings for one cluster or one fleet. */
export interface Scope {
  readonly name: string;
  readonly values: Environment;
  /** The place of a variable's value for a mistake: its name, or a place in the fleets file. */
  readonly at: Entry['at'];
}

/** The cluster of a scope; `undefined` when a needed value is missing, which is noted as a mistake. */
export function clusterOf({ name, values, at }: Scope, source: Source): ClusterConfig | undefined {
  const { mistakes } = source;
  const url = mistakes.need(at('PROXMOX_URL'), values.PROXMOX_URL, 'to reach the cluster');
  const idWhy = 'to reach the cluster: user@realm!token';
  const tokenId = mistakes.need(at('PROXMOX_TOKEN_ID'), values.PROXMOX_TOKEN_ID, idWhy);
  const tokenSecret = mistakes.need(at('PROXMOX_TOKEN_SECRET'), values.PROXMOX_TOKEN_SECRET, 'to reach the cluster');
  const { PROXMOX_CA_FILE: file, PROXMOX_FINGERPRINTS: fingerprints = [], PROXMOX_POOL: pool } = values;
  const ca = file === undefined ? undefined : readCa(at('PROXMOX_CA_FILE'), file, source);
  if (url === undefined || tokenId === undefined || tokenSecret === undefined) return undefined;
  return {
    name,
    url,
    tokenId,
    tokenSecret,
    fingerprints,
    imageStorage: values.PROXMOX_IMAGE_STORAGE,
    ...(ca === undefined ? {} : { ca }),
    ...(pool === undefined ? {} : { pool }),
  };
}

/** The chats of a fleet. */
interface FleetChats {
  /** The chats that are on. */
  readonly setups: readonly ChatSetup[];
  /** The chats that are on, and those with a mistaken configuration. */
  readonly wanted: readonly ChatKind[];
  /** The fleet's channel in each chat, by chat. */
  readonly channels: Readonly<Record<string, string>>;
}

/** The fleet of a scope. Missing values are noted and the rest is still read, so that all mistakes are reported at once. */
export function fleetOf(
  { name, values, at }: Scope,
  cluster: string,
  { setups, wanted, channels }: FleetChats,
  { mistakes }: Source,
): FleetConfig {
  const url = mistakes.need(at('GIT_URL'), values.GIT_URL, 'to know which flake to deploy') ?? '';
  const repository = values.WEBHOOK_REPOSITORY ?? repositoryOf(url);
  if (url !== '' && repository === undefined && values.WEBHOOKS === 'on') {
    mistakes.add(at('WEBHOOK_REPOSITORY'), 'needed as owner/name: the clone address does not contain it');
  }
  for (const { name: chat, title, channel } of wanted) {
    if (channel !== undefined) mistakes.need(at(channel), channels[chat], `for ${title}: the channel of fleet ${name}`);
  }
  const { GIT_TOKEN: token, GIT_SSH_COMMAND: sshCommand, FLAKE_DIR: dir } = values;
  const forge = forgeOf(values, at, mistakes);
  const { IMAGE_FILE: imageFile, CONTAINER_FILE: containerFile } = values;
  const fleet: FleetConfig = {
    name,
    cluster,
    git: {
      url,
      branch: values.GIT_BRANCH,
      ...(token === undefined ? {} : { token }),
      ...(sshCommand === undefined ? {} : { sshCommand }),
      ...(repository === undefined ? {} : { repository }),
    },
    ...(forge === undefined ? {} : { forge }),
    previewForks: values.PREVIEW_FORKS === 'on',
    flake: {
      imageAttribute: values.IMAGE_ATTRIBUTE,
      containerAttribute: values.CONTAINER_ATTRIBUTE,
      ...(dir === undefined ? {} : { dir }),
      ...(imageFile === undefined ? {} : { imageFile }),
      ...(containerFile === undefined ? {} : { containerFile }),
    },
    channels,
    policy: { ...policyOf(values), places: placesOf(setups, channels) },
    planExpiryMs: values.PLAN_EXPIRY,
    rollbackWindowMs: values.ROLLBACK_WINDOW,
    onStopped: values.ON_STOPPED,
  };
  checkFleet(fleet, setups, at, mistakes);
  return fleet;
}

/** Certificates of a CA file; a file without one is noted under `name`. */
function readCa(name: string, path: string, source: Source): string | undefined {
  const pem = readText(name, path, source);
  if (pem !== undefined && !pem.includes('-----BEGIN CERTIFICATE-----')) {
    source.mistakes.add(name, `expected a file with certificates in PEM, such as pve-root-ca.pem: ${path}`);
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

function placesOf(setups: readonly ChatSetup[], channels: Readonly<Record<string, string>>): Policy['places'] {
  return setups.flatMap((chat) => {
    const place = chat.place(channels[chat.name]);
    return place === undefined ? [] : [{ chat: chat.name, ...place }];
  });
}

/** Rules that involve several settings. */
function checkFleet(
  { name, git, policy }: FleetConfig,
  setups: readonly ChatSetup[],
  at: Scope['at'],
  mistakes: Source['mistakes'],
): void {
  for (const [setting, ids] of [['APPROVERS', policy.approvers] as const, ['VIEWERS', policy.viewers] as const]) {
    for (const { everybody } of setups) {
      if (everybody !== undefined && ids.includes(everybody.id)) mistakes.add(at(setting), everybody.expected);
    }
  }
  if (git.token !== undefined && git.url !== '' && !git.url.startsWith('http')) {
    mistakes.add(at('GIT_TOKEN'), `expected with an https clone address only (fleet ${name})`);
  }
  if (!policy.authorMayApprove && Object.keys(policy.authors).length === 0) {
    mistakes.add(at('AUTHORS'), 'needed when the author may not approve: without it nobody knows who the author is');
  }
}
