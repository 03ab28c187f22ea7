import { UserError } from '../../core/errors.ts';
import type { GuestKind, GuestSpec } from '../../core/guest.ts';
import {
  type AnySetting,
  type ContainerSettings,
  isManaged,
  type SettingsOf,
  sameValue,
  settingsOf,
  type VmSettings,
} from '../../core/settings.ts';
import { sameText } from '../../lib/text.ts';
import { isCloudInit, type Property, readDrive, readProperty, toDisk, type Values, writeProperty } from './property.ts';

/** Keys to write by name; `undefined` deletes one. */
export type Changes = Readonly<Record<string, string | number | boolean | undefined>>;

/** How a setting stands in the configuration of a guest in Proxmox VE (8.4 and 9.2: qm.conf, pct.conf). */
interface Codec<Value> {
  /** The keys of the configuration that it stands in; several settings may share one. */
  readonly keys: readonly string[];
  /** When it is written: with everything else, in the create call only, or with the last write to the guest. */
  readonly written?: 'at creation' | 'at the end';
  /** The value; Proxmox's default where the key is absent. */
  read(values: Values): Value;
  /** What is to be written, composed on the values that are there; `undefined` deletes a key. */
  write(wanted: Value, values: Values): Changes;
  /** Throws a `UserError` for text that could leave its place in a property string. */
  check?(wanted: NonNullable<Value>): void;
}

type Codecs<Settings> = { readonly [Key in keyof Settings]-?: Codec<Settings[Key]> };

/** Where a cloud-init drive is put, the first free one. */
const cloudInitSlots = ['ide2', 'ide0', 'ide3', 'ide1'];

const vm = {
  name: text('name'),
  cores: amount('cores', 1),
  sockets: amount('sockets', 1),
  memoryMb: {
    ...amount('memory', 512),
    // `current=2048` is the same as `2048`.
    read: ({ memory = '512' }) => Number(readProperty(memory, 'current').get('current') ?? 512),
  },
  bridge: bridgeOn('virtio', 'model'),
  vlan: vlanOn('virtio', 'model'),
  scsiHw: { ...text('scsihw', 'lsi'), check: (name) => check('name of a SCSI controller', name) },
  cloudInit: {
    keys: cloudInitSlots,
    read: (values) => {
      const drive = cloudInitDrive(values);
      return drive && { storage: drive.storage };
    },
    // Another storage replaces the drive in its own slot: a second slot is refused while the first is attached.
    write: (wanted, values) => {
      const slot = cloudInitDrive(values)?.slot;
      if (wanted === undefined) return slot === undefined ? {} : { [slot]: undefined };
      const free = cloudInitSlots.find((key) => values[key] === undefined);
      return { [slot ?? free ?? 'ide2']: `${wanted.storage}:cloudinit` };
    },
    check: (drive) => check('name of a storage', drive.storage),
  },
  onboot: flag('onboot'),
  protected: { ...flag('protection'), written: 'at the end' },
  description: notes(),
} satisfies Codecs<VmSettings>;

const container = {
  name: text('hostname'),
  // Without `cores` a container has all cores of its host, which is read as 0; no flake can want that.
  cores: amount('cores', 0),
  memoryMb: amount('memory', 512),
  swapMb: amount('swap', 512),
  bridge: bridgeOn('name=eth0', 'name'),
  vlan: vlanOn('name=eth0', 'name'),
  ip: {
    ...onCard('name=eth0', 'name', {
      read: (card) => card.get('ip') ?? 'manual',
      write: (ip, card) => replaced(card, 'ip', ip === 'manual' ? undefined : ip),
    }),
    check: (ip) => check('address of a container', ip),
  },
  gateway: {
    ...onCard('name=eth0', 'name', {
      read: (card) => card.get('gw'),
      write: (gateway, card) => replaced(card, 'gw', gateway),
    }),
    check: (gateway) => check('address of a gateway', gateway),
  },
  features: {
    keys: ['features'],
    read: ({ features = '' }) =>
      [...readProperty(features, 'name')].flatMap(([name, value]) => (value === '1' ? [name] : [])).sort(),
    write: (names) => ({ features: names.map((name) => `${name}=1`).join(',') || undefined }),
    check: (names) => {
      for (const name of names) check('name of a feature', name);
    },
  },
  // Always sent: without it 8.4 and 9.x make different containers. Later it is refused as read-only.
  unprivileged: { ...flag('unprivileged'), written: 'at creation' },
  onboot: flag('onboot'),
  protected: { ...flag('protection'), written: 'at the end' },
  description: notes(),
} satisfies Codecs<ContainerSettings>;

