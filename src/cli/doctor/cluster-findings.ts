import { freeTags } from '../../cluster/proxmox/errors.ts';
import { backupStorages } from '../../core/backup.ts';
import { type Finding, findingsOf } from '../../core/finding.ts';
import type { GuestKind, GuestSpec } from '../../core/guest.ts';
import { storagesOf } from '../../core/room.ts';
import { shellWord } from '../../lib/text.ts';
import type { ClusterFacts, StorageFact } from './cluster-facts.ts';
import { type Grant, grantsFor, mendLine } from './grants.ts';

/** The requirements of the configuration and the flakes on a cluster. */
export interface ClusterNeeds {
  readonly area: string;
  /** `user@realm!token`. */
  readonly tokenId: string;
  readonly major: number;
  readonly pool?: string | undefined;
  readonly imageStorage: string;
  readonly guests: readonly GuestSpec[];
}

/** The content types of Proxmox storages: for uploaded images, and for the disks of guests. */
const contentOf: Readonly<Record<GuestKind, { readonly image: Content; readonly disk: Content }>> = {
  vm: { image: 'import', disk: 'images' },
  container: { image: 'vztmpl', disk: 'rootdir' },
};

const purposes = {
  import: 'takes images of VMs',
  vztmpl: 'takes images of containers',
  images: 'holds disks of VMs',
  rootdir: 'holds disks of containers',
  backup: 'takes backups',
};
type Content = keyof typeof purposes;

/** The content types that each storage needs. Without any guest the image storage is checked for VMs. */
export function storageNeeds({ imageStorage, guests }: ClusterNeeds): ReadonlyMap<string, readonly Content[]> {
  const needs = new Map<string, readonly Content[]>();
  const add = (storage: string, content: Content) =>
    needs.set(storage, [...new Set([...(needs.get(storage) ?? []), content])]);
  const groups = (['vm', 'container'] as const)
    .map((kind) => ({ content: contentOf[kind], guests: guests.filter((guest) => guest.kind === kind) }))
    .filter((group) => group.guests.length > 0);
  for (const { content } of groups) add(imageStorage, content.image);
  if (groups.length === 0) add(imageStorage, contentOf.vm.image);
  for (const group of groups) for (const storage of targetsOf(group.guests)) add(storage, group.content.disk);
  for (const storage of backupStorages({ guests })) add(storage, 'backup');
  return needs;
}

/** The storages of the guests' disks and cloud-init drives. */
function targetsOf(guests: readonly GuestSpec[]): readonly string[] {
  const all = guests.flatMap((guest) => [
    ...storagesOf(guest),
    ...(guest.kind === 'vm' && guest.cloudInit ? [guest.cloudInit.storage] : []),
  ]);
  return [...new Set(all)];
}

/** The bridges of the guests' network cards. */
function bridgesOf(guests: readonly GuestSpec[]): readonly string[] {
  const all = guests.flatMap(({ bridge, networks = [] }) => [
    bridge,
    ...networks.flatMap((card) => card?.bridge ?? []),
  ]);
  return [...new Set(all)];
}

/** The rights that the token needs for these requirements. */
export function grantsOf(needs: ClusterNeeds): readonly Grant[] {
  const { guests } = needs;
  const named = (values: readonly (string | undefined)[]) => [...new Set(values.flatMap((value) => value ?? []))];
  const vms = guests.filter((guest) => guest.kind === 'vm');
  return grantsFor({
    ...needs,
    targetStorages: targetsOf(guests),
    bridges: bridgesOf(guests),
    backupStorages: backupStorages(needs),
    startup: vms.some((guest) => guest.startup !== undefined),
    pools: named(guests.map((guest) => guest.pool)),
    mappings: [
      ...named(vms.flatMap(({ pci = [] }) => pci)).map((name) => `pci/${name}`),
      ...named(vms.flatMap(({ usb = [] }) => usb)).map((name) => `usb/${name}`),
    ],
  });
}

