import { UserError } from '../core/errors.ts';
import type { GuestRef, HealthCheck } from '../core/guest.ts';
import { type GuestProbe, NotAllowed } from './health.ts';
import { type Outcome, type PageTransport, tryPage, tryPort } from './network.ts';

/** What the cluster said, or why it did not. */
export type Answer<T> = { readonly said: T } | { readonly error: UserError };
/** What the agent of a guest answered to a ping. */
export type Ping = Awaited<ReturnType<GuestProbe['agentPing']>>;

/** A guest at one moment. */
export interface Observation {
  readonly running: Answer<boolean>;
  /** Absent when nobody asks for the agent. */
  readonly ping?: Answer<Ping>;
  /** In the order of the flake. */
  readonly ports: readonly Outcome[];
  readonly page?: Outcome;
}

/** What a guest is reached by: the cluster, and the network. */
export interface Transports extends PageTransport {
  readonly probe: GuestProbe;
}

/** Observes everything that is asked of a guest at once. `limit` gives each question to the guest itself its time. */
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

/** The agent is asked for its address only when it answers at all: each question to a silent one takes 3 s. */
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

/** A question that could not be asked is part of an observation; one that never will be, and a bug, end the check. */
async function answer<T>(question: Promise<T>): Promise<Answer<T>> {
  try {
    return { said: await question };
  } catch (error) {
    if (error instanceof UserError && !(error instanceof NotAllowed)) return { error };
    throw error;
  }
}
