import { z } from 'zod';
import { attribute, branch, clusterUrl, folder, gitUrl, repository, repositoryOf } from './addresses.ts';
import { type Environment, shared } from './environment.ts';
import { type Chats, channelsOf, type Fleets, gitOf, placesOf, readCa, singleFleetNames } from './fleet.ts';
import type { Mistakes } from './mistakes.ts';
import type { ClusterConfig, FleetConfig } from './model.ts';
import { approver, authors, people, slackId, snowflake } from './people.ts';
import { type Env, type ReadFile, readText } from './read.ts';
import * as is from './values.ts';

/** Where a secret is: the file itself holds none, so it may lie in git. */
const SecretPlace = z.union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })], {
  error: 'expected { "env": NAME } or { "file": PATH }',
});
type SecretPlace = z.infer<typeof SecretPlace>;

const Cluster = z.strictObject({
  url: clusterUrl,
  tokenId: shared.tokenId,
  tokenSecret: SecretPlace,
  caFile: z.string().optional(),
  fingerprints: z.array(is.fingerprint).default([]),
  imageStorage: shared.storage.optional(),
  pool: shared.pool.optional(),
});
type Cluster = z.infer<typeof Cluster>;

const count = (min: number, max: number) =>
  z
    .int({ error: `expected a whole number from ${min} to ${max}` })
    .min(min)
    .max(max);

/** Whatever is absent here comes from the environment's variable of that meaning. */
const Fleet = z.strictObject({
  cluster: z.string(),
  gitUrl,
  branch: branch.optional(),
  gitToken: SecretPlace.optional(),
  gitSshCommand: z.string().optional(),
  repository: repository.optional(),
  flakeDir: folder.optional(),
  imageAttribute: attribute.optional(),
  imageFile: folder.optional(),
  containerAttribute: attribute.optional(),
  containerFile: folder.optional(),
  discordChannel: snowflake.optional(),
  slackChannel: slackId('CG', 'channel').optional(),
  approvers: z.array(approver).optional(),
  viewers: z.array(approver).optional(),
  approvals: count(1, 10).optional(),
  authorMayApprove: z.boolean().optional(),
  authors: z.array(z.string()).pipe(authors).optional(),
  people: z.array(z.string()).pipe(people).optional(),
  allowOtherBranches: z.boolean().optional(),
  maxDestroy: count(0, 1_000).optional(),
  planExpiry: is.duration.optional(),
  rollbackWindow: is.duration.optional(),
  onStopped: is.choice('start', 'report').optional(),
});
type Fleet = z.infer<typeof Fleet>;

const FleetsFile = z.strictObject({
  clusters: z.record(shared.fleetName, Cluster),
  fleets: z.record(shared.fleetName, Fleet),
});

/** What the readers below need beside the entry itself. */
interface Source {
  readonly env: Env;
  readonly values: Environment;
  readonly chats: Chats;
  readonly readFile: ReadFile;
  readonly mistakes: Mistakes;
}

const variable = 'PROXNIX_FLEETS';

/** Several fleets and clusters from a JSON file. Its mistakes begin with `PROXNIX_FLEETS` and name the place. */
export function readFleetsFile(path: string, source: Source): Fleets {
  const { env, readFile, mistakes } = source;
  for (const name of singleFleetNames) {
    if ((env[name] ?? '') !== '') mistakes.add(name, `expected in the fleets file, because ${variable} is set`);
  }
  const none = { clusters: [], fleets: [] };
  const json = readText(variable, path, readFile, mistakes);
  if (json === undefined) return none;
  const file = mistakes.parse(variable, FleetsFile, parseJson(json, mistakes));
  if (file === undefined) return none;
  if (Object.keys(file.fleets).length === 0) mistakes.add(variable, 'fleets: expected at least one fleet');
  const known = Object.keys(file.clusters);
  return {
    clusters: Object.entries(file.clusters).flatMap(([name, cluster]) => readCluster(name, cluster, source)),
    fleets: Object.entries(file.fleets).map(([name, fleet]) => readFleet(name, fleet, known, source)),
  };
}

