import { type FactName, factNames, type ImageFacts } from './image-facts.ts';

type Turn = 'added' | 'removed';

/** A change of who gets in, and where. */
export type AccessChange =
  | { readonly what: 'user' | 'wheel' | 'password'; readonly change: Turn; readonly user: string }
  /** `changed`: another key, or other options, under the same comment. */
  | { readonly what: 'key'; readonly change: Turn | 'changed'; readonly user: string; readonly key: string }
  /** Files of keys, of which only their content is known. */
  | { readonly what: 'key-files'; readonly user: string; readonly from: number; readonly to: number }
  | { readonly what: 'firewall'; readonly change: 'on' | 'off' }
  | {
      readonly what: 'port';
      readonly change: Turn;
      readonly protocol: 'tcp' | 'udp';
      readonly from: number;
      readonly to: number;
      /** The interface, where it is one alone. */
      readonly on?: string;
    }
  | { readonly what: 'trusted'; readonly change: Turn; readonly on: string }
  /** It was known of the image before and is not of the new one, so a change of it would not be seen. */
  | { readonly what: 'untold'; readonly fact: (typeof accessFacts)[number] };

/** The facts that tell who gets in, and where. */
const accessFacts = ['users', 'firewall'] as const;

/** A change of something else that has a name. Without `from` it is new, without `to` it is gone. */
export interface FactChange {
  readonly what: 'mount' | 'host' | 'service' | 'timer' | 'socket' | 'release' | 'kernel';
  readonly name: string;
  /** What it was: the file system of a mount, the user of a service; empty where the name is everything. */
  readonly from?: string;
  readonly to?: string;
}

/** Another version of a package; without `from` it is new, without `to` it is gone. */
export interface PackageChange {
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
}

/** Packages that changed: some of them, and how many there are. */
export interface PackageChanges {
  readonly changed: readonly PackageChange[];
  readonly all: number;
}

/** How the inside of an image differs from that of another one; what matters most stands first. */
export interface FactsDifference {
  /** Never cut. */
  readonly access: readonly AccessChange[];
  /** Mounts and hosts, then services, timers and sockets, then release and kernel. */
  readonly changes: readonly FactChange[];
  /** Of another release nearly every package changes: it has a count alone. */
  readonly packages: PackageChanges;
  /** Facts that are not known of one of the two: nothing is told of them. */
  readonly unknown: readonly FactName[];
}

/** How many packages are told by name. */
const mostPackages = 40;

/**
 * Compares the insides of two images.
 * @param versions packages anywhere in the two images that have another version, where the builder knows them
 */
export function diffFacts(before: ImageFacts, after: ImageFacts, versions?: PackageChanges): FactsDifference {
  return {
    access: [
      ...accessFacts.flatMap((fact) =>
        before[fact] === undefined || after[fact] !== undefined ? [] : [{ what: 'untold', fact } as const],
      ),
      ...userChanges(before, after),
      ...firewallChanges(before, after),
    ],
    changes: [
      ...named('mount', before.mounts, after.mounts, ({ at }) => at, mountText),
      ...named('host', before.hosts, after.hosts, itself, nothing),
      ...named('service', before.services, after.services, ({ name }) => name, runsAs),
      ...named('timer', before.timers, after.timers, itself, nothing),
      ...named('socket', before.sockets, after.sockets, itself, nothing),
      ...valueChange('release', before.release, after.release),
      ...valueChange('kernel', before.kernel, after.kernel),
    ],
    packages: packageChanges(before, after, versions),
    unknown: factNames.filter((name) => before[name] === undefined || after[name] === undefined),
  };
}

/** Is anything told to be different? */
export function isEmptyDifference({ access, changes, packages }: FactsDifference): boolean {
  return access.length === 0 && changes.length === 0 && packages.all === 0;
}

type User = NonNullable<ImageFacts['users']>[number];
type Ports = NonNullable<ImageFacts['firewall']>['ports'][number];

function userChanges({ users: before }: ImageFacts, { users: after }: ImageFacts): readonly AccessChange[] {
  if (before === undefined || after === undefined) return [];
  const [old, now] = [byName(before), byName(after)];
  return inOrder([...old.keys(), ...now.keys()]).flatMap((user): readonly AccessChange[] => {
    const [was, is] = [old.get(user), now.get(user)];
    const turn = was === undefined ? 'added' : is === undefined ? 'removed' : undefined;
    return [
      ...(turn === undefined ? [] : [{ what: 'user', change: turn, user } as const]),
      ...switched('wheel', user, was?.wheel ?? false, is?.wheel ?? false),
      ...switched('password', user, was?.password ?? false, is?.password ?? false),
      ...keyChanges(user, was?.keys ?? [], is?.keys ?? []),
      ...keyFileChanges(user, was?.keyFiles ?? [], is?.keyFiles ?? []),
    ];
  });
}

function byName(users: readonly User[]): ReadonlyMap<string, User> {
  return new Map(users.map((user) => [user.name, user]));
}

function switched(what: 'wheel' | 'password', user: string, was: boolean, is: boolean): readonly AccessChange[] {
  return was === is ? [] : [{ what, change: is ? 'added' : 'removed', user }];
}

/** Two keys may have one comment, so those of one comment are compared together. */
function keyChanges(user: string, before: User['keys'], after: User['keys']): readonly AccessChange[] {
  const digests = (keys: User['keys'], name: string) =>
    inOrder(keys.filter((key) => key.name === name).map(({ digest }) => digest));
  return inOrder([...before, ...after].map(({ name }) => name)).flatMap((key) => {
    const [was, is] = [digests(before, key), digests(after, key)];
    if (was.join() === is.join()) return [];
    const change = was.length === 0 ? 'added' : is.length === 0 ? 'removed' : 'changed';
    return [{ what: 'key', change, user, key } as const];
  });
}