/** The paths whose privileges are read. With a pool `/vms` is among them, because rights on all guests suffice too. */
export function pathsOf(needs: ClusterNeeds): readonly string[] {
  const paths = grantsOf(needs).map(({ path }) => path);
  return [...new Set(needs.pool === undefined ? paths : [...paths, '/vms'])];
}

/** Compares the requirements with the cluster. */
export function clusterFindings(facts: ClusterFacts, needs: ClusterNeeds): readonly Finding[] {
  return [
    ...grantsOf(needs).flatMap((grant) => grantFindings(grant, facts, needs)),
    ...nodeFindings(facts, needs),
    ...tagFindings(facts, needs),
    ...[...storageNeeds(needs)].flatMap(([storage, wanted]) => storageFindings(facts, needs, storage, wanted)),
  ];
}

/** One finding for each missing privilege; a path without any of them is one finding, because one command fixes it. */
function grantFindings(grant: Grant, { granted }: ClusterFacts, needs: ClusterNeeds): readonly Finding[] {
  const { ok, warn, fail } = findingsOf(needs.area);
  const here = granted[grant.path] ?? [];
  const has = new Set(grant.path.startsWith('/pool/') ? [...here, ...(granted['/vms'] ?? [])] : here);
  const missing = grant.privileges.filter(({ name }) => !has.has(name));
  if (missing.length === 0) {
    const count = grant.privileges.length === 1 ? 'right' : `${grant.privileges.length} rights`;
    return [ok(`the token has its ${count} on ${grant.path}`)];
  }
  const needed = missing.filter(({ onlyFor }) => onlyFor === undefined);
  if (missing.length === grant.privileges.length && needed.length > 1) {
    const names = missing.map(({ name }) => name).join(' ');
    return [
      fail(`the token has no right on ${grant.path}; missing: ${names}`, mendLine(grant, missing, needs.tokenId)),
    ];
  }
  return missing.map((privilege) => {
    const fix = mendLine(grant, [privilege], needs.tokenId);
    const text = `${privilege.name} is missing on ${grant.path}`;
    if (privilege.onlyFor !== undefined) return warn(`${text}; it is for ${privilege.onlyFor}`, fix);
    // A VNet may get its rights from its zone, and the token may not be allowed to read which zone that is.
    return isVnet(grant.path) ? warn(`${text}; fine if it is a VNet whose zone gives it`, fix) : fail(text, fix);
  });
}

function isVnet(path: string): boolean {
  return path.startsWith('/sdn/') && !/\/vmbr\d+$/.test(path);
}

function nodeFindings({ nodes }: ClusterFacts, { area, guests }: ClusterNeeds): readonly Finding[] {
  const { ok, warn, fail } = findingsOf(area);
  const names = nodes.map(({ node }) => node);
  const strange = [...new Set(guests.flatMap(({ node }) => node ?? []))].filter((node) => !names.includes(node));
  const down = nodes.filter(({ online }) => !online);
  return [
    ...strange.map((node) =>
      fail(
        `the flake names the node ${node}, which does not exist`,
        `node = "${names[0]}";   (in the flake; there are: ${names.join(', ')})`,
      ),
    ),
    ...down.map(({ node }) => warn(`the node ${node} is down`, 'pvecm status   (on another node)')),
    ...(down.length === 0 ? [ok(`all nodes are up: ${names.join(', ')}`)] : []),
  ];
}

/** The tags name images and commits, so the token must be free to set any, and none of the bot's may be registered. */
function tagFindings(
  { tags: { allowed, userAllow = 'free', registered, isInUse } }: ClusterFacts,
  { area }: ClusterNeeds,
) {
  const { fail } = findingsOf(area);
  if (registered.includes('proxnix')) {
    return [fail('the tag proxnix is registered: only who has Sys.Modify on / may set it', registeredFix)];
  }
  if (userAllow !== 'free')
    return [fail(`the datacenter lets a token set only tags of the kind "${userAllow}"`, freeTags)];
  if (!isInUse || allowed.includes('proxnix')) return [];
  return [
    fail('the tag policy of the datacenter keeps the tag proxnix from the token', `${freeTags}; ${registeredFix}`),
  ];
}

