import { isIP } from 'node:net';
import { z } from 'zod';
import { attribute, branch, clusterUrl, folder, gitUrl, repository } from './addresses.ts';
import { approver, authors, people, slackId, snowflake } from './people.ts';
import * as is from './values.ts';

const hostName = is.text(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/, 'expected host names');
const address = z.string().refine((value) => isIP(value) !== 0 || hostName.safeParse(value).success, {
  error: 'expected a host or an address',
});

const hostAndPort = is.text(
  /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?$/,
  'expected hosts such as git.example.org or 10.0.0.5:3000',
);

const storage = is.text(/^[A-Za-z][\w.-]{0,98}[A-Za-z0-9]$/, 'expected the name of a storage such as local');
const pool = is.text(/^[\w.-]+(?:\/[\w.-]+){0,2}$/, 'expected the name of a pool');
const tokenId = is.text(/^[^\s:!@/]+@[A-Za-z][\w.-]+![A-Za-z][\w.-]+$/, 'expected user@realm!token');
const fleetName = is.text(/^[a-z0-9][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and -');

/** Settings of nix.conf(5) that would undo what SECURITY.md promises of a build or an evaluation. */
const weakening =
  /^(?:extra-)?(?:sandbox|sandbox-fallback|sandbox-paths|sandbox-dev-shm-size|build-use-(?:sandbox|chroot)|build-(?:extra-)?(?:sandbox-paths|chroot-dirs|extra-chroot-dirs|extra-sandbox-paths)|pre-build-hook|build-hook|plugin-files|filter-syscalls|allow-new-privileges|require-sigs|pure-eval|restrict-eval|allow-import-from-derivation|allow-unsafe-native-code-during-evaluation|accept-flake-config|impure-host-deps|allowed-impure-host-deps) /;

/** Nix's own settings; what protects the bot is given on the command line and wins. */
const nixSettings = z
  .string()
  .transform((value) =>
    value
      .split(/\n|\\n/)
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  )
  .pipe(
    z.array(
      is
        .text(/^[a-z][a-z0-9-]* = .+$/, 'expected lines of the form `key = value`')
        .refine((line) => !weakening.test(line), {
          error: 'expected no setting that opens the sandbox of Nix, or runs a program beside it',
        }),
    ),
  );

/** The parts that the environment and the fleets file share. */
export const shared = { storage, pool, tokenId, fleetName, address };

/** Every variable. A default is written as it would stand in the environment. `.env.example` explains each. */
export const Environment = z.object({
  PROXMOX_URL: clusterUrl.optional(),
  PROXMOX_TOKEN_ID: tokenId.optional(),
  PROXMOX_TOKEN_SECRET: is.anyToken.optional(),
  PROXMOX_CA_FILE: z.string().optional(),
  PROXMOX_FINGERPRINTS: is.list(is.fingerprint).optional(),
  PROXMOX_IMAGE_STORAGE: storage.prefault('local'),
  PROXMOX_POOL: pool.optional(),

  GIT_URL: gitUrl.optional(),
  GIT_BRANCH: branch.prefault('main'),
  GIT_TOKEN: is.anyToken.optional(),
  GIT_SSH_COMMAND: z.string().optional(),
  FLAKE_DIR: folder.optional(),
  IMAGE_ATTRIBUTE: attribute.prefault('config.system.build.qcow2'),
  IMAGE_FILE: folder.optional(),
  CONTAINER_ATTRIBUTE: attribute.prefault('config.system.build.tarball'),
  CONTAINER_FILE: folder.optional(),
  FLEET: fleetName.prefault('default'),
  PROXNIX_FLEETS: z.string().optional(),

  WEBHOOKS: is.choice('on', 'off').prefault('on'),
  WEBHOOK_SECRET: is.madeUpSecret.optional(),
  WEBHOOK_REPOSITORY: repository.optional(),
  POLL_INTERVAL: is.durationOrOff.prefault('5m'),

  HTTP_HOST: address.prefault('127.0.0.1'),
  HTTP_PORT: is.whole(0, 65_535).prefault('6780'),
  CONSOLE: is.choice('auto', 'on', 'off').prefault('auto'),
  CONSOLE_TOKEN: is.madeUpSecret.optional(),
  CONSOLE_HOSTS: is.list(hostName).prefault(''),
  METRICS_TOKEN: is.madeUpSecret.optional(),

  DISCORD_TOKEN: is.anyToken.optional(),
  DISCORD_GUILD: snowflake.optional(),
  DISCORD_CHANNEL: snowflake.optional(),

  SLACK_MODE: is.choice('socket', 'http').prefault('socket'),
  SLACK_BOT_TOKEN: is.token(/^xoxb-[\x21-\x7e]{8,}$/, 'expected a bot token, xoxb-…').optional(),
  SLACK_APP_TOKEN: is.token(/^xapp-[\x21-\x7e]{8,}$/, 'expected an app-level token, xapp-…').optional(),
  SLACK_SIGNING_SECRET: is.anyToken.optional(),
  SLACK_WORKSPACE: slackId('T', 'workspace').optional(),
  SLACK_CHANNEL: slackId('CG', 'channel').optional(),

  APPROVERS: is.list(approver).prefault(''),
  VIEWERS: is.list(approver).prefault(''),
  APPROVALS: is.whole(1, 10).prefault('1'),
  AUTHOR_MAY_APPROVE: is.flag.prefault('true'),
  AUTHORS: is.list(z.string()).pipe(authors).prefault(''),
  PEOPLE: is.list(z.string()).pipe(people).prefault(''),
  ALLOW_OTHER_BRANCHES: is.flag.prefault('false'),
  MAX_DESTROY: is.whole(0, 1_000).optional(),
  PLAN_EXPIRY: is.duration.prefault('24h'),
  ROLLBACK_WINDOW: is.duration.prefault('24h'),

  ON_STOPPED: is.choice('start', 'report').prefault('start'),
  DRIFT_POWER_INTERVAL: is.durationOrOff.prefault('60s'),
  DRIFT_PLAN_INTERVAL: is.durationOrOff.prefault('15m'),

  NIX_EVAL_TIMEOUT: is.duration.prefault('120s'),
  NIX_BUILD_TIMEOUT: is.duration.prefault('2h'),
  NIX_EVAL_MEMORY: is.size.prefault('4G'),
  NIX_BATCH: is.whole(1, 100).prefault('8'),
  NIX_WORKERS: is.whole(1, 64).prefault('2'),
  NIX_EVAL_SANDBOX: is.choice('on', 'off').prefault('on'),
  NIX_EVAL_HOSTS: is.list(hostAndPort).prefault(''),
  NIX_PRIVATE_STORE: is.flag.prefault('false'),
  NIX_ALLOW_IFD: is.flag.prefault('false'),
  NIX_RESTRICT_EVAL: is.flag.prefault('false'),
  NIX_SETTINGS: nixSettings.prefault(''),

  STATE_DIR: z.string().prefault('.proxnix'),
  LOG_LEVEL: is.choice('trace', 'debug', 'info', 'warn', 'error', 'silent').prefault('info'),
});

export type VariableName = keyof typeof Environment.shape;

/** Values by name. What is mistaken was noted and is absent, or has its default. */
export type Environment = z.output<typeof Environment>;

/** Variables that also come as `<NAME>_FILE`: the path of a file with the value (systemd credentials, Docker). */
export const secretNames: readonly VariableName[] = [
  'PROXMOX_TOKEN_SECRET',
  'GIT_TOKEN',
  'WEBHOOK_SECRET',
  'CONSOLE_TOKEN',
  'METRICS_TOKEN',
  'DISCORD_TOKEN',
  'SLACK_BOT_TOKEN',
  'SLACK_APP_TOKEN',
  'SLACK_SIGNING_SECRET',
];
