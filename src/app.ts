import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { chatHandlers } from '../commands/handlers.ts';
import type { Builder } from './builder/builder.ts';
import { NixBuilder } from './builder/nix/nix.ts';
import type { NixOptions } from './builder/nix/settings.ts';
import type { Chat, ChatHandlers } from './chat/chat.ts';
import { ConsoleChat } from './chat/console/console.ts';
import { messageFolder } from './chat/console/message-store.ts';
import type { DiscordChat } from './chat/discord/discord.ts';
import type { DiscordOptions } from './chat/discord/settings.ts';
import type { SlackChat, SlackOptions } from './chat/slack/slack.ts';
import { ProxmoxCluster, type ProxmoxOptions } from './cluster/proxmox/proxmox.ts';
import { namedIn } from './config/people.ts';
import { isLoopback } from './config/values.ts';
import { type Config, consoleTokenFile, type FleetConfig } from './config.ts';
import { UserError } from './core/errors.ts';
import { webhookRoutes } from './forge/route.ts';
import { GitMirror } from './git/cli.ts';
import { createHealth, type HealthOptions } from './health/watch.ts';
import { type HttpOptions, startHttp } from './http/server.ts';
import { createLog, type Log } from './log.ts';
import { type Fleet, realClock } from './pipeline/deps.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { createGate, type Secret } from './secret.ts';
import { openStore } from './store/lowdb.ts';
import { keepSecret } from './store/secret-file.ts';
import { smallState } from './store/small-state.ts';
import { version } from './version.ts';

/** What the demo and tests put in place of what the configuration says. */
export interface AppParts {
  readonly builder?: Builder;
  readonly nix?: Partial<NixOptions>;
  readonly proxmox?: Partial<ProxmoxOptions>;
  readonly health?: Partial<HealthOptions>;
  readonly discord?: Partial<DiscordOptions>;
  readonly slack?: Partial<SlackOptions>;
  readonly log?: Log;
  /** The shortest time between two edits of a message. */
  readonly editEveryMs?: number;
  readonly pushQuietMs?: number;
}

export interface App {
  /** Where the console, the webhook and the metrics are. */
  readonly url: string;
  /** Absent: the console is off. `url` is what a person opens: a token that the bot made is in it, a configured one not. */
  readonly console?: { readonly url: string; readonly token: Secret };
  readonly log: Log;
  readonly pipeline: Pipeline;
  /** Finishes what is being applied, shows it, and lets everything go. */
  stop(): Promise<void>;
}

const firstRetryMs = 2000;
/** How often it is looked whether a kept disk's time is up. */
const collectIntervalMs = 10 * 60_000;
const longestRetryMs = 60_000;

const consolePlace = { workspace: 'console', channel: 'proxnix' } as const;

