import { z } from 'zod';
import { sameText } from '../lib/text.ts';
import {
  containerMounts,
  dataDiskFields,
  dataDisksValue,
  rootFields,
  rootOptionsValue,
  vmDisks,
  vmRootOptions,
} from './data-disks.ts';
import * as forms from './forms.ts';
import type { GuestKind } from './guest-ref.ts';
import { containerHealth, healthFields, healthValue, vmHealth } from './health.ts';
import { cardFields, cardsInFlake, cardsValue, containerCards, partOfCards, showCards, vmCards } from './networks.ts';

/**
 * The fields of a guest, each said once: the flake's entry with its defaults, the types of wanted and live guests, the
 * comparison, the words of a plan, the stored form and the README's table are made from these rows. A row of a setting
 * needs a codec in `cluster/proxmox/settings.ts`; the compiler names one that is missing.
 */

/** How the flake's entry of one kind of guest holds a field. */
interface Entry<Schema extends z.ZodType = z.ZodType> {
  /** What the flake may write. An output of `undefined` means that there is none, or that it is not managed. */
  readonly schema: Schema;
  /**
   * The meaning of a missing field: `refused`, the entry is not valid; `none`, the guest shall have none; `unmanaged`,
   * the live value stays as a person set it; `default`, the value of `otherwise`.
   */
  readonly absent: 'refused' | 'none' | 'unmanaged' | 'default';
  /** The default as the flake would write it. */
  readonly otherwise?: unknown;
  /** The flake must have the field, and may say that the guest has none. */
  readonly mayBeNone?: true;
}

function required<Schema extends z.ZodType>(schema: Schema) {
  return { schema, absent: 'refused' } as const;
}

function requiredOrNone<Schema extends z.ZodType>(schema: Schema) {
  return { schema, absent: 'refused', mayBeNone: true } as const;
}

function byDefault<Schema extends z.ZodType>(schema: Schema, otherwise: z.input<Schema> & {}) {
  return { schema: schema.prefault(otherwise), absent: 'default', otherwise } as const;
}

function noneByDefault<Schema extends z.ZodType>(schema: Schema) {
  return { schema: schema.optional(), absent: 'none' } as const;
}

function unmanaged<Schema extends z.ZodType>(schema: Schema) {
  return { schema: schema.optional(), absent: 'unmanaged' } as const;
}

type Kinds<Value> = { readonly [Kind in GuestKind]?: Entry<z.ZodType<Value | undefined>> };

type Parts = { readonly [Kind in GuestKind]?: z.ZodObject };

/** The fields of every row. */
interface Row<Value extends z.ZodType, K extends Kinds<z.output<Value>>> {
  /** The field's name in the flake. */
  readonly flake: string;
  /** The value wherever it is held, in a wanted guest, a live one or the store: wider than what a flake may write. */
  readonly value: Value;
  /** The kinds of guests that have it. */
  readonly kinds: K;
  /** The description for the README. */
  readonly doc: string;
  /** The fields of a set, where the value is one or holds some; each has its description. */
  readonly parts?: Parts;
}

/** The fields of a row whose differences are shown. */
interface Compared<Word extends string> {
  /** The field as a plan names it. Acknowledged drifts are digests of it: it never changes. */
  readonly word: Word;
  /** Whether a new value waits for a restart while the guest runs. */
  readonly restart: Restart;
  /** The unit, written after the wanted value. */
  readonly unit?: string;
}

/** By the kind of the guest, and by the value that it has and the one that is wanted. */
type Restart = boolean | ((kind: GuestKind, from: unknown, to: unknown) => boolean);

/** A value in the guest's own configuration. */
interface SettingRow<Word extends string, Value extends z.ZodType, K extends Kinds<z.output<Value>>>
  extends Row<Value, K>,
    Compared<Word> {
  readonly role: 'setting';
  /** The value as people read it; by default yes or no, the words of a list, `none`, or the text itself. */
  show?(value: ReadOnly<z.output<Value>> | undefined): string;
  /** The whole value, where `show` shortens it. */
  whole?(value: ReadOnly<z.output<Value>> | undefined): string;
  /** Whether two values are the same to a guest; by default those that read the same. */
  same?(a: z.output<Value> | undefined, b: z.output<Value> | undefined): boolean;
  /**
   * The part of a live value that the wanted one speaks of: what a wanted object leaves out is not managed. By default the
   * whole value.
   */
  part?(
    live: ReadOnly<z.output<Value>> | undefined,
    wanted: ReadOnly<z.output<Value>> | undefined,
  ): ReadOnly<z.output<Value>> | undefined;
  /** The value as the flake writes it; by default as it is held. The schema of the entry reads it back. */
  inFlake?(value: ReadOnly<z.output<Value>> | undefined): unknown;
}

