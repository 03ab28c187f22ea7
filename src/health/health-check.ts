import { lookup as resolve } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../core/errors.ts';
import type { GuestRef, HealthCheck } from '../core/guest.ts';
import { agentGraceS, checkNames, checkOf, defaultTimeoutS, settleS } from '../core/health.ts';
import { orAborted } from '../lib/streams.ts';
import {
  type CheckedGuest,
  type GuestProbe,
  type Health,
  type HealthReport,
  NotAllowed,
  type RunState,
} from './health.ts';
import { type Connect, connectTo, type Lookup, type Outcome, type PageTransport, tryPage, tryPort } from './network.ts';

/** What a health check needs. */
export interface HealthOptions {
  readonly probe: GuestProbe;
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** A signal that ends after so many milliseconds. */
  readonly timeout?: (ms: number) => AbortSignal;
  readonly lookup?: Lookup;
  readonly connect?: Connect;
  /** PEM text of a CA that is trusted for URLs besides the public ones. */
  readonly ca?: string;
  /** Milliseconds between two observations. */
  readonly everyMs?: number;
  /** How long a port or a URL may take to answer at one observation, in milliseconds. */
  readonly answerMs?: number;
}

/** Health checks from the bot's machine: through the cluster's API, and over the network to the guest. */
export function createHealth(options: HealthOptions): Health {
  const { now = Date.now, sleep = wait, timeout = (ms) => AbortSignal.timeout(ms), everyMs = 2000 } = options;
  const { lookup = allAddresses, connect = connectTo, answerMs = 5000 } = options;
  const transports = { ...options, lookup, connect };

  const check: Health['check'] = async (guest, monitor, cancelled = new AbortController().signal) => {
    const began = now();
    const wanted = checkOf(guest.guestKind, guest.check);
    const limitMs = (wanted?.timeoutS ?? defaultTimeoutS) * 1000;
    let past = nothingYet;
    let said = '';
    for (let tries = 1; ; tries++) {
      const limit = () => AbortSignal.any([timeout(answerMs), cancelled]);
      const seen = await orAborted(observe(transports, guest, wanted, limit), cancelled);
      const tookMs = now() - began;
      past = remember(past, seen, tookMs);
      const results = evaluate(guest, wanted, seen, past, tookMs);
      const healthy = results.every(({ ok }) => ok);
      if (!healthy && tookMs >= limitMs) throwUnanswered(seen);
      if (healthy || tookMs >= limitMs) return { ...report(results, tries, tookMs), agentAnswered: past.hasAgent };
      const text = waitingFor(results);
      if (text !== said) monitor.line(text);
      said = text;
      await orAborted(sleep(Math.min(everyMs, limitMs - tookMs), cancelled), cancelled);
    }
  };
  return { check };
}

/** A cluster that does not answer does not make a guest unhealthy. */
function throwUnanswered({ running, ping }: Observation): void {
  if ('error' in running) throw running.error;
  if (ping !== undefined && 'error' in ping) throw ping.error;
}

function report(results: readonly CheckResult[], tries: number, tookMs: number): Omit<HealthReport, 'agentAnswered'> {
  const spent = `${tries} ${tries === 1 ? 'try' : 'tries'} in ${seconds(tookMs)}`;
  return {
    healthy: results.every(({ ok }) => ok),
    checks: results.map(({ name, ok, text }) => ({ name, ok, text: `${name}: ${text}${ok ? '' : `, ${spent}`}` })),
    tookMs,
  };
}

function waitingFor(results: readonly CheckResult[]): string {
  const open = results.filter(({ ok }) => !ok);
  return open.map(({ name, text }) => `${name}: ${text}`).join('; ');
}

async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
}

/** IPv4 first, as the guest's own address is chosen. */
async function allAddresses(name: string): Promise<readonly string[]> {
  const found = await resolve(name, { all: true });
  return found.sort((a, b) => a.family - b.family).map(({ address }) => address);
}

