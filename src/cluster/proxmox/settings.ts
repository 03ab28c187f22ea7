import { dataDisksOf } from '../../core/data-disk-changes.ts';
import { defined } from '../../core/forms.ts';
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
import { bridgeOn, cardsOf, containerCard, onCard, vmCard } from './cards.ts';
import { cloudInit } from './cloud-init.ts';
import {
  amount,
  type Changes,
  type Codec,
  check,
  flag,
  optionalText,
  partOf,
  replaced,
  text,
  wordsOf,
} from './codec.ts';
import { type Property, readProperty, type Values, writeProperty } from './property.ts';

type Codecs<Settings> = { readonly [Key in keyof Settings]-?: Codec<Settings[Key]> };

/** Of a VM, Proxmox asks for Sys.Modify on `/` even where the value stays (9.2): it is written only when it differs. */
const startup: Codec<VmSettings['startup']> = {
  keys: ['startup'],
  read: ({ startup: text = '' }) => {
    const parts = readProperty(text, 'order');
    const value = (key: string) => (parts.has(key) ? Number(parts.get(key)) : undefined);
    return defined({ order: value('order'), upS: value('up'), downS: value('down') });
  },
  write: (wanted = {}, { startup: text = '' }) => {
    const given = Object.entries({ order: wanted.order, up: wanted.upS, down: wanted.downS });
    const parts = given.reduce<Property>(
      (all, [key, value]) => (value === undefined ? all : replaced(all, key, String(value))),
      readProperty(text, 'order'),
    );
    return { startup: writeProperty(parts, '') || undefined };
  },
};

const vm = {
  // A VM need not have a name.
  name: { ...text('name'), write: (name) => ({ name: name || undefined }) },
  cores: amount('cores', 1),
  sockets: amount('sockets', 1),
  memoryMb: {
    ...amount('memory', 512),
    read: memoryOf,
  },
  cpuType: partOf('cpu', 'cputype', { absent: 'kvm64', form: 'CPU type' }),
  numa: flag('numa'),
  // Without the key a VM may give up nothing of its memory.
  balloonMb: {
    keys: ['balloon'],
    read: (values) => Number(values['balloon'] ?? memoryOf(values)),
    write: (wanted) => ({ balloon: wanted }),
  },
  bridge: bridgeOn('virtio', 'model'),
  networks: cardsOf(vmCard),
  scsiHw: { ...text('scsihw', 'lsi'), check: (name) => check('name of a SCSI controller', name) },
  machine: {
    keys: ['machine'],
    read: ({ machine = '' }) => readProperty(machine, 'type').get('type') ?? 'pc',
    // What else stands there, such as `viommu=intel`, stays.
    write: (type = 'pc', { machine = '' }) => {
      const rest = [...readProperty(machine, 'type')].filter(([name]) => name !== 'type');
      return { machine: writeProperty(new Map([['type', type], ...rest]), 'type') };
    },
    check: (type) => check('type of a machine', type),
  },
  bios: { ...text('bios', 'seabios'), check: (name) => check('firmware of a VM', name) },
  // Its state is a disk, which is made and taken out by `firmwareDisks`.
  tpm: { keys: ['tpmstate0'], read: ({ tpmstate0 }) => tpmstate0 !== undefined, write: () => ({}) },
  cloudInit,
  vga: partOf('vga', 'type', { absent: 'std', form: 'type of a display' }),
  pci: devices('hostpci', 16),
  usb: devices('usb', 14),
  startup,
  onboot: flag('onboot'),
  protected: { ...flag('protection'), written: 'at the end' },
  description: notes(),
} satisfies Codecs<VmSettings>;

