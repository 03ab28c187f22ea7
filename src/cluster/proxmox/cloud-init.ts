import { defined } from '../../core/forms.ts';
import type { GuestKind } from '../../core/guest-ref.ts';
import type { VmSettings } from '../../core/settings.ts';
import { type Changes, type Codec, check, replaced, wordsOf } from './codec.ts';
import { isCloudInit, readDrive, readProperty, toDisk, type Values, writeProperty } from './property.ts';

/** Where a cloud-init drive is put, the first free one. */
const cloudInitSlots = ['ide2', 'ide0', 'ide3', 'ide1'];

/** Keys beside the drive that tell what cloud-init does; all need VM.Config.Cloudinit or VM.Config.Network (PVE 9.2). */
const cloudInitKeys = ['ciuser', 'sshkeys', 'ipconfig0', 'nameserver', 'searchdomain'] as const;

/** The drive of cloud-init and what it says; passwords are a person's own. */
export const cloudInit: Codec<VmSettings['cloudInit']> = {
  keys: [...cloudInitSlots, ...cloudInitKeys],
  read: (values) => {
    const drive = cloudInitDrive(values);
    if (drive === undefined) return undefined;
    const net = readProperty(values['ipconfig0'] ?? '', 'ip');
    return defined({
      storage: drive.storage,
      user: values['ciuser']?.trim(),
      sshKeys: values['sshkeys'] === undefined ? undefined : linesOf(decoded(values['sshkeys'])),
      ip: net.get('ip'),
      gateway: net.get('gw'),
      nameservers: wordsOf(values['nameserver']),
      searchDomain: values['searchdomain'],
    });
  },
  write: (wanted, values) => {
    const there = cloudInitDrive(values);
    if (wanted === undefined) return there === undefined ? {} : { [there.slot]: undefined };
    const { storage, user, sshKeys, ip, gateway, nameservers, searchDomain } = wanted;
    const free = cloudInitSlots.find((key) => values[key] === undefined);
    const net = readProperty(values['ipconfig0'] ?? '', 'ip');
    const given = Object.entries({ ip, gw: gateway }).reduce(
      (all, [key, value]) => (value === undefined ? all : replaced(all, key, value)),
      // DHCP brings a gateway of its own.
      ip === 'dhcp' ? replaced(net, 'gw', undefined) : net,
    );
    return {
      // Another storage replaces the drive in its own slot: a second slot is refused while the first is attached.
      ...(there?.storage === storage ? {} : { [there?.slot ?? free ?? 'ide2']: `${storage}:cloudinit` }),
      ...(user === undefined ? {} : { ciuser: user }),
      // The value is encoded once by itself, and then again as a part of the form (PVE 8.4 and 9.2).
      ...(sshKeys === undefined ? {} : { sshkeys: percentEncoded(sshKeys.join('\n')) || undefined }),
      ...(ip === undefined && gateway === undefined ? {} : { ipconfig0: writeProperty(given, '') }),
      ...(nameservers === undefined ? {} : { nameserver: nameservers.join(' ') }),
      ...(searchDomain === undefined ? {} : { searchdomain: searchDomain }),
    };
  },
  check: (drive) => {
    check('name of a storage', drive.storage);
    if (drive.user !== undefined) check('name of a user', drive.user);
    if (drive.ip !== undefined) check('address of a container', drive.ip);
    if (drive.gateway !== undefined) check('address of a gateway', drive.gateway);
    if (drive.searchDomain !== undefined) check('domain', drive.searchDomain);
    for (const server of drive.nameservers ?? []) check('address of a server of names', server);
  },
};

/** Do the changes touch what the drive says? */
export function changesCloudInit(kind: GuestKind, changes: Changes): boolean {
  return kind === 'vm' && cloudInitKeys.some((key) => key in changes);
}

function cloudInitDrive(values: Values): { readonly slot: string; readonly storage: string } | undefined {
  const slots = Object.entries(values).filter(([key]) => /^(?:ide|sata|scsi|virtio)\d+$/.test(key));
  for (const [slot, text] of slots) {
    const drive = readDrive(text);
    if (isCloudInit(drive)) return { slot, storage: toDisk(drive).storage };
  }
  return undefined;
}

/** A file that somebody edited by hand may hold anything: such a text stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => line.trim() || []);
}

/** As Proxmox wants a value encoded: everything but letters, digits, `-`, `_`, `.` and `~` (PVE::Tools, 8.4 and 9.2). */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
