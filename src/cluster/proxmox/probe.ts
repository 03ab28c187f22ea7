import { isIP } from 'node:net';
import type { GuestRef } from '../../core/guest.ts';
import { type GuestProbe, NotAllowed } from '../../health/health.ts';
import { type Api, guestPath } from './api.ts';
import { ProxmoxError } from './errors.ts';
import { AgentInterfaces, ContainerInterfaces, CurrentStatus } from './schema.ts';

/**
 * What Proxmox tells of a guest's health; only a VM can have an agent. The texts are the same in 8.4 and 9.2; the last
 * one is that of an agent which was there and does not answer in time (`qmp command` in 8.4, `qga command` in 9.x; QMPClient.pm).
 */
const silent = /^QEMU guest agent is not running$|^VM \d+ is not running$|^VM \d+ (?:qmp|qga) command '.*' failed/;
const absent = /^No QEMU guest agent configured$/;

/** The questions of a health check, asked over the API. */
export function proxmoxProbe(api: Api): GuestProbe {
  return {
    async running(at) {
      const path = `${guestPath(at)}/status/current`;
      const { status } = await asked(api.client.get(path, CurrentStatus));
      return status === 'running';
    },
    async agentPing(at) {
      if (at.guestKind === 'container') return 'absent';
      try {
        await asked(api.client.request('POST', `${guestPath(at)}/agent/ping`));
        return 'ok';
      } catch (error) {
        if (error instanceof ProxmoxError && silent.test(error.reason)) return 'silent';
        if (error instanceof ProxmoxError && absent.test(error.reason)) return 'absent';
        throw error;
      }
    },
    address: (at) => readAddress(api, at),
  };
}

/** A missing privilege will still be missing at the next look. */
async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.status !== 403) throw error;
    const [, where = 'the guest', privileges = ''] = /\(([^,]{1,200}), ([^)]{1,500})\)/.exec(error.reason) ?? [];
    const missing = privileges === '' ? error.reason : `${privileges.replaceAll('|', ' or ')} is missing on ${where}`;
    throw new NotAllowed(`The token may not ask for the health of the guest: ${missing}.`, {
      cause: error,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

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
