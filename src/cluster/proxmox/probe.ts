import { type GuestProbe, NotAllowed } from '../../health/health.ts';
import { readAddress } from './address.ts';
import { type Api, guestPath } from './api.ts';
import { ProxmoxError } from './errors.ts';
import { CurrentStatus } from './schema.ts';

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