function parseJson(text: string, mistakes: Mistakes): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    mistakes.add(variable, `expected JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
    return { clusters: {}, fleets: {} };
  }
}

function readCluster(name: string, cluster: Cluster, source: Source): ClusterConfig[] {
  const at = `${variable}: clusters.${name}`;
  const { caFile, tokenSecret, imageStorage, pool, ...rest } = cluster;
  const secret = readSecret(`${at}.tokenSecret`, tokenSecret, source);
  const ca = caFile === undefined ? undefined : readCa(`${at}.caFile`, caFile, source.readFile, source.mistakes);
  if (secret === undefined) return [];
  return [
    {
      name,
      ...rest,
      tokenSecret: secret,
      imageStorage: imageStorage ?? source.values.PROXMOX_IMAGE_STORAGE,
      ...(ca === undefined ? {} : { ca }),
      ...(pool === undefined ? {} : { pool }),
    },
  ];
}

function readFleet(name: string, fleet: Fleet, clusters: readonly string[], source: Source): FleetConfig {
  const { values, mistakes } = source;
  const at = `${variable}: fleets.${name}`;
  if (!clusters.includes(fleet.cluster)) mistakes.add(`${at}.cluster`, `expected one of ${clusters.join(', ')}`);
  const repository = fleet.repository ?? repositoryOf(fleet.gitUrl);
  if (repository === undefined && values.WEBHOOKS === 'on') {
    mistakes.add(`${at}.repository`, 'needed as owner/name: gitUrl does not tell it');
  }
  const token = fleet.gitToken === undefined ? undefined : readSecret(`${at}.gitToken`, fleet.gitToken, source);
  const channels = channelsOf(
    fleet.discordChannel ?? values.DISCORD_CHANNEL,
    fleet.slackChannel ?? values.SLACK_CHANNEL,
  );
  const { gitUrl: url, branch = values.GIT_BRANCH, gitSshCommand: sshCommand } = fleet;
  return {
    name,
    cluster: fleet.cluster,
    git: gitOf({ url, branch, token, sshCommand, repository }),
    flake: {
      imageAttribute: fleet.imageAttribute ?? values.IMAGE_ATTRIBUTE,
      containerAttribute: fleet.containerAttribute ?? values.CONTAINER_ATTRIBUTE,
      ...(fleet.flakeDir === undefined ? {} : { dir: fleet.flakeDir }),
      ...(fleet.imageFile === undefined ? {} : { imageFile: fleet.imageFile }),
      ...(fleet.containerFile === undefined ? {} : { containerFile: fleet.containerFile }),
    },
    channels,
    policy: { ...readPolicy(fleet, values), places: placesOf(channels, source.chats) },
    planExpiryMs: fleet.planExpiry ?? values.PLAN_EXPIRY,
    rollbackWindowMs: fleet.rollbackWindow ?? values.ROLLBACK_WINDOW,
    onStopped: fleet.onStopped ?? values.ON_STOPPED,
  };
}

function readPolicy(fleet: Fleet, values: Environment): Omit<FleetConfig['policy'], 'places'> {
  return {
    approvers: fleet.approvers ?? values.APPROVERS,
    viewers: fleet.viewers ?? values.VIEWERS,
    approvals: fleet.approvals ?? values.APPROVALS,
    authorMayApprove: fleet.authorMayApprove ?? values.AUTHOR_MAY_APPROVE,
    authors: fleet.authors ?? values.AUTHORS,
    people: fleet.people ?? values.PEOPLE,
    allowOtherBranches: fleet.allowOtherBranches ?? values.ALLOW_OTHER_BRANCHES,
    maxDestroy: fleet.maxDestroy ?? values.MAX_DESTROY,
  };
}

function readSecret(at: string, place: SecretPlace, { env, readFile, mistakes }: Source) {
  const text = 'env' in place ? env[place.env] : readText(at, place.file, readFile, mistakes);
  if (text === undefined && 'file' in place) return undefined;
  return mistakes.parse(at, is.anyToken, text ?? '');
}