/** A property of the root disk, written by the steps that make, grow and move a disk. */
interface RootRow<Word extends string | undefined, Value extends z.ZodType, K extends Kinds<z.output<Value>>>
  extends Row<Value, K> {
  readonly role: 'root';
  readonly word: Word;
  readonly restart: false;
  /** How a live root disk differs; `undefined` when it does not. */
  differs?(wanted: WantedRoot, live: LiveRoot | undefined): Difference | undefined;
}

/** The disks beside the root, written by a step of their own; `data-disk-changes` says how they differ. */
interface DisksRow<Word extends string, Value extends z.ZodType, K extends Kinds<z.output<Value>>>
  extends Row<Value, K> {
  readonly role: 'disks';
  readonly word: Word;
  readonly restart: false;
}

/** A field that the guest's configuration does not hold: its identity, its place, or how proxnix works on it. */
interface PlaceRow<Word extends string | undefined, Value extends z.ZodType, K extends Kinds<z.output<Value>>>
  extends Row<Value, K> {
  readonly role: 'place';
  readonly word: Word;
  readonly restart: false;
  /** How the place differs; `undefined` when it does not. */
  differs?(wanted: WantedPlace, live: LivePlace): Difference | undefined;
}

interface WantedPlace {
  readonly node?: string;
  readonly power?: 'running' | 'stopped' | 'unmanaged';
  readonly pool?: string;
}

interface LivePlace {
  readonly node: string;
  readonly status?: string;
  readonly pool?: string;
}

interface WantedRoot {
  readonly diskSlot: string;
  readonly diskGb: number;
  readonly storage: string;
}

interface LiveRoot {
  readonly storage: string;
  readonly sizeMb?: number;
}

/** A value as it is and as it is wanted, as people read them. */
export interface Difference {
  readonly from: string;
  readonly to: string;
}

function setting<const Word extends string, Value extends z.ZodType, const K extends Kinds<z.output<Value>>>(
  row: Omit<SettingRow<Word, Value, K>, 'role'>,
): SettingRow<Word, Value, K> {
  return { role: 'setting', ...row };
}

function ofRoot<Value extends z.ZodType, const K extends Kinds<z.output<Value>>, const Word extends string>(
  row: Omit<RootRow<Word, Value, K>, 'role' | 'restart'>,
): RootRow<Word, Value, K> {
  return { role: 'root', restart: false, ...row };
}

function ofDisks<Value extends z.ZodType, const K extends Kinds<z.output<Value>>, const Word extends string>(
  row: Omit<DisksRow<Word, Value, K>, 'role' | 'restart'>,
): DisksRow<Word, Value, K> {
  return { role: 'disks', restart: false, ...row };
}

function place<
  Value extends z.ZodType,
  const K extends Kinds<z.output<Value>>,
  const Word extends string | undefined = undefined,
>(row: Omit<PlaceRow<Word, Value, K>, 'role' | 'restart' | 'word'> & { readonly word?: Word }) {
  return { role: 'place', restart: false, word: undefined, ...row } as PlaceRow<Word, Value, K>;
}

const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const word = z.string().max(1024);
const text = z.string().max(65_536);
const yesNo = z.boolean();
const words = z.array(word).max(10_000);

/** A VM gets new resources at its next start; a container gets them at once. */
const ofVm = (kind: GuestKind) => kind === 'vm';

