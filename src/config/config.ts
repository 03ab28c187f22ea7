import { z } from 'zod';
import type { ChatKind, ChatSetup, ChatSource } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import { forges } from '../forges.ts';
import { Secret } from '../secret.ts';
import { clusterOf, fleetOf, type Scope } from './fleet.ts';
import { type FleetsFile, readFleetsFile } from './fleets-file.ts';
import type { Config } from './model.ts';
import { isPerson } from './people.ts';
import { type Env, type Found, Mistakes, nearMisses, type ReadFile, readSettings, type Source } from './read.ts';
import { factsOf } from './setting.ts';
import { type Environment, environmentOf, type Section, sectionsOf } from './settings.ts';

export type { ClusterConfig, Config, FleetConfig } from './model.ts';

/** Parts that a test replaces. */
export interface ConfigOptions {
  /** Default: every chat of the program. */
  readonly chats?: readonly ChatKind[];
}

/**
 * Reads the whole configuration. Throws one `UserError` with every mistake: each detail begins with the variable's name and
 * names the expected value, never the actual one, which may be secret.
 */
export function loadConfig(env: Env, readFile: ReadFile, { chats = everyChat }: ConfigOptions = {}): Config {
  const mistakes = new Mistakes();
  const source = { env, readFile, mistakes };
  const schema = environmentOf(chats);
  const sections = sectionsOf(chats);
  const values = readSettings(schema, source);
  const { setups, read } = readChats(chats, values, source);
  const file =
    values.PROXNIX_FLEETS === undefined ? undefined : readFleetsFile(values.PROXNIX_FLEETS, sections, source);
  const wanted = chats.filter((chat) => isWanted(chat, env));
  const scopes = file === undefined ? oneFleet(values) : scopesOf(file, (given) => readSettings(schema, source, given));
  const clusters = scopes.clusters.flatMap((scope) => clusterOf(scope, source) ?? []);
  const fleets = scopes.fleets.map(({ cluster, given, ...scope }) =>
    fleetOf(scope, cluster, { setups, wanted, channels: channelsOf(chats, source, given) }, source),
  );
  const webhook = readWebhook(values, mistakes);
  const misspelt = nearMisses(env, variablesOf(sections));
  mistakes.check(misspelt);

  const { POLL_INTERVAL: poll, DRIFT_POWER_INTERVAL: power, DRIFT_PLAN_INTERVAL: plan } = values;
  const config = {
    clusters,
    fleets,
    chats: setups,
    http: { host: values.HTTP_HOST, port: values.HTTP_PORT },
    ...(values.PUBLIC_URL === undefined ? {} : { publicUrl: values.PUBLIC_URL }),
    ...(webhook === undefined ? {} : { webhook }),
    ...(poll === 'off' ? {} : { pollIntervalMs: poll }),
    ...(values.METRICS_TOKEN === undefined ? {} : { metricsToken: values.METRICS_TOKEN }),
    drift: {
      ...(power === 'off' ? {} : { powerIntervalMs: power }),
      ...(plan === 'off' ? {} : { planIntervalMs: plan }),
    },
    nix: readNix(values),
    stateDir: values.STATE_DIR,
    log: { level: values.LOG_LEVEL },
    tokenShapes: tokenShapesOf(chats),
  };
  const secrets = [...secretsIn([config, read]), ...secretsOfNix(values.NIX_SETTINGS)];
  const risks = risksOf(config);
  const warnings = [...warningsOf(values, config, chats), ...risks, ...misspelt];
  return { ...config, secrets, risks, warnings };
}

/** The token patterns of every chat and forge, configured or not, which the output gate masks. */
export function tokenShapesOf(chats: readonly ChatKind[] = everyChat): readonly RegExp[] {
  return [...chats, ...forges].flatMap(({ tokens }) => tokens);
}

/** @returns the chats that are on, and every value of theirs */
function readChats(chats: readonly ChatKind[], values: Environment, source: Source) {
  const read: unknown[] = [];
  const setups = chats.flatMap((chat): readonly ChatSetup[] => {
    const chatSource: ChatSource = {
      values(settings) {
        const found = readSettings(settings, source);
        read.push(found);
        return found;
      },
      need: (name, value, why) => source.mistakes.need(name, value, why),
      mistake: (name, expected) => source.mistakes.add(name, expected),
      isAlone: !chats.some((other) => other !== chat && isWanted(other, source.env)),
      isWanted: isWanted(chat, source.env),
      httpHost: values.HTTP_HOST,
    };
    const setup = chat.read(chatSource);
    return setup === undefined ? [] : [setup];
  });
  return { setups, read };
}

/** Whether any variable without a default is set; then every variable that the chat needs must be set. */
function isWanted({ settings }: ChatKind, env: Env): boolean {
  return Object.entries(settings.shape).some(([name, schema]) => {
    if (schema instanceof z.ZodPrefault) return false;
    const names = factsOf(schema).isSecret === true ? [name, `${name}_FILE`] : [name];
    return names.some((one) => (env[one] ?? '').trim() !== '');
  });
}

interface Scopes {
  readonly clusters: readonly Scope[];
  readonly fleets: readonly (Scope & { readonly cluster: string; readonly given: ReadonlyMap<string, Found> })[];
}

