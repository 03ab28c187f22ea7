import type { FieldChange } from './change.ts';
import { mistakesIn, readEntry } from './desired.ts';
import { diffGuest, settingsIn } from './diff.ts';
import { plainName } from './forms.ts';
import { type GuestKind, type GuestSpec, guestLabel } from './guest.ts';
import type { KnownGuest } from './live.ts';
import { cardsInFlake, showCard } from './networks.ts';
import { type AnyRow, flakeValue, rows, rowsOf, settingsOf, showValue } from './settings.ts';
import { readTags } from './tags.ts';

/** An entry of `proxnix.vms` or `proxnix.containers` for a guest that exists, as it is. */
export interface FlakeEntry {
  readonly kind: GuestKind;
  /** Its name in the attribute set. */
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What a person should know of a field, by its name. */
  readonly notes: Readonly<Record<string, string>>;
  /** What the guest has and no field can say, one fact each. */
  readonly unsaid: readonly string[];
  /** What the first plan changes of it nevertheless: `boot ide2 scsi0 -> scsi0 ide2`. */
  readonly changes: readonly string[];
}

/** Why no entry can be written for a guest. */
export interface NoEntry {
  readonly why: string;
}

/** What the configuration of a guest tells beside its settings. */
export interface GuestDetails {
  /** By the key of its row, what each setting reads as where nothing in the configuration says it. */
  readonly unset: Readonly<Record<string, unknown>>;
  /** What stands in the configuration and is neither a setting nor a disk, in Proxmox's words: `hookscript: local:…`. */
  readonly others: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The entry of a guest. A value that the schema refuses, or that would not come back the same, is left out where nothing
 * manages it then, and is ignored otherwise; `unsaid` has it.
 * @param key its name in the attribute set
 */
export function flakeEntry(guest: KnownGuest, key: string, { unset, others }: GuestDetails): FlakeEntry | NoEntry {
  const whole = fieldsOf(guest, unset);
  const found = sayable(guest, key, whole);
  if ('why' in found) return found;
  const { fields, left, changes } = found;
  return {
    kind: guest.kind,
    key,
    fields,
    notes: {
      vm_id: `it lives on ${guest.node}`,
      image_type: 'a guess: its image is not known',
      ...(fields['power'] === undefined ? {} : { power: 'it is stopped now' }),
      ...(guest.config.protected ? { protected: 'no protected guest is adopted: turn it off in Proxmox before' } : {}),
      ...(fields['ignore'] === undefined ? {} : { ignore: 'no flake can say what the guest has there' }),
    },
    unsaid: [
      ...left.map((path) => `${path.join('.')}: ${showField(guest, whole, path)}`),
      ...hiddenCards(guest),
      ...hiddenDisks(guest),
      ...others,
    ],
    changes: changes.map(({ field, of, from, to }) => `${field}${of === undefined ? '' : ` ${of}`} ${from} -> ${to}`),
  };
}

/** Everything worth saying of a guest, whether or not the schema takes it, in the order of the table. */
function fieldsOf(guest: KnownGuest, unset: Fields): Fields {
  const [settings, places] = [settingsIn(guest), placesOf(guest)];
  const beside = firstCardAlone(guest) ? ['networks'] : ['bridge', 'ip', 'gateway'];
  const fields = rowsOf(guest.kind).flatMap((row) => {
    const value = row.role === 'setting' ? settings[row.key] : places[row.key];
    const isSaid = !beside.includes(row.key) && isWorthSaying(row, guest.kind, value, unset[row.key]);
    return isSaid ? [[row.flake, flakeValue(row, value)] as const] : [];
  });
  return Object.fromEntries(fields);
}

function isWorthSaying(row: AnyRow, kind: GuestKind, value: unknown, unset: unknown): boolean {
  const entry = row.kinds[kind];
  if (entry?.absent === 'refused') return true;
  if (value === undefined) return false;
  if (entry?.absent === 'default') return !readsAs(row, value, entry.schema.parse(undefined));
  return row.role !== 'setting' || entry?.absent === 'none' || !readsAs(row, value, unset);
}

function readsAs(row: AnyRow, value: unknown, other: unknown): boolean {
  if (row.role !== 'setting') return value === other;
  return row.same?.(value, other) ?? showValue(row, value) === showValue(row, other);
}

/** The fields that the configuration does not hold as settings. `node` is left to Proxmox: the guest stays where it is. */
function placesOf(guest: KnownGuest): Fields {
  const slot = rootSlot(guest);
  const root = guest.config.disks[slot];
  const disks = dataDisks(guest);
  const rootOptions = optionsOfRoot(guest);
  // Tags of ours on a guest without the tag `proxnix` are left from elsewhere: no flake may want them.
  const { foreign } = readTags(['proxnix', ...guest.tags]);
  return {
    vmid: guest.vmid,
    imageType: imageTypeFor(guest),
    diskGb: Math.ceil((root?.sizeMb ?? 0) / 1024),
    storage: root?.storage ?? '',
    ...(guest.kind === 'vm' ? { diskSlot: slot } : {}),
    ...(Object.keys(rootOptions).length === 0 ? {} : { rootOptions }),
    ...(Object.keys(disks).length === 0 ? {} : { [disksKey(guest)]: disks }),
    ...(foreign.length === 0 ? {} : { tags: foreign }),
    ...(guest.pool === undefined ? {} : { pool: guest.pool }),
    ...(guest.status === 'stopped' ? { power: 'unmanaged' } : {}),
  };
}

/** The disk that a VM boots from; where its boot order names none, the first that there is. */
function rootSlot({ kind, config }: KnownGuest): string {
  if (kind === 'container') return 'rootfs';
  const slots = Object.keys(config.disks);
  const order = 'boot' in config ? config.boot : [];
  return [...order, 'scsi0', 'virtio0', 'sata0', 'ide0', ...slots].find((slot) => slots.includes(slot)) ?? 'scsi0';
}

/** The name of the guest; where it has none, one that a DNS name may be. */
export function plainNameOf(guest: KnownGuest): string {
  return String(settingsIn(guest)['name']) || `guest-${guest.vmid}`;
}

/** The guest's name as the name of a configuration. */
function imageTypeFor(guest: KnownGuest): string {
  const plain = plainNameOf(guest).replace(/[^A-Za-z0-9_-]/g, '-');
  return (/^[A-Za-z_]/.test(plain) ? plain : `_${plain}`).slice(0, 63);
}

/** Has the guest one network card, with nothing that only `networks` can say? Without any there is nothing to say. */
function firstCardAlone({ config }: KnownGuest): boolean {
  const [first = {}, ...more] = cardsInFlake(config.networks);
  return more.length === 0 && Object.keys(first).every((part) => ['bridge', 'ip', 'gateway'].includes(part));
}

type Path = readonly PropertyKey[];

interface Sayable {
  readonly fields: Fields;
  /** The paths that were left out. */
  readonly left: readonly Path[];
  /** What a plan changes all the same. */
  readonly changes: readonly FieldChange[];
}

/** The fields that the schema takes and of which a plan changes nothing, as far as there are such. */
function sayable(guest: KnownGuest, key: string, whole: Fields): Sayable | NoEntry {
  const left: Path[] = [];
  for (let fields = whole; ; ) {
    const read = readEntry(guest.kind, key, fields);
    const changes = 'error' in read ? [] : changesOf(guest, read.guest);
    const [wrong] = 'error' in read ? read.error.issues.map(({ path }) => path) : changes.flatMap(fieldOf);
    if (wrong === undefined) return { fields, left, changes };
    const path = deepest(fields, wrong);
    const rest = leaveOut(guest, fields, path);
    if (rest === undefined) return { why: reason(guest, path, read) };
    fields = rest;
    left.push(path);
  }
}

function reason({ kind, vmid }: KnownGuest, path: Path, read: ReturnType<typeof readEntry>): string {
  const label = guestLabel({ guestKind: kind, vmid });
  if ('error' in read) return mistakesIn(kind, label, read.error).join('; ');
  return `${label}: "${path.join('.')}" has a value that no flake can say`;
}

/** What a plan would change of the guest, beside the tags and the image. */
function changesOf(guest: KnownGuest, wanted: GuestSpec): readonly FieldChange[] {
  const hash = readTags(guest.tags).imageHash ?? '0'.repeat(32);
  const storePath = `/nix/store/${hash}-image`;
  const image = { kind: wanted.kind, type: wanted.imageType, attr: '', drvPath: `${storePath}.drv`, storePath };
  const changes = diffGuest({ ...wanted, image }, { ...guest, tags: [`nix-${hash}`] });
  return [...changes].filter(({ field }) => field !== 'tags');
}

/** The field that a change comes from, where leaving it out takes the change away. A pending value is there all the same. */
function fieldOf({ field, from }: FieldChange): readonly Path[] {
  if (from === 'pending') return [];
  if (field === 'efi-disk') return [['bios']];
  return rows.flatMap(({ role, word, flake }) => (role === 'setting' && word === field ? [[flake]] : []));
}

/** The part of a path that ends at the innermost named value that is there: an item of a list goes with its list. */
function deepest(fields: Fields, path: Path): Path {
  let [value, length]: [unknown, number] = [fields, 1];
  for (const [at, part] of path.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) break;
    if (!Array.isArray(value)) length = at + 1;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return path.slice(0, length);
}

/** The fields without a value; what would be changed then is ignored. `undefined`: the entry needs this value. */
function leaveOut({ kind, vmid }: KnownGuest, fields: Fields, path: Path): Fields | undefined {
  const [field, ...inner] = path;
  const row = rowsOf(kind).find(({ flake }) => flake === field);
  if (row === undefined) return undefined;
  const value = fields[row.flake];
  if (inner.length > 0) return { ...fields, [row.flake]: without(value, inner) };
  const { [row.flake]: _, ...rest } = fields;
  const absent = row.kinds[kind]?.absent;
  if (absent === 'unmanaged' || (absent === 'none' && row.role !== 'setting'))
    return value === undefined ? undefined : rest;
  const before = Array.isArray(fields['ignore']) ? fields['ignore'] : [];
  if (row.role !== 'setting' || before.includes(row.flake)) return undefined;
  const ignore = [...before, row.flake];
  if (absent !== 'refused') return { ...rest, ignore };
  return row.key === 'name' ? { ...rest, name: `guest-${vmid}`, ignore } : undefined;
}

function without(value: unknown, [part, ...more]: Path): unknown {
  if (Array.isArray(value)) return value.map((one, at) => (at === part ? without(one, more) : one));
  const entries = Object.entries(value ?? {});
  if (more.length === 0) return Object.fromEntries(entries.filter(([name]) => name !== part));
  return Object.fromEntries(entries.map(([name, one]) => [name, name === part ? without(one, more) : one]));
}

/** A value that was left out: as the flake would have written it, or as people read it. */
function showField(guest: KnownGuest, whole: Fields, path: Path): string {
  const value = path.reduce<unknown>((inner, part) => (inner as Fields | undefined)?.[String(part)], whole);
  if (typeof value === 'string' && value !== '') return value;
  const row = settingsOf(guest.kind).find(({ flake }) => flake === path[0]);
  if (row === undefined || path.length > 1 || typeof value === 'object') return JSON.stringify(value);
  return showValue(row, settingsIn(guest)[row.key]);
}

/** Cards behind a number that is not there: the list of the flake has no gaps. */
function hiddenCards({ config: { networks = [] } }: KnownGuest): readonly string[] {
  const shown = cardsInFlake(networks).length;
  return networks.flatMap((card, number) => (card === null || number < shown ? [] : showCard(card, number)));
}

/** The disks beside the root, as the flake writes them; those that it cannot write are missing. */
function dataDisks(guest: KnownGuest): Readonly<Record<string, Fields>> {
  const root = rootSlot(guest);
  const schema = rowsOf(guest.kind).find(({ key }) => key === disksKey(guest))?.kinds[guest.kind]?.schema;
  const found: Record<string, Fields> = {};
  for (const [slot, { path, storage, sizeMb = 0, options }] of Object.entries(guest.config.disks)) {
    const place = guest.kind === 'vm' ? { slot } : { path };
    const disk = { ...place, size_gb: Math.ceil(sizeMb / 1024), storage, ...options };
    const name = nameOfDisk(slot, path, found);
    if (slot !== root && schema?.safeParse({ [name]: disk }).success === true) found[name] = disk;
  }
  return found;
}

/** The slot of a VM's disk; of a mount its path, where that makes a name. */
function nameOfDisk(slot: string, path: string | undefined, taken: object): string {
  const name = path?.slice(1).replaceAll('/', '-') ?? slot;
  return plainName.safeParse(name).success && !Object.hasOwn(taken, name) ? name : slot;
}

function disksKey({ kind }: KnownGuest): 'disks' | 'mounts' {
  return kind === 'vm' ? 'disks' : 'mounts';
}

/** The options of the root disk, without the one that every root disk of proxnix is made with. */
function optionsOfRoot(guest: KnownGuest): Fields {
  const { options = {} } = guest.config.disks[rootSlot(guest)] ?? {};
  return Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'discard'));
}

/** Disks that no entry has, and what no field says of the others. */
function hiddenDisks(guest: KnownGuest): readonly string[] {
  const root = rootSlot(guest);
  const said = Object.values(dataDisks(guest)).map(({ slot, path }) => slot ?? path);
  // The root of a container has no field for its options.
  const ofRoot = guest.kind === 'vm' ? [] : Object.entries(optionsOfRoot(guest));
  return Object.entries(guest.config.disks).flatMap(([slot, { volid, path, others }]) => {
    const place = [volid, ...(path === undefined ? [] : [`mp=${path}`])];
    const own = slot === root ? ofRoot.map(([name, value]) => `${name}=${String(value)}`) : [];
    const parts = slot === root || said.includes(path ?? slot) ? own : place;
    const all = [...parts, ...(others === undefined ? [] : [others])];
    return all.length === 0 ? [] : `${slot}: ${all.join(',')}`;
  });
}
