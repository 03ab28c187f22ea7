import { z } from 'zod';
import type { GuestRef } from '../../core/guest.ts';
import type { Client } from './client.ts';
import { ProxmoxError } from './errors.ts';

/** What every part of the adapter needs: the client, and the few settings that decide how it is used. */
export interface Api {
  readonly client: Client;
  /** Of the node that is asked; asked for once. */
  readonly version: () => Promise<string>;
  /** The storage that images are uploaded to. */
  readonly imageStorage: string;
  readonly pool: string | undefined;
  readonly log: Log;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The first VMID tried for the staging guest of a guest. */
  readonly stagingVmid: (vmid: number) => number;
  readonly timeouts: Timeouts;
  /** The UPIDs that calls were answered with: none of them is the task of a call whose answer was lost. */
  readonly seenUpids: Set<string>;
}

/** The part of pino that is used: facts first, then a sentence. */
export interface Log {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** How long things may take, in milliseconds. */
export interface Timeouts {
  /** One answer of the API. */
  readonly requestMs: number;
  /** An upload on which nothing moves, the answer after its last byte included. */
  readonly stallMs: number;
  /** Another task or a backup holds the guest. */
  readonly busyMs: number;
  /** Between two looks at a task; the last one is repeated. */
  readonly pollMs: readonly number[];
  /** Between two looks at a task's log. */
  readonly logMs: number;
  /** A guest gets this long to shut down before it is stopped. */
  readonly shutdownMs: number;
  /** After a stop, before a start: the clean-up of the stop holds the guest's lock. */
  readonly pauseMs: number;
  /** After a reboot that is done, until a guest that does not run is taken for one that failed to start. */
  readonly startMs: number;
  /** The longest task of each type; `default` for those not named. */
  readonly taskMs: Readonly<Record<string, number>>;
}

const minute = 60_000;

/** What the timeouts are where nothing else is said. */
export const defaultTimeouts: Timeouts = {
  requestMs: 45_000,
  stallMs: 2 * minute,
  busyMs: minute,
  pollMs: [500, 1000, 2000],
  logMs: 3000,
  shutdownMs: 2 * minute,
  pauseMs: 3000,
  startMs: 5000,
  taskMs: {
    default: 10 * minute,
    qmconfig: 120 * minute,
    qmmove: 360 * minute,
    imgcopy: 60 * minute,
    qmdestroy: 30 * minute,
    vzcreate: 120 * minute,
    vzdestroy: 30 * minute,
  },
};

/** The type of a task on a guest: `qmstart`, `vzstart`. */
export function taskType({ guestKind }: Pick<GuestRef, 'guestKind'>, action: string): string {
  return `${guestKind === 'vm' ? 'qm' : 'vz'}${action}`;
}

/** Where guests of a kind are made. */
export function guestsPath({ guestKind, node }: Pick<GuestRef, 'guestKind' | 'node'>): string {
  return `/nodes/${node}/${guestKind === 'vm' ? 'qemu' : 'lxc'}`;
}

/** Everything about a guest is asked below this path. */
export function guestPath(at: GuestRef): string {
  return `${guestsPath(at)}/${at.vmid}`;
}

/** Is there no guest with this VMID in the whole cluster? It answers for every token, also one that sees no guest. */
export async function isFree(api: Api, vmid: number): Promise<boolean> {
  try {
    await api.client.get('/cluster/nextid', z.unknown(), { vmid });
    return true;
  } catch (error) {
    if (error instanceof ProxmoxError && error.errors['vmid'] !== undefined) return false;
    throw error;
  }
}