/** In the order in which people read them. */
export const settings = {
  name: setting({
    flake: 'name',
    word: 'name',
    value: word,
    kinds: { vm: required(forms.dnsName), container: required(forms.dnsName) },
    restart: false,
    doc: 'a DNS name; in Proxmox the name of the VM or the host name of the container',
  }),
  vmid: place({
    flake: 'vm_id',
    value: amount,
    kinds: { vm: required(forms.vmId), container: required(forms.vmId) },
    doc: 'the VMID, 100 to 999999999. Another one is another guest: the old one is destroyed',
  }),
  imageType: place({
    flake: 'image_type',
    value: word,
    kinds: { vm: required(forms.imageType), container: required(forms.imageType) },
    doc: 'a key of `nixosConfigurations`. Another image replaces the root disk',
  }),
  node: place({
    flake: 'node',
    word: 'node',
    value: word,
    kinds: { vm: unmanaged(forms.plainName), container: unmanaged(forms.plainName) },
    doc: 'where it lives; without it where it is now, or for a new guest the node with the most free memory that has the storage',
    differs: ({ node }, live) => (node === undefined || node === live.node ? undefined : { from: live.node, to: node }),
  }),
  cores: setting({
    flake: 'cores',
    word: 'cores',
    value: amount,
    kinds: { vm: required(forms.count), container: byDefault(forms.count, 1) },
    restart: ofVm,
    // A container without a limit has all of its host's, which no flake can want.
    show: (value) => (value === 0 ? 'all' : String(value)),
    doc: 'cores of each socket, or of the container',
  }),
  sockets: setting({
    flake: 'sockets',
    word: 'sockets',
    value: amount,
    kinds: { vm: required(z.int().min(1).max(64)) },
    restart: true,
    doc: 'CPU sockets',
  }),
  cpuType: setting({
    flake: 'cpu_type',
    word: 'cpu',
    value: word,
    kinds: { vm: unmanaged(forms.cpuType) },
    restart: true,
    doc: 'the type of its CPUs, such as `"host"` or `"x86-64-v2-AES"`; a new VM without it gets `kvm64`',
  }),
  numa: setting({
    flake: 'numa',
    word: 'numa',
    value: yesNo,
    kinds: { vm: unmanaged(yesNo) },
    restart: true,
    doc: 'whether the guest sees NUMA nodes',
  }),
  memoryMb: setting({
    flake: 'memory_mb',
    word: 'memory',
    value: amount,
    kinds: { vm: required(forms.memory), container: byDefault(forms.memory, 512) },
    restart: ofVm,
    unit: ' MiB',
    doc: 'memory in MiB',
  }),
  balloonMb: setting({
    flake: 'balloon_mb',
    word: 'balloon',
    value: amount,
    kinds: { vm: unmanaged(z.int().min(0)) },
    // A running VM takes another size at once, but keeps its balloon device until it is stopped (PVE 9.2).
    restart: (_kind, from, to) => from === 0 || to === 0,
    unit: ' MiB',
    doc: 'the least memory in MiB when its node is short of it; 0 takes the balloon device away',
  }),
  swapMb: setting({
    flake: 'swap_mb',
    word: 'swap',
    value: amount,
    kinds: { container: byDefault(z.int().min(0), 512) },
    restart: false,
    unit: ' MiB',
    doc: 'swap in MiB',
  }),
  diskGb: ofRoot({
    flake: 'disk_gb',
    word: 'disk',
    value: amount,
    kinds: { vm: required(forms.diskSize), container: required(forms.diskSize) },
    doc: 'size of the root disk in GiB. It grows online; a smaller one comes with another image only',
    differs: (wanted, live) => {
      if (live === undefined) return { from: 'none', to: `${wanted.diskGb} GiB at ${wanted.diskSlot}` };
      if (live.sizeMb === undefined || live.sizeMb === wanted.diskGb * 1024) return undefined;
      return { from: gib(live.sizeMb), to: `${wanted.diskGb} GiB` };
    },
  }),
  storage: ofRoot({
    flake: 'storage_location',
    word: 'storage',
    value: word,
    kinds: { vm: required(forms.plainName), container: required(forms.plainName) },
    doc: 'the storage of the root disk. A VM is moved online',
    differs: (wanted, live) =>
      live === undefined || live.storage === wanted.storage ? undefined : { from: live.storage, to: wanted.storage },
  }),
  diskSlot: ofRoot({
    flake: 'disk_slot',
    word: 'disk',
    value: word,
    kinds: { vm: byDefault(forms.diskSlot, 'scsi0') },
    doc: 'the slot of the root disk',
  }),
  rootOptions: ofDisks({
    flake: 'disk',
    word: 'disk-options',
    value: rootOptionsValue,
    kinds: { vm: unmanaged(vmRootOptions) },
    parts: { vm: rootFields },
    doc: 'options of the root disk, which stay over a swap: `{ ssd = true; cache = "writeback"; }`; also `discard`, `iothread` and `backup`',
  }),
  disks: ofDisks({
    flake: 'disks',
    word: 'data-disk',
    value: dataDisksValue,
    kinds: { vm: unmanaged(vmDisks) },
    parts: dataDiskFields,
    doc: 'data disks: `{ pgdata = { slot = "scsi1"; size_gb = 20; storage = "local-lvm"; }; }`, see below',
  }),
  mounts: ofDisks({
    flake: 'mounts',
    word: 'mount',
    value: dataDisksValue,
    kinds: { container: unmanaged(containerMounts) },
    parts: dataDiskFields,
    doc: 'data disks of a container: `{ data = { path = "/data"; size_gb = 20; storage = "local-lvm"; }; }`, see below',
  }),
  bridge: setting({
    flake: 'network_bridge',
    word: 'bridge',
    // Empty: a live guest without a network card.
    value: text,
    kinds: { vm: byDefault(forms.plainName, 'vmbr0'), container: byDefault(forms.plainName, 'vmbr0') },
    restart: false,
    doc: 'the bridge of net0; the rest of the card stays as it is',
  }),
  networks: setting({
    flake: 'networks',
    word: 'networks',
    value: cardsValue,
    kinds: { vm: unmanaged(vmCards), container: unmanaged(containerCards) },
    parts: cardFields,
    restart: false,
    show: showCards,
    part: partOfCards,
    inFlake: cardsInFlake,
    doc: 'network cards, net0 first: `[ { bridge = "vmbr0"; vlan = 10; } ]`, see below. In place of `network_bridge`, and of a container\'s `ip` and `gateway`',
  }),
  scsiHw: setting({
    flake: 'scsi_hw',
    word: 'scsi-hw',
    value: word,
    kinds: { vm: byDefault(forms.controller, 'virtio-scsi-pci') },
    restart: true,
    doc: 'the SCSI controller',
  }),
  machine: setting({
    flake: 'machine',
    word: 'machine',
    value: word,
    kinds: { vm: unmanaged(forms.machine) },
    restart: true,
    doc: 'the type of the machine: `"pc"` (i440fx), `"q35"`, or one with its version such as `"pc-q35-9.2"`',
  }),
  bios: setting({
    flake: 'bios',
    word: 'bios',
    value: word,
    kinds: { vm: unmanaged(forms.bios) },
    restart: true,
    doc: '`"seabios"`, or `"ovmf"` for UEFI, with an EFI disk on the storage of the root disk',
  }),
  tpm: setting({
    flake: 'tpm',
    word: 'tpm',
    value: yesNo,
    kinds: { vm: unmanaged(yesNo) },
    restart: true,
    doc: 'a TPM 2.0, its state on the storage of the root disk. Taken away, the state is kept as an unused volume',
  }),
  cloudInit: setting({
    flake: 'cloud_init',
    word: 'cloud-init',
    value: z.strictObject({
      storage: word,
      user: z.exactOptional(word),
      sshKeys: z.exactOptional(z.array(text).max(10_000)),
      ip: z.exactOptional(word),
      gateway: z.exactOptional(word),
      nameservers: z.exactOptional(words),
      searchDomain: z.exactOptional(word),
    }),
    kinds: { vm: requiredOrNone(forms.cloudInit) },
    parts: { vm: forms.cloudInitFields },
    // What the drive says is written to it at once; the guest reads it at its next boot.
    restart: (_kind, from, to) => storageOf(from) !== storageOf(to),
    // Without a drive what it would say means nothing.
    part: (live, wanted) => namedPart(live, wanted ?? { storage: '' }),
    same: sameParts,
    show: (value) => showDrive(value, shownKeys),
    whole: (value) => showDrive(value, (keys) => keys),
    inFlake: forms.cloudInitInFlake,
    doc: '`"None"`, or `{ StorageReference = "local-lvm"; }` for a cloud-init drive on that storage, with `user`, `ssh_keys`, `ip`, `gateway`, `nameservers` and `search_domain`',
  }),
  ip: setting({
    flake: 'ip',
    word: 'ip',
    value: word,
    kinds: { container: byDefault(forms.address, 'dhcp') },
    restart: false,
    doc: 'the address of net0: `"dhcp"`, `"manual"`, or like `"10.0.0.5/24"`',
  }),
  gateway: setting({
    flake: 'gateway',
    word: 'gateway',
    value: word,
    kinds: { container: noneByDefault(forms.router) },
    restart: false,
    doc: 'the IPv4 gateway, with a fixed `ip` only',
  }),
  features: setting({
    flake: 'features',
    word: 'features',
    // The names of those that are on, sorted.
    value: words,
    // NixOS runs its services in namespaces of their own, which a container may make only with nesting.
    kinds: { container: byDefault(forms.features, { nesting: true }) },
    restart: true,
    inFlake: (names = []) => Object.fromEntries(names.map((name) => [name, true])),
    doc: '`{ nesting = true; }` or `{ }`: an API token may set no other',
  }),
  unprivileged: setting({
    flake: 'unprivileged',
    word: 'unprivileged',
    value: yesNo,
    kinds: { container: byDefault(yesNo, true) },
    restart: false,
    doc: 'whether root of the container is another user on its host. Proxmox sets it once, at the creation',
  }),
  nameservers: setting({
    flake: 'nameservers',
    word: 'nameservers',
    value: words,
    kinds: { container: unmanaged(forms.nameservers) },
    restart: true,
    doc: 'its servers of names; a new container without them gets those of its node',
  }),
  searchDomain: setting({
    flake: 'search_domain',
    word: 'search-domain',
    value: word,
    kinds: { container: unmanaged(forms.searchDomain) },
    restart: true,
    doc: 'the domain of short host names',
  }),
  vga: setting({
    flake: 'vga',
    word: 'vga',
    value: word,
    kinds: { vm: unmanaged(forms.vga) },
    restart: true,
    doc: 'the type of its display, such as `"serial0"`',
  }),
  pci: setting({
    flake: 'pci',
    word: 'pci',
    value: words,
    kinds: { vm: unmanaged(forms.mappings.max(16)) },
    restart: true,
    doc: "PCI devices by the names of the cluster's resource mappings; an API token may set no other",
  }),
  usb: setting({
    flake: 'usb',
    word: 'usb',
    value: words,
    kinds: { vm: unmanaged(forms.mappings.max(14)) },
    restart: true,
    doc: 'USB devices by the names of resource mappings',
  }),
  startup: setting({
    flake: 'startup',
    word: 'startup',
    value: z.strictObject({
      order: z.exactOptional(amount),
      upS: z.exactOptional(amount),
      downS: z.exactOptional(amount),
    }),
    kinds: { vm: unmanaged(forms.startup), container: unmanaged(forms.startup) },
    parts: { vm: forms.startupFields, container: forms.startupFields },
    restart: false,
    part: namedPart,
    show: (value = {}) => showParts({ order: value.order, up: value.upS, down: value.downS }) || 'none',
    inFlake: forms.startupInFlake,
    doc: '`{ order = 1; up_s = 30; down_s = 60; }`: its place when its node starts and stops, and the pauses in seconds. Of a VM it needs Sys.Modify on `/`',
  }),
  onboot: setting({
    flake: 'onboot',
    word: 'onboot',
    value: yesNo,
    kinds: { vm: byDefault(yesNo, true), container: byDefault(yesNo, true) },
    restart: false,
    doc: 'whether its node starts it at boot',
  }),
  protected: setting({
    flake: 'protected',
    word: 'protected',
    value: yesNo,
    kinds: { vm: required(yesNo), container: byDefault(yesNo, false) },
    restart: false,
    doc: 'whether Proxmox protects it; proxnix changes no guest that is protected',
  }),
  description: setting({
    flake: 'description',
    word: 'description',
    value: text,
    kinds: { vm: unmanaged(forms.description), container: unmanaged(forms.description) },
    restart: false,
    show: (value = '') => shortened(value),
    whole: (value = '') => (sameText(value, '') ? 'none' : JSON.stringify(value)),
    // Proxmox cuts white space at the end of a VM's, and adds a line feed to a container's; a text area adds others.
    same: (a = '', b = '') => sameText(a, b),
    doc: 'the notes of the guest',
  }),
  tags: place({
    flake: 'tags',
    value: words,
    kinds: { vm: noneByDefault(forms.ownTags), container: noneByDefault(forms.ownTags) },
    doc: 'tags of your own beside those of proxnix. A tag that leaves the list stays on the guest',
  }),
  power: place({
    flake: 'power',
    word: 'power',
    value: forms.power,
    kinds: { vm: byDefault(forms.power, 'running'), container: byDefault(forms.power, 'running') },
    doc: '`"running"`: it is started after its creation and when it stopped; `"stopped"`: it is shut down; `"unmanaged"`: neither',
    differs: ({ power }, { status }) =>
      power === 'stopped' && status === 'running' ? { from: 'running', to: 'stopped' } : undefined,
  }),
  pool: place({
    flake: 'pool',
    word: 'pool',
    value: word,
    kinds: { vm: unmanaged(forms.poolName), container: unmanaged(forms.poolName) },
    doc: 'the pool that it is in. It needs Pool.Allocate and Pool.Audit on that pool, and on the one that the guest leaves',
    differs: ({ pool }, live) =>
      pool === undefined || pool === live.pool ? undefined : { from: live.pool ?? 'none', to: pool },
  }),
  ignore: place({
    flake: 'ignore',
    value: words,
    kinds: { vm: noneByDefault(forms.fieldNames), container: noneByDefault(forms.fieldNames) },
    doc: 'fields of this table that are written to a new guest and compared no more, such as `[ "memory_mb" ]`, because something else moves them',
  }),
  backup: place({
    flake: 'backup',
    value: z.strictObject({
      storage: z.exactOptional(word),
      before: z.array(z.enum(['replace', 'destroy', 'update'])).max(10),
    }),
    kinds: { vm: noneByDefault(forms.backup), container: noneByDefault(forms.backup) },
    parts: { vm: forms.backupFields, container: forms.backupFields },
    doc: '`{ storage = "pbs"; before = [ "replace" "destroy" ]; }`: a backup (vzdump) before such a change, see below',
  }),
  order: place({
    flake: 'order',
    value: amount,
    kinds: { vm: byDefault(forms.startOrder, 0), container: byDefault(forms.startOrder, 0) },
    doc: 'an apply works on guests of a smaller number first',
  }),
  health: place({
    flake: 'health',
    value: healthValue,
    kinds: { vm: noneByDefault(vmHealth), container: noneByDefault(containerHealth) },
    parts: healthFields,
    doc: 'how a started guest is judged, see below',
  }),
} as const;

