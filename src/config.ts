import path from 'node:path';
import { readConsole, readDiscord, readSlack } from './config/chats.ts';
import { checkFleet, risksOf, warningsOf } from './config/checks.ts';
import type { Environment } from './config/environment.ts';
import { readFleet } from './config/fleet.ts';
import { readFleetsFile } from './config/fleets-file.ts';
import { Mistakes } from './config/mistakes.ts';
import type { Config } from './config/model.ts';
import { nearMisses } from './config/near-misses.ts';
import { type Env, type ReadFile, readEnvironment } from './config/read.ts';
import { Secret } from './secret.ts';

export type { ClusterConfig, Config, FleetConfig } from './config/model.ts';

/**
 * Reads the whole configuration. Throws one `UserError` with every mistake: each of its details begins with the
 * variable's name and says what is expected, never the value (it may be secret).
 */
export function loadConfig(env: Env, readFile: ReadFile): Config {
  const mistakes = new Mistakes();
  const values = readEnvironment(env, readFile, mistakes);
  const discord = readDiscord(values, mistakes);
  const slack = readSlack(values, mistakes);
  const chats = { ...(discord === undefined ? {} : { discord }), ...(slack === undefined ? {} : { slack }) };
  const deployed =
    values.PROXNIX_FLEETS === undefined
      ? readFleet(values, chats, readFile, mistakes)
      : readFleetsFile(values.PROXNIX_FLEETS, { env, values, chats, readFile, mistakes });
  for (const fleet of deployed.fleets) checkFleet(fleet, values, mistakes);
  const webhook = readWebhook(values, mistakes);
  const webConsole = readConsole(values, mistakes);
  mistakes.check();

  const { POLL_INTERVAL: poll, DRIFT_POWER_INTERVAL: power, DRIFT_PLAN_INTERVAL: plan } = values;
  const config = {
    ...deployed,
    ...chats,
    http: { host: values.HTTP_HOST, port: values.HTTP_PORT },
    ...(webhook === undefined ? {} : { webhook }),
    ...(poll === 'off' ? {} : { pollIntervalMs: poll }),
    ...(webConsole === undefined ? {} : { console: webConsole }),
    ...(values.METRICS_TOKEN === undefined ? {} : { metricsToken: values.METRICS_TOKEN }),
    drift: {
      ...(power === 'off' ? {} : { powerIntervalMs: power }),
      ...(plan === 'off' ? {} : { planIntervalMs: plan }),
    },
    nix: readNix(values),
    stateDir: values.STATE_DIR,
    log: { level: values.LOG_LEVEL },
  };
  const secrets = [...secretsIn(config), ...secretsOfNix(values.NIX_SETTINGS)];
  const risks = risksOf(config);
  return { ...config, secrets, risks, warnings: [...warningsOf(values, config), ...risks, ...nearMisses(env)] };
}

/** Where the bot keeps the token of the console when it makes one of its own. */
export function consoleTokenFile({ stateDir }: Pick<Config, 'stateDir'>): string {
  return path.join(stateDir, 'console-token');
}

function readWebhook(values: Environment, mistakes: Mistakes): Config['webhook'] {
  if (values.WEBHOOKS === 'off') return undefined;
  const why = 'to tell your forge from a stranger; or set WEBHOOKS=off and let POLL_INTERVAL find pushes';
  const secret = mistakes.need('WEBHOOK_SECRET', values.WEBHOOK_SECRET, why);
  return secret === undefined ? undefined : { secret };
}

function readNix(values: Environment): Config['nix'] {
  return {
    evalTimeoutMs: values.NIX_EVAL_TIMEOUT,
    buildTimeoutMs: values.NIX_BUILD_TIMEOUT,
    evalMemoryBytes: values.NIX_EVAL_MEMORY,
    batch: values.NIX_BATCH,
    workers: values.NIX_WORKERS,
    evalSandbox: values.NIX_EVAL_SANDBOX === 'on',
    evalHosts: values.NIX_EVAL_HOSTS,
    privateStore: values.NIX_PRIVATE_STORE,
    allowIfd: values.NIX_ALLOW_IFD,
    restrictEval: values.NIX_RESTRICT_EVAL,
    settings: values.NIX_SETTINGS,
  };
}

/** Every secret anywhere in the configuration, so none is forgotten at the output gate when one is added. */
function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(secretsIn);
}

/** Nix keeps tokens in a setting: `access-tokens = github.com=TOKEN gitlab.com=PAT:TOKEN`. */
function secretsOfNix(settings: readonly string[]): Secret[] {
  return settings
    .filter((line) => /^(?:extra-)?access-tokens = /.test(line))
    .flatMap((line) => line.slice(line.indexOf(' = ') + 3).split(/\s+/))
    .map((entry) => entry.slice(entry.indexOf('=') + 1).replace(/^(?:PAT|OAuth2):/, ''))
    .filter((token) => token.length >= 8)
    .map((token) => new Secret(token));
}