/** The facts from earlier observations. Times in milliseconds since the check began. */
interface Past {
  /** Since when it was seen running at every observation. */
  readonly runningSince?: number;
  /** The guest's agent has answered once, so the guest has one. */
  readonly hasAgent: boolean;
}

const nothingYet: Past = { hasAgent: false };

/** What one check came to, with its name. */
interface CheckResult extends Outcome {
  readonly name: string;
}

/** A cluster that does not answer does not make a guest unhealthy. */
function remember(past: Past, { running, ping }: Observation, atMs: number): Past {
  const hasAgent = past.hasAgent || (ping !== undefined && 'said' in ping && ping.said === 'ok');
  if ('error' in running) return { ...past, hasAgent };
  return running.said === 'running' ? { runningSince: past.runningSince ?? atMs, hasAgent } : { hasAgent };
}

/** The checks of a guest by the rule of `Health.check`. `past` knows this observation already. */
function evaluate(
  guest: CheckedGuest,
  check: HealthCheck | undefined,
  observation: Observation,
  past: Past,
  atMs: number,
): readonly CheckResult[] {
  const agent =
    check === undefined ? maybeAgent(guest, observation, past, atMs) : check.agent ? demandedAgent(observation) : [];
  const outcomes = [
    running(guest, observation.running, past, atMs, neededMs(check)),
    ...agent,
    ...observation.ports,
    ...(observation.page === undefined ? [] : [observation.page]),
  ];
  const names = checkNames(check);
  return outcomes.map((outcome, index) => ({ ...outcome, name: names[index] ?? '' }));
}

/** A check beyond "it runs" makes the waiting time for running unnecessary. */
function neededMs(check: HealthCheck | undefined): number {
  const says = check !== undefined && (check.agent || check.tcp.length > 0 || check.http !== undefined);
  return says ? 0 : Math.min(settleS, check?.timeoutS ?? defaultTimeoutS) * 1000;
}

function running(
  { vmid, node }: CheckedGuest,
  answer: Answer<RunState>,
  { runningSince }: Past,
  atMs: number,
  needed: number,
): Outcome {
  if ('error' in answer) return { ok: false, text: answer.error.message };
  if (typeof answer.said === 'object') return { ok: false, text: standsText(vmid, node, answer.said.stands) };
  if (answer.said === 'stopped' || runningSince === undefined) return { ok: false, text: 'it is not running' };
  const forMs = atMs - runningSince;
  if (needed === 0) return { ok: true, text: 'yes' };
  const enough = forMs >= needed;
  return { ok: enough, text: enough ? `for ${seconds(forMs)}` : `not for ${seconds(needed)} yet` };
}

/** A full storage is the usual cause of io-error: QEMU stops the VM before a write is lost. */
function standsText(vmid: number, node: string, state: string): string {
  const resume = `\`qm resume ${vmid}\` on ${node}`;
  if (state === 'io-error') return `it stands still (io-error): make room on its storage, then ${resume}`;
  return `it stands still (${state}): resume it with ${resume}`;
}

function demandedAgent({ ping }: Observation): readonly Outcome[] {
  if (ping === undefined) return [];
  if ('error' in ping) return [{ ok: false, text: ping.error.message }];
  return [{ ok: ping.said === 'ok', text: pingWords[ping.said] }];
}

function maybeAgent(
  { hadAgent = false }: CheckedGuest,
  observation: Observation,
  { hasAgent }: Past,
  atMs: number,
): readonly Outcome[] {
  const { ping } = observation;
  if (ping === undefined || 'error' in ping || ping.said === 'ok' || hasAgent) return demandedAgent(observation);
  if (ping.said === 'silent' && hadAgent) return [{ ok: false, text: `${pingWords.silent}, and it did before` }];
  const mayCome = ping.said === 'silent' && atMs < agentGraceS * 1000;
  return [{ ok: !mayCome, text: mayCome ? pingWords.silent : `${pingWords[ping.said]}, running is enough` }];
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}