/** The one fleet of the plain environment, on the one cluster. */
function oneFleet(values: Environment): Scopes {
  const at = (name: string) => name;
  return {
    clusters: [{ name: 'default', values, at }],
    fleets: [{ name: values.FLEET, values, at, cluster: 'default', given: new Map() }],
  };
}

/** Several fleets. A key that an entry of the file leaves out comes from the environment. */
function scopesOf({ clusters, fleets }: FleetsFile, read: (given: ReadonlyMap<string, Found>) => Environment): Scopes {
  return {
    clusters: clusters.map(({ name, at, given }) => ({ name, at, values: read(given) })),
    fleets: fleets.map(({ name, at, given, cluster }) => ({ name, at, cluster, given, values: read(given) })),
  };
}

/** The channel of a fleet in each chat, by chat. */
function channelsOf(
  chats: readonly ChatKind[],
  source: Source,
  given: ReadonlyMap<string, Found>,
): Readonly<Record<string, string>> {
  const pairs = chats.flatMap(({ name, settings, channel }) => {
    const value = channel === undefined ? undefined : readSettings(settings, source, given)[channel];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** The names of all variables, including `<NAME>_FILE`. */
function variablesOf(sections: readonly Section[]): readonly string[] {
  const settings = sections.flatMap((section) => Object.entries(section.settings.shape));
  const secrets = settings.filter(([, schema]) => factsOf(schema).isSecret === true);
  return [...settings.map(([name]) => name), ...secrets.map(([name]) => `${name}_FILE`)];
}

function readWebhook(values: Environment, mistakes: Mistakes): Config['webhook'] {
  if (values.WEBHOOKS === 'off') return undefined;
  const why =
    'to verify that requests come from your forge; or set WEBHOOKS=off, and polling (POLL_INTERVAL) finds pushes';
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

/** Every secret anywhere in the configuration, so that the output gate also masks one that is added later. */
function secretsIn(value: unknown): Secret[] {
  const found = new Set<Secret>();
  collect(value, found);
  return [...new Map([...found].map((secret) => [secret.reveal(), secret])).values()];
}

function collect(value: unknown, found: Set<Secret>): void {
  if (value instanceof Secret) found.add(value);
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) collect(item, found);
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

/** Warnings about settings that are valid but probably not intended; each begins with the variable's name. */
export function warningsOf(
  values: Environment,
  config: Pick<Config, 'chats' | 'fleets'>,
  chats: readonly ChatKind[],
): string[] {
  const off = chats.map(({ name }) => name).filter((name) => !config.chats.some((chat) => chat.name === name));
  const perFleet = config.fleets.flatMap(({ name, policy: { approvers, approvals, people } }) => {
    const lost = off.filter((chat) => approvers.some((id) => id.startsWith(`${chat}:`)));
    const kinds = new Set(approvers.map((id) => id.slice(0, id.indexOf(':'))));
    const unmapped = approvals > 1 && kinds.size > 1 && Object.keys(people).length === 0;
    const tooFew = approvers.every(isPerson) && new Set(approvers).size < approvals;
    return [
      ...(approvers.length === 0 ? [`APPROVERS: is empty, so nobody may approve plans of fleet ${name}.`] : []),
      ...lost.map((chat) => `APPROVERS: names people of ${chat}, which is not configured.`),
      ...(approvers.length > 0 && tooFew
        ? [`APPROVALS: fleet ${name} has fewer approvers than approvals needed.`]
        : []),
      ...(unmapped ? [`PEOPLE: is empty, so approvals of fleet ${name} from two chats count as one person's.`] : []),
    ];
  });
  const deaf = values.WEBHOOKS === 'off' && values.POLL_INTERVAL === 'off';
  return [
    ...new Set(perFleet),
    ...(deaf
      ? ['POLL_INTERVAL: is off like the webhooks, so a push goes unnoticed until somebody asks for a plan.']
      : []),
  ];
}

/** The risks that settings open to people who may not approve; each sentence begins with the variable's name. */
export function risksOf(config: Pick<Config, 'chats' | 'fleets' | 'nix'>): string[] {
  const { evalSandbox, evalHosts, allowIfd, privateStore } = config.nix;
  return [
    ...config.chats.flatMap(({ risks = [] }) => risks),
    ...(evalSandbox
      ? []
      : ['NIX_EVAL_SANDBOX: is off, so a push can read whatever the bot can read, before anybody approves.']),
    ...(evalHosts.length === 0
      ? []
      : [`NIX_EVAL_HOSTS: a push reaches ${evalHosts.join(', ')} before anybody approves.`]),
    ...(config.fleets.length > 1 && !privateStore
      ? ['NIX_PRIVATE_STORE: is false, so a push to one fleet can read what the others have in the Nix store.']
      : []),
    ...config.fleets
      .filter(({ previewForks }) => previewForks)
      .map(
        ({ name }) =>
          `PREVIEW_FORKS: is on, so whoever may open a pull request for fleet ${name} has code evaluated here, before anybody looks at it.`,
      ),
    ...(allowIfd ? ['NIX_ALLOW_IFD: is true, so code of a push is built before anybody approves.'] : []),
  ];
}
