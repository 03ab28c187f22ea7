import { UserError } from '../core/errors.ts';
import type { GuestRef, HealthCheck } from '../core/guest.ts';
import { type GuestProbe, NotAllowed } from './health.ts';
import { type PageTools, tryPage } from './page.ts';
import { tryPort } from './port.ts';
import type { Sight } from './sight.ts';

/** What the cluster said, or why it did not. */
export type Answer<T> = { readonly said: T } | { readonly error: UserError };
export type Ping = Awaited<ReturnType<GuestProbe['agentPing']>>;

/** A guest at one moment. */
export interface Look {
  readonly running: Answer<boolean>;
  /** Absent when nobody asks for the agent. */
  readonly ping?: Answer<Ping>;
  /** In the order of the flake. */
  readonly ports: readonly Sight[];
  readonly page?: Sight;
}

/** The ways to a guest. */
export interface Ways extends PageTools {
  readonly probe: GuestProbe;
}

/** Looks at everything that is asked of a guest at once. `limit` gives each question to the guest itself its time. */
export async function look(
  ways: Ways,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Look> {
  const http = check?.http;
  const into = guest.guestKind === 'vm' ? lookThroughAgent : lookThroughHost;
  const [running, agent, page] = await Promise.all([
    answer(ways.probe.running(guest)),
    into(ways, guest, check, limit),
    http === undefined ? undefined : tryPage(ways, http, limit()),
  ]);
  return { running, ...agent, ...(page === undefined ? {} : { page }) };
}

/** The agent is asked for its address only when it answers at all: each question to a silent one takes 3 s. */
async function lookThroughAgent(
  ways: Ways,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Pick<Look, 'ping' | 'ports'>> {
  const tcp = check?.tcp ?? [];
  if (check?.agent === false && tcp.length === 0) return { ports: [] };
  const ping = await answer(ways.probe.agentPing(guest));
  if (tcp.length === 0) return { ping, ports: [] };
  return { ping, ports: await tryPorts(ways, tcp, await addressByAgent(ways.probe, guest, ping), limit) };
}

/** The host of a container sees its addresses. */
async function lookThroughHost(
  ways: Ways,
  guest: GuestRef,
  check: HealthCheck | undefined,
  limit: () => AbortSignal,
): Promise<Pick<Look, 'ports'>> {
  const tcp = check?.tcp ?? [];
  if (tcp.length === 0) return { ports: [] };
  return { ports: await tryPorts(ways, tcp, await addressOf(ways.probe, guest, 'its host tells none'), limit) };
}

async function tryPorts(
  ways: Ways,
  tcp: readonly number[],
  address: Address,
  limit: () => AbortSignal,
): Promise<readonly Sight[]> {
  return Promise.all(
    tcp.map(async (port) =>
      'none' in address ? { ok: false, text: address.none } : tryPort(ways.connect, address.found, port, limit()),
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

export const pingWords: Readonly<Record<Ping, string>> = {
  ok: 'answers',
  silent: 'no guest agent answers',
  absent: 'no guest agent is configured',
};

/** A question that could not be asked is part of a look; one that never will be, and a bug, end the watch. */
async function answer<T>(question: Promise<T>): Promise<Answer<T>> {
  try {
    return { said: await question };
  } catch (error) {
    if (error instanceof UserError && !(error instanceof NotAllowed)) return { error };
    throw error;
  }
}
