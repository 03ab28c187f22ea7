import type { GuestKind, GuestRef } from '../../core/guest.ts';
import type { LiveConfig } from '../../core/live.ts';
import { splitTags } from '../../core/tags.ts';
import { type Api, guestPath } from './api.ts';
import { macOf, toContainerConfig } from './container-config.ts';
import { isMissing, ProxmoxError } from './errors.ts';
import { Pending, type PendingEntry } from './schema.ts';
import { toVmConfig, uuidOf } from './vm-config.ts';
import { isFree } from './vmid.ts';

/** A guest's configuration as text by key. */
export interface GuestConfig {
  readonly guestKind: GuestKind;
  readonly digest: string;
  /** With pending changes applied: what it will be after a stop and start. */
  readonly values: Values;
  /** As it is while the guest goes on running. */
  readonly current: Values;
  /** Keys with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

export type Values = Readonly<Record<string, string>>;

/** Values, pending values and digest in one call. `undefined`: no such guest on this node. */
export async function readConfig(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  try {
    return toConfig(at.guestKind, await api.client.get(`${guestPath(at)}/pending`, Pending));
  } catch (error) {
    if (isMissing(error)) return undefined;
    // With rights on a pool only, a guest that is not there is refused like one that may not be seen.
    const hidden = error instanceof ProxmoxError && error.status === 403;
    if (hidden && (await isFree(api, at.vmid))) return undefined;
    throw error;
  }
}

export function toConfig(guestKind: GuestKind, entries: readonly PendingEntry[]): GuestConfig {
  const [digest] = entries.filter((entry) => entry.key === 'digest');
  const options = entries.filter((entry) => entry.key !== 'digest');
  const waiting = options.filter((entry) => entry.pending !== undefined || entry.delete !== undefined);
  return {
    guestKind,
    digest: digest?.value ?? '',
    values: valuesOf(
      options.filter((entry) => entry.delete === undefined).map(({ key, value, pending }) => [key, pending ?? value]),
    ),
    current: valuesOf(options.map(({ key, value }) => [key, value])),
    pending: waiting.map((entry) => entry.key).sort(),
  };
}

function valuesOf(entries: readonly (readonly [string, string | undefined])[]): Values {
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

/** What both kinds of guests have in common, and what only one has; absent keys are Proxmox's defaults. */
export function toLiveConfig(config: GuestConfig): LiveConfig {
  return config.guestKind === 'vm' ? toVmConfig(config) : toContainerConfig(config);
}

/** Normalised: lower case, sorted, without doubles. */
export function tagsOf({ values }: Pick<GuestConfig, 'values'>): string[] {
  return splitTags(values['tags'] ?? '');
}

/** What tells this machine from another one under the same VMID, as `LiveConfig.uuid` has it. */
export function identityOf({ guestKind, values }: Pick<GuestConfig, 'guestKind' | 'values'>): string | undefined {
  return guestKind === 'vm' ? uuidOf(values) : macOf(values);
}
