import { type Call, demandRight, may } from '../call.ts';
import { failure, forbidden, parameterError } from '../errors.ts';
import type { Config } from '../guest.ts';
import { cloudinitStorageOf, isCdrom, isCloudinit, newDiskOf, parseDrive } from './drive.ts';
import { isDriveKey, privilegeOf } from './options.ts';

/** The rights for keys of an existing or new VM; on a new one the pool's count too. */
export function requireOptions(
  call: Call,
  vmid: number,
  keys: readonly string[],
  more: { pool?: string | undefined; config?: Config; isNew: boolean },
): void {
  for (const key of keys) {
    const value = call.given.get(key) ?? more.config?.[key];
    if (!more.isNew && isDriveKey(key) && (isCdrom(value) || isCloudinit(value))) {
      if (isCloudinit(value)) requireGuest(call, vmid, ['VM.Config.Cloudinit'], more.pool);
      requireGuest(call, vmid, ['VM.Config.CDROM'], more.pool);
      continue;
    }
    const privileges = privilegeOf(key);
    if (privileges === undefined) throw failure(`only root can set '${key}' config`);
    requireGuest(call, vmid, privileges, more.pool);
  }
}

function requireGuest(call: Call, vmid: number, any: readonly string[], pool: string | undefined): void {
  if (pool !== undefined && may(call, `/pool/${pool}`, { any })) return;
  if (may(call, `/vms/${vmid}`, { any })) return;
  throw forbidden(`/vms/${vmid}, ${any.join('|')}`);
}

/** The rights on storages, and what a storage must be able to hold. */
export function requireStorages(call: Call, drives: ReadonlyMap<string, string>): void {
  for (const [key, value] of drives) {
    const drive = parseDrive(value);
    if (drive.file === 'none' || drive.file === 'cdrom') continue;
    if (drive.file.startsWith('/')) throw failure('Only root can pass arbitrary filesystem paths.');
    const target = newDiskOf(drive.file)?.storage ?? cloudinitStorageOf(drive.file);
    const source = drive.options.get('import-from');
    if (source !== undefined && newDiskOf(drive.file)?.gib !== 0) {
      const text = "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>";
      throw parameterError({ [key]: text });
    }
    if (source?.startsWith('/')) throw failure('Only root can pass arbitrary filesystem paths.');
    if (target === undefined) {
      requireVolume(call, drive.file);
      continue;
    }
    demandRight(call, `/storage/${target}`, { all: ['Datastore.AllocateSpace'] });
    const storage = call.world.storages.get(target);
    if (!storage.content.includes('images')) {
      throw parameterError({ storage: `storage '${target}' does not support vm images` });
    }
    if (source !== undefined) requireVolume(call, source);
  }
}

function requireVolume(call: Call, volid: string): void {
  const [name = '', volume = ''] = volid.split(':');
  const any = ['Datastore.Audit', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate', 'Datastore.Allocate'];
  if (!may(call, `/storage/${name}`, { any })) throw forbidden(`/storage/${name}, Datastore.AllocateSpace`);
  const storage = call.world.storages.get(name);
  const isKnown = /^(import|iso|vztmpl|snippets)\/|^\d+\/|^(vm|base|subvol)-\d+-/.test(volume);
  if (!isKnown && storage.type === 'dir') throw failure(`unable to parse directory volume name '${volume}'`);
}

/** The right to use a bridge, with a vlan tag below it. */
export function requireBridges(call: Call, cards: Iterable<string>): void {
  for (const card of cards) {
    const bridge = /(?:^|,)bridge=([^,]+)/.exec(card)?.[1];
    const tag = /(?:^|,)tag=(\d+)/.exec(card)?.[1];
    if (bridge === undefined) continue;
    const path = `/sdn/zones/localnetwork/${bridge}${tag === undefined ? '' : `/${tag}`}`;
    demandRight(call, path, { all: ['SDN.Use'] });
  }
}