const container = {
  name: text('hostname'),
  // Without `cores` a container has all cores of its host, which is read as 0; no flake can want that, but a rollback.
  cores: { ...amount('cores', 0), write: (cores) => ({ cores: cores || undefined }) },
  memoryMb: amount('memory', 512),
  swapMb: amount('swap', 512),
  bridge: bridgeOn('name=eth0', 'name'),
  networks: cardsOf(containerCard),
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
  nameservers: {
    keys: ['nameserver'],
    read: (values) => wordsOf(values['nameserver']),
    write: (wanted) => ({ nameserver: wanted?.join(' ') }),
    check: (servers) => {
      for (const server of servers) check('address of a server of names', server);
    },
  },
  searchDomain: { ...optionalText('searchdomain'), check: (domain) => check('domain', domain) },
  startup,
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

/** What each setting reads as where nothing in the configuration says it, by the key of its row. */
export function unsetSettings(kind: GuestKind, values: Values): Readonly<Record<string, unknown>> {
  const unset = settingsOf(kind).map((row) => {
    const codec = codecOf(kind, row);
    const rest = Object.entries(values).filter(([key]) => !codec.keys.includes(key));
    return [row.key, codec.read(Object.fromEntries(rest))] as const;
  });
  return Object.fromEntries(unset);
}

/** The settings of a configuration as they are written into an empty one: what none of them holds is not there. */
export function settingTexts(kind: GuestKind, values: Values): Values {
  const texts: Record<string, string> = {};
  for (const row of settingsOf(kind)) {
    const codec = codecOf(kind, row);
    for (const [key, value] of Object.entries(codec.write(codec.read(values), texts))) {
      if (value !== undefined) texts[key] = String(value);
    }
  }
  return texts;
}

/** What a create call says of a guest's settings. Its description follows with its tags. */
export function newSettings(guest: GuestSpec): Changes {
  const rows = settingsOf(guest.kind).filter(
    (row) => row.key !== 'description' && codecOf(guest.kind, row).written !== 'at the end',
  );
  // What is compared no more is the guest's own from then on, and begins as the flake says it.
  const changes = Object.entries(written({ ...guest, ignore: [] }, rows, {}));
  return Object.fromEntries(changes.filter(([, value]) => value !== undefined));
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
  return vm.description.write(description ?? '', {});
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

/** Does a setting stand in this key? */
export function isSettingKey(kind: GuestKind, key: string): boolean {
  return settingsOf(kind).some((row) => codecOf(kind, row).keys.includes(key));
}

/** Names come from a flake, whoever wrote it: `fast:0,import-from=...` is no storage. */
export function validateNames(node: string, guest?: GuestSpec): void {
  check('name of a node', node);
  if (guest === undefined) return;
  check('name of a storage', guest.storage);
  if (guest.kind === 'vm') check('name of a disk slot', guest.diskSlot);
  for (const { at, storage } of dataDisksOf(guest)) {
    check(guest.kind === 'vm' ? 'name of a disk slot' : 'path in a container', at);
    check('name of a storage', storage);
  }
  for (const row of settingsOf(guest.kind)) {
    const wanted = wantedOf(guest, row);
    if (wanted !== undefined && wanted !== null) codecOf(guest.kind, row).check?.(wanted);
  }
}

function written(guest: GuestSpec, rows: readonly AnySetting[], values: Values): Changes {
  let changes: Changes = {};
  for (const row of rows) {
    const wanted = wantedOf(guest, row);
    if (!isManaged(row, guest, wanted)) continue;
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
  return !isManaged(row, guest, wanted) || sameValue(row, codecOf(guest.kind, row).read(values), wanted);
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

/**
 * Devices of the node by the names of resource mappings, in the order of their keys. A device that a person gave the VM
 * without a mapping stays: only root@pam may change one (PVE 9.2).
 */
function devices(prefix: 'hostpci' | 'usb', most: number): Codec<readonly string[] | undefined> {
  const keys = Array.from({ length: most }, (_, index) => `${prefix}${index}`);
  const mapped = (values: Values) =>
    keys.flatMap((key) => {
      const mapping = readProperty(values[key] ?? '', 'host').get('mapping');
      return mapping === undefined ? [] : [{ key, mapping }];
    });
  return {
    keys,
    read: (values) => mapped(values).map(({ mapping }) => mapping),
    write: (wanted = [], values) => {
      const there = mapped(values);
      const free = keys.filter((key) => values[key] === undefined);
      const places = [...there.map(({ key }) => key), ...free];
      const given = wanted.map((mapping, index): [string, string] => {
        const key = places[index] ?? `${prefix}${index}`;
        return [
          key,
          writeProperty(new Map([...readProperty(values[key] ?? '', 'host'), ['mapping', mapping]]), 'host'),
        ];
      });
      const gone = there.slice(wanted.length).map(({ key }): [string, undefined] => [key, undefined]);
      return Object.fromEntries([...given, ...gone]);
    },
    check: (names) => {
      for (const name of names) check('name of a resource mapping', name);
    },
  };
}

/** The memory of a VM in MiB: `current=2048` is the same as `2048`. */
function memoryOf({ memory = '512' }: Values): number {
  return Number(readProperty(memory, 'current').get('current') ?? 512);
}

/** Proxmox adds a line feed to the description of a container, and keeps none that is empty or white space. */
function notes(): Codec<string | undefined> {
  return {
    keys: ['description'],
    read: ({ description = '' }) => description.replace(/\n$/, ''),
    write: (wanted = '') => ({ description: sameText(wanted, '') ? undefined : wanted }),
  };
}