/** Puts the whole bot together and starts it. The only place that knows every adapter. */
export async function startApp(config: Config, parts: AppParts = {}): Promise<App> {
  let gate = createGate(config.secrets);
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
  // Asked for twice (two signals), it is done once: what another bot holds by then is not ours to close.
  const closeAll = () => {
    closing ??= closeEach();
    return closing;
  };
  try {
    const access = await consoleAccess(config, log);
    if (access !== undefined) gate = createGate([...config.secrets, access.token]);
    const consoleChat = makeConsole(config, access, log);
    const slack = await makeSlack(config, parts, log);
    const chats: readonly Chat[] = [consoleChat, await makeDiscord(config, parts, log), slack].filter(
      (chat) => chat !== undefined,
    );
    const clusters = makeClusters(config, parts, log);
    closers.push(...[...clusters.values()].map((cluster) => () => cluster.close()));
    const pipeline = new Pipeline({
      fleets: config.fleets.map((fleet) => makeFleet(fleet, config, clusters, parts, log)),
      store,
      chats,
      clock: realClock,
      log,
      gate,
      editEveryMs: (chat) => parts.editEveryMs ?? (chat.name === 'console' ? 250 : 3000),
      pushQuietMs: parts.pushQuietMs ?? 500,
      risks: config.risks,
    });
    for (const chat of chats) closers.push(await startChat(chat, chatHandlers(pipeline, log), log));
    const webhook = config.webhook;
    const http = await startHttp({
      ...config.http,
      version,
      log,
      ...metricsFor([config.metricsToken, access?.token], pipeline),
      routes: [
        ...[consoleChat?.routes(), slack?.routes()].filter((routes) => routes !== undefined),
        ...(webhook === undefined
          ? []
          : [webhookRoutes({ secret: webhook.secret, log, onPush: (push) => pipeline.push(push) })]),
      ],
    });
    closers.push(() => http.close());
    await pipeline.start();
    closers.push(() => pipeline.stop());
    if (config.pollIntervalMs !== undefined) pipeline.poll(config.pollIntervalMs);
    pipeline.keepUp({ ...config.drift, collectIntervalMs });
    const open = access === undefined ? {} : { console: { url: addressOf(http.url, access), token: access.token } };
    return { url: http.url, ...open, log, pipeline, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/**
 * Starts a chat. One that cannot be reached is tried again until it can: a chat that is down never keeps the bot from
 * working. @returns stops it
 */
async function startChat(chat: Chat, handlers: ChatHandlers, log: Log): Promise<() => Promise<void>> {
  const again = new AbortController();
  const tryOn = async (): Promise<void> => {
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      try {
        await setTimeout(waitMs, undefined, { signal: again.signal });
        await chat.start(handlers);
        return;
      } catch (error) {
        if (again.signal.aborted) return;
        log.warn({ chat: chat.name, err: error }, 'a chat cannot be used, trying on');
      }
    }
  };
  let trying = Promise.resolve();
  try {
    await chat.start(handlers);
  } catch (error) {
    if (error instanceof UserError) throw error;
    log.warn({ chat: chat.name, err: error }, 'a chat cannot be reached, trying on');
    trying = tryOn();
  }
  return async () => {
    again.abort();
    await trying;
    await chat.stop();
  };
}

/** How people get into the console. `tokenFile`: the token is the bot's own and lies there. */
interface ConsoleAccess {
  readonly token: Secret;
  readonly tokenFile?: string;
}

/** The token of the console: the configured one, else one that is made at the first start. Needs the store's lock. */
async function consoleAccess(config: Config, log: Log): Promise<ConsoleAccess | undefined> {
  if (config.console === undefined) return undefined;
  if (config.console.token !== undefined) return { token: config.console.token };
  const tokenFile = consoleTokenFile(config);
  const { secret: token, replaced } = await keepSecret(path.resolve(tokenFile));
  if (replaced !== undefined) {
    const why = { damaged: 'it was damaged', exposed: 'others on this machine could read it' }[replaced];
    log.warn({ file: tokenFile, why }, 'the token of the console was made anew: log in again');
  }
  return { token, tokenFile };
}

function addressOf(url: string, { token, tokenFile }: ConsoleAccess): string {
  return tokenFile === undefined ? url : `${url}/?token=${token.reveal()}`;
}

function makeConsole(config: Config, access: ConsoleAccess | undefined, log: Log): ConsoleChat | undefined {
  if (config.console === undefined || access === undefined) return undefined;
  return new ConsoleChat({
    host: config.http.host,
    names: config.console.hosts,
    ...consolePlace,
    messages: messageFolder(path.resolve(config.stateDir, 'console'), log),
    log,
    ...access,
  });
}

/** Discord's library is loaded where Discord is configured: it takes 45 MiB and half a second. */
async function makeDiscord(config: Config, parts: AppParts, log: Log): Promise<DiscordChat | undefined> {
  if (config.discord === undefined) return undefined;
  const { DiscordChat } = await import('./chat/discord/discord.ts');
  return new DiscordChat({
    token: config.discord.token.reveal(),
    guildId: config.discord.guild,
    channelIds: channelsOf(config, 'discord'),
    state: smallState(path.resolve(config.stateDir, 'discord.json')),
    log,
    ...parts.discord,
  });
}

/** Slack's library is loaded where Slack is configured, like Discord's. */
async function makeSlack(config: Config, parts: AppParts, log: Log): Promise<SlackChat | undefined> {
  if (config.slack === undefined) return undefined;
  const { SlackChat } = await import('./chat/slack/slack.ts');
  const { botToken, workspace, connection } = config.slack;
  return new SlackChat({
    botToken: botToken.reveal(),
    mode: connection.mode,
    channelIds: channelsOf(config, 'slack'),
    workspace,
    groups: namedIn('slack', config.fleets).flatMap((id) => /^slack:group:(.+)$/.exec(id)?.[1] ?? []),
    log,
    ...(connection.mode === 'socket'
      ? { appToken: connection.appToken.reveal() }
      : { signingSecret: connection.signingSecret.reveal() }),
    ...parts.slack,
  });
}

/** By fleet, the channel of one chat. */
function channelsOf(config: Config, chat: 'discord' | 'slack'): Readonly<Record<string, string>> {
  const pairs = config.fleets.flatMap((fleet) => {
    const channel = fleet.channels[chat];
    return channel === undefined ? [] : [[fleet.name, channel] as const];
  });
  return Object.fromEntries(pairs);
}

function makeClusters(config: Config, parts: AppParts, log: Log): ReadonlyMap<string, ProxmoxCluster> {
  const clusters = config.clusters.map((cluster) => {
    const { name, url, tokenId, tokenSecret, fingerprints, imageStorage, ca, pool } = cluster;
    const adapter = new ProxmoxCluster({
      ...{ url, tokenId, fingerprints, imageStorage, log, secret: tokenSecret.reveal() },
      ...(ca === undefined ? {} : { ca }),
      ...(pool === undefined ? {} : { pool }),
      ...parts.proxmox,
    });
    return [name, adapter] as const;
  });
  return new Map(clusters);
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
  const places =
    config.console === undefined ? policy.places : [...policy.places, { chat: 'console' as const, ...consolePlace }];
  return {
    name: fleet.name,
    branch: git.branch,
    repository: git.repository ?? fleet.name,
    git: new GitMirror({
      ...{ dir: path.resolve(config.stateDir, 'git', `${fleet.name}.git`), url: git.url, branch: git.branch, log },
      ...(flake.dir === undefined ? {} : { flakeDir: flake.dir }),
      ...(git.token === undefined ? {} : { token: git.token.reveal() }),
      ...(git.sshCommand === undefined ? {} : { sshCommand: git.sshCommand }),
    }),
    builder: parts.builder ?? new NixBuilder({ ...nixOptions(fleet, config), log, ...parts.nix }),
    cluster,
    health: createHealth({ probe: cluster.probe(), ...parts.health }),
    clusterName: fleet.cluster,
    policy: { ...policy, places },
    planExpiryMs,
    rollbackWindowMs,
    onStopped,
    tagged: config.fleets.length > 1,
    ...(web === undefined ? {} : { webUrl: web }),
  };
}

/** What a fleet's builder is told of the configuration. */
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

/** The host of the repository, from where its inputs may come as well; on this machine only by that port. */
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

/** Where a browser sees the repository: known only for a clone address that a browser could open as well. */
function webUrl(url: string): string | undefined {
  return url.startsWith('https://') ? url.replace(/\/$/, '').replace(/\.git$/, '') : undefined;
}

/** Nothing without a token that could be asked for. */
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
