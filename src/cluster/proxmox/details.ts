import { UserError } from '../../core/errors.ts';
import type { GuestDetails } from '../../core/flake-entry.ts';
import { type GuestRef, guestLabel } from '../../core/guest.ts';
import { cut } from '../../lib/text.ts';
import { type Api, ContainerConfig, guestPath } from './api.ts';
import { type GuestConfig, readConfig } from './config.ts';
import { firmwareKeys, newFirmware } from './firmware.ts';
import { driveOptions, isCloudInit, readDrive } from './property.ts';
import { settingTexts, unsetSettings } from './settings.ts';
import { ofNewGuests } from './steps/create.ts';

/** What the configuration of a guest tells beside its settings and its disks. */
export async function readDetails(api: Api, at: GuestRef): Promise<GuestDetails> {
  const config = await readConfig(api, at);
  if (config === undefined) {
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: 'Import again.' });
  }
  const { unset, others } = detailsOf(config);
  return { unset, others: [...others, ...(await rawLines(api, at))] };
}

/** The lines of a container's file that are LXC's own. The list of pending values leaves them out (PVE::GuestHelpers). */
async function rawLines(api: Api, at: GuestRef): Promise<readonly string[]> {
  if (at.guestKind === 'vm') return [];
  const { lxc } = await api.client.get(`${guestPath(at)}/config`, ContainerConfig);
  return lxc.map(([key = '', ...values]) => told(key, values.join(' ')));
}

/** The same of a configuration that was read. */
export function detailsOf(config: GuestConfig): GuestDetails {
  const { guestKind, values } = config;
  const said = { ...settingTexts(guestKind, values), ...ofNewGuests[guestKind] };
  const others = Object.keys(values).flatMap((key) => {
    const rest = restOf(key, values[key] ?? '', said);
    return rest === '' ? [] : told(key, rest);
  });
  return { unset: unsetSettings(guestKind, values), others: others.sort() };
}

/** Keys of what every guest has: its identity, its state, its boot order and its unused volumes. */
const known = /^(?:digest|tags|lock|template|vmgenid|meta|arch|parent|boot|bootdisk|unused\d+)$/;
/** The core knows disks with all their options, but no CDs and nothing of the firmware's disks but their volumes. */
const drives = /^(?:(?:ide|sata|scsi|virtio|mp|efidisk|tpmstate)\d+|rootfs)$/;
/** Keys whose values are secrets, or may be. */
const secret = /^(?:cipassword|env|lxc\.environment.*)$/;

function told(key: string, text: string): string {
  return `${key}: ${secret.test(key) ? '(not shown)' : cut(withoutSecrets(text), 200)}`;
}

/** Property strings, and what is known in them beside that which a setting writes. */
const properties: readonly (readonly [key: RegExp, parts: readonly string[]])[] = [
  [/^net\d+$/, ['model', 'macaddr', 'type']],
  [/^(?:hostpci|usb)\d+$/, ['mapping']],
  [/^cpu$/, ['cputype']],
  [/^vga$/, ['type']],
  [/^smbios1$/, ['uuid']],
  [/^(?:startup|ipconfig0)$/, []],
];

/** The part of a value that no setting and no disk says; empty where there is none. */
function restOf(key: string, text: string, said: Readonly<Record<string, string | number>>): string {
  if (known.test(key)) return '';
  if (drives.test(key)) return restOfDrive(key, text);
  const own = said[key] === undefined ? undefined : String(said[key]);
  if (own === text) return '';
  const parts = properties.find(([pattern]) => pattern.test(key))?.[1];
  // A value that a setting holds as a whole may be written in another way.
  if (parts === undefined)
    return own === undefined || key in ofNewGuests.vm || key in ofNewGuests.container ? text : '';
  return restOfProperty(text, [...(own ?? '').split(','), ...parts]);
}

function restOfDrive(key: string, text: string): string {
  const drive = readDrive(text);
  if (drive.get('media') === 'cdrom') return isCloudInit(drive) || drive.get('file') === 'none' ? '' : text;
  if (key !== firmwareKeys.efi && key !== firmwareKeys.tpm) return '';
  const known = `${newFirmware.efi},${newFirmware.tpm}`.split(',');
  const options = driveOptions(drive).map(([name, value]) => `${name}=${value}`);
  return options.filter((option) => !known.includes(option)).join(',');
}

function restOfProperty(text: string, said: readonly string[]): string {
  const names = new Set(said.map(nameOf));
  return text
    .split(',')
    .filter((part) => !names.has(nameOf(part)))
    .join(',');
}

/** `tag` of `tag=7`; a part without a name stands for itself. */
function nameOf(part: string): string {
  return part.split('=', 1)[0] ?? part;
}

/** Arguments of QEMU and scripts may carry what nobody else shall read. */
function withoutSecrets(text: string): string {
  return text.replace(/(pass\w*|secret|token|key)([=:]\s?)[^\s,]+/gi, '$1$2(not shown)');
}