const codecs: Readonly<Record<GuestKind, Readonly<Record<string, Codec<unknown>>>>> = { vm, container };

/** Every setting of a guest as its configuration holds it. */
export function readSettings<Kind extends GuestKind>(kind: Kind, values: Values): SettingsOf<Kind> {
  const read = settingsOf(kind).map((row) => [row.key, codecOf(kind, row).read(values)] as const);
  // `satisfies` above holds each codec to the type of its row.
  return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as SettingsOf<Kind>;
}

/** What a create call says of a guest's settings. Its description follows with its tags. */
export function newSettings(guest: GuestSpec): Changes {
  const rows = settingsOf(guest.kind).filter(
    (row) => row.key !== 'description' && codecOf(guest.kind, row).written !== 'at the end',
  );
  return Object.fromEntries(Object.entries(written(guest, rows, {})).filter(([, value]) => value !== undefined));
}

/** What must be written for a guest to be as wanted, as far as it can be written at any time. */
export function changedSettings(guest: GuestSpec, values: Values): Changes {
  const rows = settingsOf(guest.kind).filter((row) => codecOf(guest.kind, row).written === undefined);
  const differing = rows.filter((row) => !isAsWanted(guest, row, values));
  const keys = new Set(differing.flatMap((row) => codecOf(guest.kind, row).keys));
  // A property string is written as a whole, so with one of its values go the others that it holds.
  const touched = rows.filter((row) => codecOf(guest.kind, row).keys.some((key) => keys.has(key)));
  return written(guest, touched, values);
}

/** The changes that replace the creation marker in a guest's description by the flake's description. */
export function newDescription({ description }: GuestSpec): Changes {
  return vm.description.write(description, {});
}

/** The settings in the last write to a guest: a guest that is marked as done also has its protection. */
export function lastSettings(guest: GuestSpec, values: Values): Changes {
  return guest.protected && !vm.protected.read(values) ? vm.protected.write(true, values) : {};
}

/**
 * The settings that wait for a stop and start. A key that several share waits for those that read differently; where
 * none does, for the first.
 */
export function pendingSettings(
  kind: GuestKind,
  config: { readonly values: Values; readonly current: Values; readonly pending: readonly string[] },
): readonly string[] {
  const waiting = config.pending.flatMap((key) => {
    const owners = settingsOf(kind).filter((row) => codecOf(kind, row).keys.includes(key));
    const differing = owners.filter((row) => {
      const codec = codecOf(kind, row);
      return !sameValue(row, codec.read(config.values), codec.read(config.current));
    });
    return differing.length === 0 ? owners.slice(0, 1) : differing;
  });
  return [...new Set(waiting.map((row) => row.key))];
}

/** Names come from a flake, whoever wrote it: `fast:0,import-from=...` is no storage. */
export function validateNames(node: string, guest?: GuestSpec): void {
  check('name of a node', node);
  if (guest === undefined) return;
  check('name of a storage', guest.storage);
  if (guest.kind === 'vm') check('name of a disk slot', guest.diskSlot);
  for (const row of settingsOf(guest.kind)) {
    const wanted = wantedOf(guest, row);
    if (wanted !== undefined && wanted !== null) codecOf(guest.kind, row).check?.(wanted);
  }
}

function written(guest: GuestSpec, rows: readonly AnySetting[], values: Values): Changes {
  let changes: Changes = {};
  for (const row of rows) {
    const wanted = wantedOf(guest, row);
    if (!isManaged(row, guest.kind, wanted)) continue;
    changes = { ...changes, ...codecOf(guest.kind, row).write(wanted, composed(values, changes)) };
  }
  return changes;
}

/** The values with the text of what is to be written over them: the next write to the same key goes on from there. */
function composed(values: Values, changes: Changes): Values {
  const texts = Object.entries(changes).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : []));
  return { ...values, ...Object.fromEntries(texts) };
}

function isAsWanted(guest: GuestSpec, row: AnySetting, values: Values): boolean {
  const wanted = wantedOf(guest, row);
  return !isManaged(row, guest.kind, wanted) || sameValue(row, codecOf(guest.kind, row).read(values), wanted);
}