type Table = typeof settings;
type Role = Table[keyof Table]['role'];

/** The keys of the rows that a kind of guest has. */
type KeyOf<Kind extends GuestKind, Of extends Role = Role> = {
  [Key in keyof Table]: Table[Key] extends { role: Of; kinds: { readonly [K in Kind]: Entry } } ? Key : never;
}[keyof Table];
type EntryOf<Kind extends GuestKind, Key extends keyof Table> = Table[Key]['kinds'] extends {
  readonly [K in Kind]: infer E extends Entry;
}
  ? E
  : never;
/** Where the flake's entry can come to `undefined`, the value may be absent. */
type IsOptional<Kind extends GuestKind, Key extends keyof Table> =
  undefined extends z.output<EntryOf<Kind, Key>['schema']> ? true : false;
type ValueOf<Key extends keyof Table> = ReadOnly<z.output<Table[Key]['value']>>;
type ReadOnly<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
    : T;

type ValuesOf<Kind extends GuestKind, Of extends Role> = Flat<
  {
    readonly [Key in KeyOf<Kind, Of> as IsOptional<Kind, Key> extends true ? never : Key]: ValueOf<Key>;
  } & {
    readonly [Key in KeyOf<Kind, Of> as IsOptional<Kind, Key> extends true ? Key : never]?: ValueOf<Key>;
  }