const registeredFix = 'Datacenter, Options, Registered Tags: remove proxnix';

/** A storage must be on one node that is up. Its absence from other nodes matters only to guests on those nodes. */
function storageFindings(
  { nodes, storages }: ClusterFacts,
  { area }: ClusterNeeds,
  storage: string,
  wanted: readonly Content[],
): readonly Finding[] {
  const { ok, warn, fail, skip } = findingsOf(area);
  const places = storages.filter((one) => one.storage === storage);
  if (places.length === 0) return [skip(`storage ${storage}: no node that could report on it is up`)];
  const good = places.filter(({ problem, content }) => problem === undefined && lacking(content, wanted).length === 0);
  if (good.length === places.length) {
    return [ok(`storage ${storage} is there (${wanted.map((one) => purposes[one]).join(', ')})`)];
  }
  const bad = places
    .filter((place) => !good.includes(place))
    .map((place) => describe(place, wanted, addLine(nodes, places)));
  const report = good.length === 0 ? fail : warn;
  const [first] = bad;
  if (bad.every(({ text }) => text === first?.text) && first !== undefined) {
    const on = good.length === 0 ? '' : ` on ${bad.map(({ node }) => node).join(', ')}`;
    return [first.isSecret ? skip(first.text) : report(`${first.text}${on}`, first.fix)];
  }
  return bad.map(({ text, node, fix, isSecret }) => (isSecret ? skip(text) : report(`${text} on ${node}`, fix)));
}

function lacking(content: readonly string[], wanted: readonly Content[]): readonly Content[] {
  return wanted.filter((one) => !content.includes(one));
}

/** The command that extends a storage to all nodes. It names every node, because it removes the storage from the others. */
function addLine(nodes: ClusterFacts['nodes'], places: readonly StorageFact[]): string | undefined {
  const [first] = places;
  if (first === undefined || places.every(({ problem }) => problem === 'missing')) return undefined;
  const names = places.map(({ node }) => node).sort();
  const others = nodes.some(({ online }) => !online) ? '   (and the nodes that are down and have it)' : '';
  return `pvesm set ${shellWord(first.storage)} --nodes ${names.join(',')}${others}`;
}

interface Described {
  readonly node: string;
  readonly text: string;
  readonly fix: string;
  /** True when the missing right to read it is already another finding. */
  readonly isSecret: boolean;
}

function describe(
  { storage, node, content, problem }: StorageFact,
  wanted: readonly Content[],
  add: string | undefined,
): Described {
  const name = shellWord(storage);
  const said = (text: string, fix: string, isSecret = false) => ({
    node,
    text: `storage ${storage} ${text}`,
    fix,
    isSecret,
  });
  switch (problem) {
    case 'missing':
      if (add !== undefined) return said('is not there', add);
      return wanted.some((one) => one === 'import' || one === 'vztmpl')
        ? said('is not there', `pvesm add dir ${name} --path /var/lib/${name} --content ${newContent(wanted)}`)
        : said(
            'is not there',
            'pvesm status   (lists those that are; name one of them as storage_location in the flake)',
          );
    case 'inactive':
      return said('is disabled or not mounted', `pvesm set ${name} --disable 0`);
    case 'forbidden':
      return said('cannot be read without the right on it', '', true);
    default: {
      const lacks = lacking(content, wanted);
      // The command sets the whole list, so it must contain every missing type.
      const all = [...content.filter((one) => one !== '' && one !== 'none'), ...lacks].join(',');
      const text = `does not take ${lacks.join(', ')}: its content is ${content.join(',')}`;
      return said(text, `pvesm set ${name} --content ${all}`);
    }
  }
}

/** The content of a new storage for images: both kinds of images. */
function newContent(wanted: readonly Content[]): string {
  return [...new Set(['import', 'vztmpl', ...wanted])].join(',');
}
