import type { GuestAt } from '../../core/guest.ts';
import { type Api, guestPath } from './api.ts';
import { Interfaces } from './schema.ts';

const local = /^(?:127\.|169\.254\.|::1$|fe80:)/i;

/** The first address that others can reach, IPv4 before IPv6; `undefined` on any refusal: many guests have no agent. */
export async function readAddress(api: Api, at: GuestAt): Promise<string | undefined> {
  try {
    const { result } = await api.client.get(`${guestPath(at)}/agent/network-get-interfaces`, Interfaces);
    const addresses = result.filter((entry) => entry.name !== 'lo').flatMap((entry) => entry['ip-addresses']);
    const reachable = addresses.filter((address) => !local.test(address['ip-address']));
    const found = reachable.find((address) => address['ip-address-type'] === 'ipv4') ?? reachable[0];
    return found?.['ip-address'];
  } catch (error) {
    api.log.debug({ ...at, error }, 'the guest agent tells no address');
    return undefined;
  }
}