function wantedOf(guest: GuestSpec, { key }: AnySetting): unknown {
  const values: Readonly<Record<string, unknown>> = guest;
  return values[key];
}

function codecOf(kind: GuestKind, { key }: AnySetting): Codec<unknown> {
  const codec = codecs[kind][key];
  if (codec === undefined) throw new Error(`the setting ${key} of a ${kind} has no codec`);
  return codec;
}

function text(key: string, absent = ''): Codec<string> {
  return { keys: [key], read: (values) => values[key] ?? absent, write: (wanted) => ({ [key]: wanted }) };
}

function amount(key: string, absent: number): Codec<number> {
  return { keys: [key], read: (values) => Number(values[key] ?? absent), write: (wanted) => ({ [key]: wanted }) };
}

function flag(key: string): Codec<boolean> {
  return { keys: [key], read: (values) => values[key] === '1', write: (wanted) => ({ [key]: wanted }) };
}

/** Proxmox adds a line feed to the description of a container, and keeps none that is empty or white space. */
function notes(): Codec<string> {
  return {
    keys: ['description'],
    read: ({ description = '' }) => description.replace(/\n$/, ''),
    write: (wanted) => ({ description: sameText(wanted, '') ? undefined : wanted }),
  };
}

/**
 * A part of the first network card, whose other parts stay: without its MAC address it would get a new one.
 * @param fresh the card of a new guest
 * @param first the name of the card's first part, which a VM has without its name
 */
function onCard<Value>(
  fresh: string,
  first: 'model' | 'name',
  part: {
    read(card: Property): Value;
    write(wanted: Value, card: Property): Property;
  },
): Codec<Value> {
  // `name=` is no default key of a container's card: it is written out.
  const written = first === 'model' ? first : '';
  return {
    keys: ['net0'],
    read: ({ net0 = '' }) => part.read(readProperty(net0, first)),
    write: (wanted, { net0 = fresh }) => ({
      net0: writeProperty(part.write(wanted, readProperty(net0, first)), written),
    }),
  };
}

function bridgeOn(fresh: string, first: 'model' | 'name'): Codec<string> {
  return {
    ...onCard(fresh, first, {
      read: (card) => card.get('bridge') ?? '',
      write: (bridge, card) => new Map([...card, ['bridge', bridge]]),
    }),
    check: (bridge) => check('name of a bridge', bridge),
  };
}

/** A running VM takes another one at once (source of PVE 9.2.11). */
function vlanOn(fresh: string, first: 'model' | 'name'): Codec<number | undefined> {
  return onCard(fresh, first, {
    read: (card) => (card.has('tag') ? Number(card.get('tag')) : undefined),
    write: (tag, card) => replaced(card, 'tag', tag === undefined ? undefined : String(tag)),
  });
}

/** With a part as the last one, or without it. */
function replaced(property: Property, name: string, value: string | undefined): Property {
  const others = [...property].filter(([key]) => key !== name);
  return new Map(value === undefined ? others : [...others, [name, value]]);
}

function cloudInitDrive(values: Values): { readonly slot: string; readonly storage: string } | undefined {
  const slots = Object.entries(values).filter(([key]) => /^(?:ide|sata|scsi|virtio)\d+$/.test(key));
  for (const [slot, text] of slots) {
    const drive = readDrive(text);
    if (isCloudInit(drive)) return { slot, storage: toDisk(drive).storage };
  }
  return undefined;
}

/** Identifiers as Proxmox VE defines them (PVE::JSONSchema 9.2): none can leave its place in a path or a property. */
const forms = {
  'name of a node': /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
  'name of a storage': /^[a-zA-Z][a-zA-Z0-9_.-]*[a-zA-Z0-9]$/,
  'name of a bridge': /^[a-zA-Z][a-zA-Z0-9_.-]*$/,
  'name of a SCSI controller': /^[a-z0-9-]+$/,
  'name of a disk slot': /^(?:scsi|virtio|sata|ide)\d{1,2}$/,
  'address of a container': /^(?:dhcp|manual|[\d.]{7,15}\/\d{1,2})$/,
  'address of a gateway': /^[\d.]{7,15}$/,
  'name of a feature': /^[a-z_]+$/,
} as const;

function check(kind: keyof typeof forms, word: string): void {
  if (forms[kind].test(word)) return;
  throw new UserError(`${JSON.stringify(word)} is no ${kind} in Proxmox.`, {
    next: 'Correct it in the flake.',
  });
}