>;
type Flat<T> = { [Key in keyof T]: T[Key] };

/** The values that the configuration of a VM holds, wanted or live. Sizes in MiB. */
export type VmSettings = ValuesOf<'vm', 'setting'>;
/** The values that the configuration of a container holds, wanted or live. Sizes in MiB. */
export type ContainerSettings = ValuesOf<'container', 'setting'>;
/** Every field of an entry of `proxnix.vms`. Sizes: MiB for memory, GiB for the root disk. */
export type VmFields = ValuesOf<'vm', Role>;
/** Every field of an entry of `proxnix.containers`. */
export type ContainerFields = ValuesOf<'container', Role>;
/** The settings or fields of one kind of guest, by the kind. */
export type SettingsOf<Kind extends GuestKind> = Kind extends 'vm' ? VmSettings : ContainerSettings;

/** When a guest is backed up before a change, and where to. Without a storage it never is. */
export type Backup = ValueOf<'backup'>;

/** A field as a plan names it. */
export type FieldWord = Exclude<Table[keyof Table]['word'], undefined> | (typeof wordsBeside)[number];

/** Words of what no field of the flake stands for. */
const wordsBeside = ['tags', 'efi-disk', 'boot'] as const;

/** A row as the loops over the table see it. */
export type AnyRow = {
  readonly key: string;
  readonly flake: string;
  readonly value: z.ZodType;
  readonly kinds: { readonly [Kind in GuestKind]?: Entry };
  readonly doc: string;
  readonly parts?: Parts;
  readonly restart: Restart;
} & (
  | {
      readonly role: 'setting';
      readonly word: FieldWord;
      readonly unit?: string;
      show?(value: unknown): string;
      whole?(value: unknown): string;
      same?(a: unknown, b: unknown): boolean;
      part?(live: unknown, wanted: unknown): unknown;
      inFlake?(value: unknown): unknown;
    }
  | {
      readonly role: 'root';
      readonly word: FieldWord;
      differs?(wanted: WantedRoot, live: LiveRoot | undefined): Difference | undefined;
    }
  | { readonly role: 'disks'; readonly word: FieldWord }
  | {
      readonly role: 'place';
      readonly word: FieldWord | undefined;
      differs?(wanted: WantedPlace, live: LivePlace): Difference | undefined;
    }
);
/** A row whose value the configuration of a guest holds. */
export type AnySetting = Extract<AnyRow, { readonly role: 'setting' }>;

