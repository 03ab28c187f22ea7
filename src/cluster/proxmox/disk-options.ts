import { type DiskOptionName, type DiskOptions, diskOptions, optionsOf } from '../../core/data-disks.ts';
import type { GuestKind } from '../../core/guest.ts';
import type { LiveDisk } from '../../core/live.ts';
import { driveOptions, type Property, toDisk } from './property.ts';

/** How the options of a disk stand in a drive or a mount point (PVE 8.4 and 9.2: qm.conf, pct.conf), under their names. */
type Codecs = {
  readonly [Name in DiskOptionName]: {
    /** `undefined`: a text of another version, which reads as the default. */
    read(text: string): DiskOptions[Name];
    write(value: NonNullable<DiskOptions[Name]>): string;
  };
};

const flag = { read: isOn, write: (on: boolean) => (on ? '1' : '0') };

const codecs: Codecs = {
  ssd: flag,
  discard: { read: (text) => text === 'on', write: (on) => (on ? 'on' : 'ignore') },
  iothread: flag,
  cache: { read: (text) => diskOptions.cache.value.safeParse(text).data, write: (mode) => mode },
  backup: flag,
};

/** Inside a property string Proxmox takes and keeps every word for a boolean. */
function isOn(text: string): boolean {
  return /^(?:1|on|yes|true)$/i.test(text);
}

/** A disk of a guest with its options: those that proxnix knows, and the text of the rest. */
export function toLiveDisk(kind: GuestKind, drive: Property): LiveDisk {
  const path = drive.get('mp');
  const options = readOptions(kind, drive);
  const others = driveOptions(drive).filter(([name]) => name !== 'mp' && !isOption(kind, name));
  return {
    ...toDisk(drive),
    ...(path === undefined ? {} : { path }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(others.length === 0 ? {} : { others: others.map(([name, text]) => `${name}=${text}`).join(',') }),
  };
}

/** The options of a drive that are not as by default. */
function readOptions(kind: GuestKind, drive: Property): DiskOptions {
  const read = optionsOf(kind).flatMap((name) => {
    const text = drive.get(name);
    const value = text === undefined ? undefined : codecs[name].read(text);
    return value === undefined || value === diskOptions[name].otherwise(kind) ? [] : [[name, value] as const];
  });
  // Each value is of its option: it was read by the option's own codec.
  return Object.fromEntries(read) as DiskOptions;
}

/** The options that are named, as parts of a drive. */
export function writeOptions(options: DiskOptions): readonly (readonly [string, string])[] {
  return optionsOf('vm').flatMap((name) => {
    const text = writeOption(name, options[name]);
    return text === undefined ? [] : [[name, text] as const];
  });
}

function writeOption(name: DiskOptionName, value: DiskOptions[DiskOptionName]): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'boolean'
    ? (codecs[name] as { write(value: boolean): string }).write(value)
    : codecs.cache.write(value);
}

function isOption(kind: GuestKind, name: string): boolean {
  return optionsOf(kind).some((one) => one === name);
}

/** A drive with the wanted options; what they do not name stays. */
export function withOptions(drive: Property, wanted: DiskOptions): Property {
  return new Map([...drive, ...writeOptions(wanted)]);
}
