import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { chatHandlers } from '../commands/handlers.ts';
import type { Builder } from './builder/builder.ts';
import { NixBuilder } from './builder/nix/nix.ts';
import type { NixOptions } from './builder/nix/settings.ts';
import type { Chat, ChatHandlers } from './chat/chat.ts';
import type { ChatSetup, MadeChat } from './chat/kind.ts';
import { ProxmoxCluster, type ProxmoxOptions } from './cluster/proxmox/proxmox.ts';
import type { ClusterConfig, Config, FleetConfig } from './config/config.ts';
import { namedIn } from './config/people.ts';
import { UserError } from './core/errors.ts';
import type { Forge, ForgeClient } from './forge/forge.ts';
import { webhookRoutes } from './forge/route.ts';
import { forges } from './forges.ts';
import { GitMirror } from './git/mirror.ts';
import { createHealth, type HealthOptions } from './health/health-check.ts';
import { type HttpOptions, startHttp } from './http/server.ts';
import { isLoopback } from './lib/addresses.ts';
import { createLog, type Log } from './log.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import type { Clock, Fleet } from './pipeline/ports.ts';
import { createGate, type Secret } from './secret.ts';
import { adapterState, keepSecret } from './store/files.ts';
import { openStore } from './store/lowdb.ts';
import { version } from './version.ts';

