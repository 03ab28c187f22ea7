import { type Call, demandRight, may } from '../call.ts';
import { type ApiError, failure, forbidden, parameterError } from '../errors.ts';
import type { Config } from '../guest.ts';
import { cloudinitStorageOf, isCdrom, isCloudinit, newDiskOf, parseDrive } from './disks.ts';

/** What a key of a VM's configuration is: whose right is asked, and what a change of it does to a running VM. */

const CPU = /^(cores|sockets|cpu|cpulimit|cpuunits|numa\d*|vcpus|smp)$/;
const MEMORY = /^(memory|balloon|shares|allow-ksm)$/;
const HARDWARE =
  /^(acpi|hotplug|kvm|machine|scsihw|smbios1|tablet|vga|watchdog|audio0|rng0|serial\d+|amd-sev|intel-tdx|arch|usb\d+|hostpci\d+)$/;
const DISK = /^(boot|bootdisk|vmstatestorage|(ide|scsi|sata|virtio|unused)\d+|efidisk0|tpmstate0)$/;
const CLOUDINIT = /^(cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys)$/;
const NETWORK = /^(net|ipconfig)\d+$/;
const GENERAL =
  /^(agent|autostart|bios|description|keyboard|localtime|migrate_downtime|migrate_speed|name|onboot|ostype|protection|reboot|startdate|startup|tdf|tags|template|freeze|spice_enhancements)$/;

/** The privileges of which one is needed to change a key; undefined means root@pam only. Table of 9.2.11 and 8.4.1. */
export function privilegeOf(key: string): readonly string[] | undefined {
  if (CPU.test(key)) return ['VM.Config.CPU'];
  if (MEMORY.test(key)) return ['VM.Config.Memory'];
  if (HARDWARE.test(key)) return ['VM.Config.HWType'];
  if (DISK.test(key)) return ['VM.Config.Disk'];
  if (NETWORK.test(key)) return ['VM.Config.Network'];
  if (GENERAL.test(key)) return ['VM.Config.Options'];
  if (CLOUDINIT.test(key)) return ['VM.Config.Cloudinit', 'VM.Config.Network'];
  return undefined;
}

const AT_ONCE =
  /^(name|description|onboot|tags|protection|startup|shares|tablet|cpulimit|cpuunits|hookscript|vmstatestorage|autostart|reboot|template|bootdisk|ipconfig\d+|ciuser|cipassword|citype|cicustom|ciupgrade|nameserver|searchdomain|sshkeys)$/;

/** Whether a running VM takes a change of that key at once; all others but cards and disks wait for a stop. */
export function appliesAtOnce(key: string): boolean {
  return AT_ONCE.test(key);
}

/** Parameters of create and update that never become part of a configuration. */
export const NO_OPTIONS: ReadonlySet<string> = new Set([
  ...['node', 'vmid', 'pool', 'start', 'storage', 'unique', 'force', 'archive', 'bwlimit', 'live-restore'],
  ...['import-working-storage', 'ha-managed', 'delete', 'revert', 'digest', 'skiplock', 'background_delay'],
]);

/** `scsi0`, `efidisk0`: whether a key names a disk or a CD drive. */
export function isDriveKey(key: string): boolean {
  return /^(?:ide|scsi|sata|virtio)\d+$|^(?:efidisk|tpmstate)0$/.test(key);
}

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
    // The order of starts is the node's matter (9.2.11).
    if (key === 'startup') demandRight(call, '/', { all: ['Sys.Modify'] });
    requireDevice(call, key, String(value ?? ''));
  }
}

/** Devices of the node are for root@pam alone, unless the cluster has a name for them, which the caller may use. */
function requireDevice(call: Call, key: string, value: string): void {
  if (/^serial\d+$/.test(key) && value.startsWith('/dev/')) {
    throw failure(`only root can modify '${key}' config for real devices`);
  }
  const kind = /^(?:usb|hostpci)/.exec(key)?.[0] === 'usb' ? 'usb' : 'pci';
  if (!/^(?:usb|hostpci)\d+$/.test(key) || value === '') return;
  const mapping = /(?:^|,)mapping=([^,]+)/.exec(value)?.[1];
  const host = /(?:^|,)host=([^,]+)/.exec(value)?.[1] ?? (mapping === undefined ? value.split(',')[0] : undefined);
  if (kind === 'usb' && /^spice$/i.test(host ?? '')) return;
  const what = kind === 'usb' ? 'real' : 'non-mapped';
  if (host !== undefined) throw failure(`only root can set '${key}' config for ${what} devices`);
  demandRight(call, `/mapping/${kind}/${mapping}`, { all: ['Mapping.Use'] });
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

/** 400 of an option that only root@pam itself may use, and no token of it. */
export function rootOnlyError(name: string): ApiError {
  return parameterError({ [name]: 'Only root may use this option.' });
}