/** The cluster's answer, or the error that kept it from answering. */
export type Answer<T> = { readonly said: T } | { readonly error: UserError };
/** What the agent of a guest answered to a ping. */
export type Ping = Awaited<ReturnType<GuestProbe['agentPing']>>;

/** A guest at one moment. */
export interface Observation {
  readonly running: Answer<RunState>;
  /** Absent when nobody asks for the agent. */
  readonly ping?: Answer<Ping>;
  /** In the order of the flake. */
  readonly ports: readonly Outcome[];
  readonly page?: Outcome;
}

/** The connections to a guest: the cluster's API and the network. */
export interface Transports extends PageTransport {
  readonly probe: GuestProbe;
}

/** Makes all observations of a guest at once. `limit` gives each question to the guest its own time limit. */
export async function observe(
  transports: Transports,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Observation> {
  const http = check?.http;
  const into = guest.guestKind === 'vm' ? observeByAgent : observeByHost;
  const [running, agent, page] = await Promise.all([
    answer(transports.probe.running(guest)),
    into(transports, guest, check, limit),
    http === undefined ? undefined : tryPage(transports, http, limit()),
  ]);
  return { running, ...agent, ...(page === undefined ? {} : { page }) };
}

/** The agent is asked for an address only when it answers a ping: each question to a silent agent takes 3 s. */
async function observeByAgent(
  transports: Transports,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Pick<Observation, 'ping' | 'ports'>> {
  const tcp = check?.tcp ?? [];
  if (check?.agent === false && tcp.length === 0) return { ports: [] };
  const ping = await answer(transports.probe.agentPing(guest));
  if (tcp.length === 0) return { ping, ports: [] };
  return { ping, ports: await tryPorts(transports, tcp, await addressByAgent(transports.probe, guest, ping), limit) };
}

/** The host of a container sees its addresses. */
async function observeByHost(
  transports: Transports,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Pick<Observation, 'ports'>> {
  const tcp = check?.tcp ?? [];
  if (tcp.length === 0) return { ports: [] };
  return {
    ports: await tryPorts(transports, tcp, await addressOf(transports.probe, guest, 'its host tells none'), limit),
  };
}

async function tryPorts(
  transports: Transports,
  tcp: readonly number[],
  address: Address,
  limit: () => AbortSignal,
): Promise<readonly Outcome[]> {
  return Promise.all(
    tcp.map(async (port) =>
      'none' in address ? { ok: false, text: address.none } : tryPort(transports.connect, address.found, port, limit()),
    ),
  );
}

type Address = { readonly found: string } | { readonly none: string };

async function addressByAgent(probe: GuestProbe, guest: GuestRef, ping: Answer<Ping>): Promise<Address> {
  if ('error' in ping) return { none: `no address, ${ping.error.message}` };
  if (ping.said !== 'ok') return { none: `no address, ${pingWords[ping.said]}` };
  return addressOf(probe, guest, 'the guest agent tells none');
}

async function addressOf(probe: GuestProbe, guest: GuestRef, without: string): Promise<Address> {
  const address = await answer(probe.address(guest));
  if ('error' in address) return { none: `no address, ${address.error.message}` };
  return address.said === undefined ? { none: `no address, ${without}` } : { found: address.said };
}

/** The same as people read it. */
export const pingWords: Readonly<Record<Ping, string>> = {
  ok: 'answers',
  silent: 'no guest agent answers',
  absent: 'no guest agent is configured',
};

/**
 * A question that could not be asked is part of the observation. A question that never can be asked, and a bug, end the
 * check.
 */
async function answer<T>(question: Promise<T>): Promise<Answer<T>> {
  try {
    return { said: await question };
  } catch (error) {
    if (error instanceof UserError && !(error instanceof NotAllowed)) return { error };
    throw error;
  }
}