function keyFileChanges(user: string, before: readonly string[], after: readonly string[]): readonly AccessChange[] {
  if (before.toSorted().join() === after.toSorted().join()) return [];
  return [{ what: 'key-files', user, from: before.length, to: after.length }];
}

function firewallChanges({ firewall: before }: ImageFacts, { firewall: after }: ImageFacts): readonly AccessChange[] {
  if (before === undefined || after === undefined) return [];
  // Without a firewall nothing closes.
  const holds = ({ change }: { readonly change: Turn }) => after.on || change === 'added';
  const portKey = ({ protocol, from, to, on = '' }: Ports) =>
    [protocol, ...[from, to].map((port) => String(port).padStart(5, '0')), on].join(' ');
  return [
    ...(before.on === after.on ? [] : [{ what: 'firewall', change: after.on ? 'on' : 'off' } as const]),
    ...turns(before.ports, after.ports, portKey)
      .filter(holds)
      .map(({ change, item }) => ({ what: 'port', change, ...item }) as const),
    ...turns(before.trusted, after.trusted, itself)
      .filter(holds)
      .map(({ change, item }) => ({ what: 'trusted', change, on: item }) as const),
  ];
}

/** What only one of two lists has, in the order of the keys. */
function turns<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
): readonly { readonly change: Turn; readonly item: Item }[] {
  const keyed = (items: readonly Item[]) => new Map(items.map((item) => [keyOf(item), item]));
  const [old, now] = [keyed(before), keyed(after)];
  return inOrder([...old.keys(), ...now.keys()]).flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    const only = was === undefined ? is : is === undefined ? was : undefined;
    return only === undefined ? [] : [{ change: was === undefined ? 'added' : 'removed', item: only }];
  });
}

/** What has a name and a value: new ones, those that are gone, and those with another value. */
function named<Item>(
  what: FactChange['what'],
  before: readonly Item[] | undefined,
  after: readonly Item[] | undefined,
  nameOf: (item: Item) => string,
  show: (item: Item) => string,
): readonly FactChange[] {
  if (before === undefined || after === undefined) return [];
  const values = (items: readonly Item[]) => new Map(items.map((item) => [nameOf(item), show(item)]));
  const [old, now] = [values(before), values(after)];
  return inOrder([...old.keys(), ...now.keys()]).flatMap((name) => {
    const [from, to] = [old.get(name), now.get(name)];
    return from === to ? [] : [{ what, name, ...fromTo(from, to) }];
  });
}

function valueChange(what: 'release' | 'kernel', from: string | undefined, to: string | undefined) {
  if (from === undefined || to === undefined || from === to) return [];
  return [{ what, name: what, from, to }];
}

function mountText({ type, device }: { readonly type: string; readonly device: string }): string {
  return [type, device].filter((part) => part !== '').join(' ');
}

function runsAs({ user: name }: { readonly user: string }): string {
  return name;
}

function itself(name: string): string {
  return name;
}

function nothing(): string {
  return '';
}

/**
 * Packages of the system and of its services by what their names say, then those that only the derivations tell. A
 * package of the first kind that has another version is one of the second kind as well, and counted once.
 */
function packageChanges(before: ImageFacts, after: ImageFacts, versions: PackageChanges | undefined): PackageChanges {
  const told = changesByName(packagesOf(before, after), packagesOf(after, before));
  const names = new Set(told.map(({ name }) => name));
  const deeper = (versions?.changed ?? []).filter(({ name }) => !names.has(name));
  const changed = [...told, ...deeper];
  const turned = told.filter(({ from, to }) => from === undefined || to === undefined).length;
  const all = Math.max(changed.length, (versions?.all ?? 0) + turned);
  const upgraded = before.release !== undefined && after.release !== undefined && before.release !== after.release;
  return { changed: upgraded ? [] : changed.slice(0, mostPackages), all };
}

/** The names of the packages that are known of both images. */
function packagesOf(facts: ImageFacts, other: ImageFacts): readonly string[] {
  const lists = ['packages', 'servicePackages'] as const;
  return lists.flatMap((key) => (other[key] === undefined ? [] : (facts[key] ?? [])));
}

/**
 * Compares two sets of names with versions (`openssl-3.0.14`), package by package: the versions that only one of them has.
 */
export function changesByName(before: Iterable<string>, after: Iterable<string>): readonly PackageChange[] {
  const [old, now] = [versionsByName(before), versionsByName(after)];
  return inOrder([...old.keys(), ...now.keys()]).flatMap((name) => {
    const [was = [], is = []] = [old.get(name), now.get(name)];
    const from = onlyIn(was, is);
    const to = onlyIn(is, was);
    return from === undefined && to === undefined ? [] : [{ name, ...fromTo(from, to) }];
  });
}

function onlyIn(these: readonly string[], others: readonly string[]): string | undefined {
  const versions = these.filter((version) => !others.includes(version));
  return versions.length === 0 ? undefined : inOrder(versions).join(', ');
}

function versionsByName(names: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const versions = new Map<string, string[]>();
  for (const whole of names) {
    const { name, version } = packageName(whole);
    versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  return versions;
}

/** A name with its version as Nix splits it, at the first hyphen before a digit: `openssl-3.0.14`. */
export function packageName(whole: string): { readonly name: string; readonly version: string } {
  const at = whole.search(/-\d/);
  return at <= 0 ? { name: whole, version: '' } : { name: whole.slice(0, at), version: whole.slice(at + 1) };
}

function fromTo(from: string | undefined, to: string | undefined): Pick<FactChange, 'from' | 'to'> {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** Each once, in the order of their code units: the same on every machine. */
function inOrder(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