/** Every row, in the order in which people read them. */
export const rows: readonly AnyRow[] = Object.entries(settings).map(([key, row]): AnyRow => ({ ...row, key }));

const rowsByKind = { vm: rows.filter(({ kinds }) => kinds.vm), container: rows.filter(({ kinds }) => kinds.container) };

/** The rows that a kind of guest has, in the order in which people read them. */
export function rowsOf(kind: GuestKind): readonly AnyRow[] {
  return rowsByKind[kind];
}

const settingsByKind = { vm: rowsByKind.vm.filter(isSetting), container: rowsByKind.container.filter(isSetting) };

/** The rows of a kind whose values the configuration of a guest holds. */
export function settingsOf(kind: GuestKind): readonly AnySetting[] {
  return settingsByKind[kind];
}

function isSetting(row: AnyRow): row is AnySetting {
  return row.role === 'setting';
}

/** Every field as a plan may name it. */
export const fieldWords: readonly FieldWord[] = [
  ...new Set([...rows.flatMap((row) => row.word ?? []), ...wordsBeside]),
];

/** A value as people read it, without its unit. */
export function showValue(row: AnySetting, value: unknown): string {
  if (row.show !== undefined) return row.show(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  const shown = Array.isArray(value) ? value.join(' ') : value;
  return typeof shown === 'string' && shown !== '' ? shown : 'none';
}

/** A value whole, without its unit: notes and keys are not shortened. */
export function wholeValue(row: AnySetting, value: unknown): string {
  return row.whole === undefined ? showValue(row, value) : row.whole(value);
}

/** The value as the flake writes it. */
export function flakeValue(row: AnyRow, value: unknown): unknown {
  return row.role === 'setting' && row.inFlake !== undefined ? row.inFlake(value) : value;
}

/** Has a guest the value that one gets whose flake does not ask for any? */
export function isUsual(row: AnyRow, kind: GuestKind, value: unknown): boolean {
  const entry = row.kinds[kind];
  if (entry?.absent === 'refused') return value === false;
  if (entry?.absent === 'unmanaged') return value === '' || (Array.isArray(value) && value.length === 0);
  return entry?.absent === 'default' && JSON.stringify(flakeValue(row, value)) === JSON.stringify(entry.otherwise);
}

/** The part of a live value that the wanted one speaks of. */
export function wantedPart(row: AnySetting, live: unknown, wanted: unknown): unknown {
  return row.part === undefined ? live : row.part(live, wanted);
}

/** Whether a guest with the live value is as wanted. */
export function sameValue(row: AnySetting, live: unknown, wanted: unknown): boolean {
  const part = wantedPart(row, live, wanted);
  return row.same === undefined ? showValue(row, part) === showValue(row, wanted) : row.same(part, wanted);
}

/** Whether the flake manages the value: one that it leaves out, or names in `ignore`, may be somebody else's. */
export function isManaged(
  row: AnyRow,
  { kind, ignore = [] }: { readonly kind: GuestKind; readonly ignore?: readonly string[] },
  wanted: unknown,
): boolean {
  if (ignore.includes(row.flake)) return false;
  return wanted !== undefined || row.kinds[kind]?.absent !== 'unmanaged';
}

/** An existing guest as it is changed: of the optional fields that it ignores none is wanted. */
export function managedPart<Guest extends { readonly kind: GuestKind; readonly ignore?: readonly string[] }>(
  guest: Guest,
): Guest {
  const { kind, ignore = [] } = guest;
  if (ignore.length === 0) return guest;
  const ignored = rowsOf(kind).filter(
    ({ flake, kinds }) => ignore.includes(flake) && kinds[kind]?.absent === 'unmanaged',
  );
  const keys = new Set(ignored.map(({ key }) => key));
  // Only fields that may be absent are left out.
  return Object.fromEntries(Object.entries(guest).filter(([key]) => !keys.has(key))) as unknown as Guest;
}

/** Whether a new value waits for a restart while the guest runs. */
export function waitsForRestart({ restart }: AnyRow, kind: GuestKind, from: unknown, to: unknown): boolean {
  return typeof restart === 'boolean' ? restart : restart(kind, from, to);
}

/** The zod shape of the values of a kind as they are held and stored. */
export function storedShape<const Kind extends GuestKind, const Of extends Role>(
  kind: Kind,
  ...roles: readonly Of[]
): StoredShape<Kind, Of> {
  const wanted: readonly Role[] = roles;
  const held = rowsOf(kind).filter((row) => wanted.includes(row.role));
  // `isOptional` says at run time what `IsOptional` says to the compiler.
  return Object.fromEntries(held.map((row) => [row.key, storedValue(row.value, row.kinds[kind])])) as StoredShape<
    Kind,
    Of
  >;
}

/**
 * A store that was written before a row was there has no value of it. A wanted guest reads as its flake does, with the
 * default. A live guest in a stored plan is only shown: every approval and every step reads the cluster again.
 */
function storedValue(value: z.ZodType, entry: Entry | undefined): z.ZodType {
  if (isOptional(entry)) return z.exactOptional(value);
  return entry?.absent === 'default' ? value.default(entry.schema.parse(undefined)) : value;
}

type StoredShape<Kind extends GuestKind, Of extends Role> = {
  [Key in KeyOf<Kind, Of>]: IsOptional<Kind, Key> extends true
    ? z.ZodExactOptional<Table[Key]['value']>
    : Table[Key]['value'];
};

function isOptional(entry: Entry | undefined): boolean {
  return entry?.absent === 'none' || entry?.absent === 'unmanaged' || entry?.mayBeNone === true;
}

/** The values of a live object under the names that the wanted one has, in that order: the rest is not managed. */
function namedPart<Value extends object>(live: Value | undefined, wanted: Value | undefined): Value | undefined {
  if (live === undefined || wanted === undefined) return live;
  const held = new Map(Object.entries(live));
  const named = Object.keys(wanted).filter((key) => held.has(key));
  return Object.fromEntries(named.map((key) => [key, held.get(key)])) as Value;
}

/** Parts that were taken out by the same names stand in the same order. */
function sameParts(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `user=ada ip=dhcp`: the parts of an object that are there. */
function showParts(parts: Readonly<Record<string, unknown>>): string {
  const there = Object.entries(parts).filter(([, value]) => value !== undefined);
  return there
    .map(([key, value]) => `${snake(key)}=${Array.isArray(value) ? value.join(',') || 'none' : String(value)}`)
    .join(' ');
}

interface Drive {
  readonly storage: string;
  readonly sshKeys?: readonly string[];
}

/** `fast user=ada ssh_keys=ada@home`, the keys as they are told. */
function showDrive(drive: Drive | undefined, told: (keys: readonly string[]) => readonly string[]): string {
  if (drive === undefined) return 'none';
  const { storage, sshKeys, ...rest } = drive;
  const keys = sshKeys === undefined ? {} : { ssh_keys: told(sshKeys) };
  return [storage, showParts({ ...rest, ...keys })].join(' ').trimEnd();
}

/** The name of a key as the flake writes it. */
function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Each key by its comment, or by its end: the rest of a key tells people nothing. */
function shownKeys(keys: readonly string[]): string[] {
  return keys.map((key) => key.split(' ')[2] ?? `…${key.slice(-12)}`);
}

function storageOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'storage' in value ? value.storage : undefined;
}

function gib(sizeMb: number): string {
  return `${Number((sizeMb / 1024).toFixed(2))}`;
}

function shortened(value: string): string {
  const line = value.trimEnd().replace(/\s+/g, ' ');
  if (line === '') return 'none';
  return line.length > 32 ? `"${line.slice(0, 31)}…"` : `"${line}"`;
}