/** The real clock. Its timers do not keep the process alive. */
const realClock: Clock = {
  now: Date.now,
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Parts that the demo and tests replace. */
export interface AppParts {
  readonly builder?: Builder;
  readonly nix?: Partial<NixOptions>;
  readonly proxmox?: Partial<ProxmoxOptions>;
  readonly health?: Partial<HealthOptions>;
  readonly log?: Log;
  /** The shortest time between two edits of a message. */
  readonly editEveryMs?: number;
  readonly pushQuietMs?: number;
}

/** A running bot. */
export interface App {
  /** The address of the console, the webhook and the metrics. */
  readonly url: string;
  /**
   * Absent: the console is off. `url` is the address that a person opens. It contains a generated token, never a configured
   * one.
   */
  readonly console?: { readonly url: string; readonly token: Secret };
  readonly log: Log;
  readonly pipeline: Pipeline;
  /** Finishes the current guest, shows it, and closes every connection. */
  stop(): Promise<void>;
}

const firstRetryMs = 2000;
/** The interval of garbage collection, which deletes retained disks after their window. */
const collectIntervalMs = 10 * 60_000;
const longestRetryMs = 60_000;

/** Assembles the whole bot and starts it. No other module knows every adapter. */
export async function startApp(config: Config, parts: AppParts = {}): Promise<App> {
  let gate = createGate(config.secrets, config.tokenShapes);
  const log = parts.log ?? createLog({ level: config.log.level, gate: (text) => gate(text) });
  for (const warning of config.warnings) log.warn({}, warning);
  const store = await openStore(path.resolve(config.stateDir));
  const closers: (() => Promise<void>)[] = [() => store.close()];
  let closing: Promise<void> | undefined;
  const closeEach = async () => {
    for (const close of closers.toReversed()) {
      await close().catch((error: unknown) => log.error({ err: error }, 'something could not be closed'));
    }
  };
  // Two signals call it twice. The second call must not release a store that another bot holds by then.
  const closeAll = () => {
    closing ??= closeEach();
    return closing;
  };
  try {
    const made = await Promise.all(config.chats.map((chat) => makeChat(chat, config, log)));
    const tokens = made.flatMap(({ door }) => door?.token ?? []);
    // A generated token is a secret as well.
    gate = createGate([...config.secrets, ...tokens], config.tokenShapes);
    const paces = new Map(made.map(({ chat, editEveryMs }) => [chat.name, editEveryMs]));
    const chats = made.map(({ chat }) => chat);
    const clusters = makeClusters(config, parts, log);
    closers.push(...[...clusters.values()].map((cluster) => () => cluster.close()));
    const { publicUrl } = config;
    const hasPages = publicUrl !== undefined && made.some(({ door }) => door !== undefined);
    const pipeline = new Pipeline({
      ...(hasPages ? { runUrl: (id) => `${publicUrl}/runs/${id}` } : {}),
      fleets: config.fleets.map((fleet) => makeFleet(fleet, config, clusters, parts, log)),
      store,
      chats,
      clock: realClock,
      log,
      gate,
      editEveryMs: ({ name }) => parts.editEveryMs ?? paces.get(name) ?? 3000,
      pushQuietMs: parts.pushQuietMs ?? 500,
      risks: config.risks,
    });
    for (const chat of chats) closers.push(await startChat(chat, chatHandlers(pipeline, log), log));
    const webhook = config.webhook;
    const http = await startHttp({
      ...config.http,
      version,
      log,
      ...metricsFor([config.metricsToken, ...tokens], pipeline),
      routes: [
        ...made.flatMap(({ routes }) => routes ?? []),
        ...(webhook === undefined
          ? []
          : [
              webhookRoutes({
                ...{ forges, secret: webhook.secret, log },
                onPush: (push) => pipeline.push(push),
                onPull: (pull) => pipeline.pull(pull),
              }),
            ]),
      ],
    });
    closers.push(() => http.close());
    await pipeline.start();
    closers.push(() => pipeline.stop());
    if (config.pollIntervalMs !== undefined) pipeline.poll(config.pollIntervalMs);
    pipeline.keepUp({ ...config.drift, collectIntervalMs });
    const [door] = made.flatMap((one) => one.door ?? []);
    const open = door === undefined ? {} : { console: { url: door.address(http.url), token: door.token } };
    return { url: http.url, ...open, log, pipeline, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/**
 * Starts a chat. An unreachable chat is tried again until it answers, and never keeps the bot from working.
 * @returns a function that stops it
 */
async function startChat(chat: Chat, handlers: ChatHandlers, log: Log): Promise<() => Promise<void>> {
  const again = new AbortController();
  const tryOn = async (): Promise<void> => {
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      try {
        await sleep(waitMs, undefined, { signal: again.signal });
        await chat.start(handlers);
        return;
      } catch (error) {
        if (again.signal.aborted) return;
        log.warn({ chat: chat.name, err: error }, 'a chat cannot be used, trying again');
      }
    }
  };
  let trying = Promise.resolve();
  try {
    await chat.start(handlers);
  } catch (error) {
    if (error instanceof UserError) throw error;
    log.warn({ chat: chat.name, err: error }, 'a chat cannot be reached, trying again');
    trying = tryOn();
  }
  return async () => {
    again.abort();
    await trying;
    await chat.stop();
  };
}

/** Makes the adapter of a chat. The store must be locked first, because the chat's own files are beside it. */
function makeChat(setup: ChatSetup, config: Config, log: Log): Promise<MadeChat> {
  return setup.make({
    stateDir: config.stateDir,
    http: config.http,
    ids: namedIn(setup.name, config.fleets),
    channels: channelsOf(config, setup.name),
    log,
    state: adapterState(path.resolve(config.stateDir, `${setup.name}.json`)),
    keepSecret,
  });
}

/** The channel of each fleet in one chat, by fleet. */
export function channelsOf({ fleets }: Pick<Config, 'fleets'>, chat: string): Readonly<Record<string, string>> {
  const pairs = fleets.flatMap(({ name, channels }) => {
    const channel = channels[chat];
    return channel === undefined ? [] : [[name, channel] as const];
  });
  return Object.fromEntries(pairs);
}

function makeClusters(config: Config, parts: AppParts, log: Log): ReadonlyMap<string, ProxmoxCluster> {
  return new Map(
    config.clusters.map((cluster) => [cluster.name, makeCluster(cluster, { log, ...parts.proxmox })] as const),
  );
}

/** The adapter of a cluster. */
export function makeCluster(cluster: ClusterConfig, more: Partial<ProxmoxOptions> = {}): ProxmoxCluster {
  const { url, tokenId, tokenSecret, fingerprints, imageStorage, ca, pool } = cluster;
  return new ProxmoxCluster({
    ...{ url, tokenId, fingerprints, imageStorage, secret: tokenSecret.reveal() },
    ...(ca === undefined ? {} : { ca }),
    ...(pool === undefined ? {} : { pool }),
    ...more,
  });
}

function makeFleet(
  fleet: FleetConfig,
  config: Config,
  clusters: ReadonlyMap<string, ProxmoxCluster>,
  parts: AppParts,
  log: Log,
): Fleet {
  const cluster = clusters.get(fleet.cluster);
  if (cluster === undefined)
    throw new Error(`fleet ${fleet.name} names the cluster ${fleet.cluster}, which is not there`);
  const { git, flake, policy, planExpiryMs, rollbackWindowMs, onStopped } = fleet;
  const web = webUrl(git.url);
  const kind = forges.find(({ name }) => name === fleet.forge?.name);
  const forge = forgeClient(fleet, kind);
  return {
    name: fleet.name,
    branch: git.branch,
    repository: git.repository ?? fleet.name,
    ...(kind === undefined || web === undefined ? {} : { pullUrl: (number) => `${web}${kind.pullPath(number)}` }),
    previewForks: fleet.previewForks,
    git: new GitMirror({
      ...{ dir: path.resolve(config.stateDir, 'git', `${fleet.name}.git`), url: git.url, branch: git.branch, log },
      ...(flake.dir === undefined ? {} : { flakeDir: flake.dir }),
      ...(git.token === undefined ? {} : { token: git.token.reveal() }),
      ...(git.sshCommand === undefined ? {} : { sshCommand: git.sshCommand }),
    }),
    ...(forge === undefined ? {} : { forge }),
    builder: parts.builder ?? new NixBuilder({ ...nixOptions(fleet, config), log, ...parts.nix }),
    cluster,
    health: createHealth({ probe: cluster.probe(), ...parts.health }),
    clusterName: fleet.cluster,
    policy,
    planExpiryMs,
    rollbackWindowMs,
    onStopped,
    tagged: config.fleets.length > 1,
    ...(web === undefined ? {} : { webUrl: web }),
  };
}

/** The API of the fleet's forge; `undefined` without a token for it. */
function forgeClient({ forge }: FleetConfig, kind: Forge | undefined): ForgeClient | undefined {
  if (forge?.token === undefined) return undefined;
  const { apiUrl, project, token } = forge;
  return kind?.client({ apiUrl, project, token: token.reveal() });
}

/** The options of a fleet's builder. */
export function nixOptions({ name, flake, git }: FleetConfig, config: Config): NixOptions {
  const { nix } = config;
  const settings = nix.settings.map((line) => {
    const at = line.indexOf(' = ');
    return [line.slice(0, at), line.slice(at + 3)] as const;
  });
  return {
    // A folder per fleet: each keeps the roots of its own images.
    dir: path.resolve(config.stateDir, 'nix', name),
    attribute: flake.imageAttribute,
    containerAttribute: flake.containerAttribute,
    batchSize: nix.batch,
    workers: nix.workers,
    evalTimeoutMs: nix.evalTimeoutMs,
    evalMemoryBytes: nix.evalMemoryBytes,
    buildTimeoutS: Math.ceil(nix.buildTimeoutMs / 1000),
    ...(nix.privateStore ? { store: path.resolve(config.stateDir, 'nix', name, 'store') } : {}),
    evalSandbox: nix.evalSandbox,
    evalHosts: nix.evalHosts,
    fetchHosts: gitHosts(git.url),
    allowImportFromDerivation: nix.allowIfd,
    restrictEval: nix.restrictEval,
    config: Object.fromEntries(settings),
    ...(flake.imageFile === undefined ? {} : { imageFile: flake.imageFile }),
    ...(flake.containerFile === undefined ? {} : { containerFile: flake.containerFile }),
  };
}

/** The host of the repository, from which inputs may be fetched as well; on this machine only with its port. */
function gitHosts(url: string): readonly string[] {
  const scpLike = /^[^/@]+@([^:/]+):/.exec(url)?.[1];
  if (scpLike !== undefined) return [scpLike];
  if (!URL.canParse(url)) return [];
  const { protocol, hostname, port } = new URL(url);
  if (hostname === '' || protocol === 'file:') return [];
  const usual: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80', 'ssh:': '22' };
  const own = `${hostname}:${port === '' ? usual[protocol] : port}`;
  return isLoopback(hostname) ? [own] : [own, hostname];
}

/** The web address of the repository; known only for an https clone address. */
function webUrl(url: string): string | undefined {
  return url.startsWith('https://') ? url.replace(/\/$/, '').replace(/\.git$/, '') : undefined;
}

/** The metrics; `undefined` when no token is configured for them. */
function metricsFor(tokens: readonly (Secret | undefined)[], pipeline: Pipeline): Pick<HttpOptions, 'metrics'> {
  const known = tokens.filter((token) => token !== undefined);
  return known.length === 0 ? {} : { metrics: { registry: metricsOf(pipeline), tokens: known } };
}

function metricsOf(pipeline: Pipeline): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'proxnix_runs',
    help: 'Runs that are kept, by phase.',
    labelNames: ['phase'],
    registers: [registry],
    collect() {
      this.reset();
      for (const run of pipeline.runs()) this.inc({ phase: run.phase });
    },
  });
  return registry;
}
