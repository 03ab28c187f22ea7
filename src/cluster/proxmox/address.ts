import { isIP } from 'node:net';
import type { GuestRef } from '../../core/guest.ts';
import { type Api, guestPath } from './api.ts';
import { AgentInterfaces, ContainerInterfaces } from './schema.ts';

const local = /^(?:127\.|169\.254\.|::1$|fe80:)/i;

/**
 * The first address that others can reach, IPv4 before IPv6: of a VM as its agent tells it, of a container as its host
 * does. `undefined` on any refusal: many VMs have no agent.
 */
export async function readAddress(api: Api, at: GuestRef): Promise<string | undefined> {
  try {
    const cards = (await interfacesOf(api, at)).filter((card) => card.name !== 'lo');
    const addresses = cards.flatMap((card) => card['ip-addresses'].map((address) => address['ip-address']));
    // The agent runs in the guest: what it says may be anything.
    const reachable = addresses.filter((address) => isIP(address) !== 0 && !local.test(address));
    return reachable.find((address) => !address.includes(':')) ?? reachable[0];
  } catch (error) {
    api.log.debug({ ...at, error }, 'nobody tells an address of the guest');
    return undefined;
  }
}

async function interfacesOf(api: Api, at: GuestRef) {
  const path = guestPath(at);
  return at.guestKind === 'vm'
    ? (await api.client.get(`${path}/agent/network-get-interfaces`, AgentInterfaces)).result
    : ((await api.client.get(`${path}/interfaces`, ContainerInterfaces)) ?? []);
}
