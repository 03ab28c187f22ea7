/** The facts that a guest's tags hold. Tags that proxnix did not write are in `foreign`. */
export interface GuestTags {
  /** The guest carries the tag `proxnix`. proxnix never changes a guest without it. */
  readonly ours: boolean;
  /** The guest carries `proxnix-pending`: work on it began and is not finished. */
  readonly pending: boolean;
  /** The 32 characters of the image's store hash. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly fleet?: string;
  /** Tags that proxnix did not write, in their case and order: every write keeps them. */
  readonly foreign: readonly string[];
}

const marker = 'proxnix';
const pendingMarker = 'proxnix-pending';
/** Nix's base 32 has no e, o, t, u. */
const nixTag = /^nix-([0-9a-df-np-sv-z]{32})$/;
const commitTag = /^commit-([0-9a-f]{7,64})$/;
const fleetTag = /^fleet-(.+)$/;

/**
 * Splits the tags that Proxmox stores (`a;b`, also with `,` and white space as separators), in their case and order.
 * The server brings written tags into lower case and sorts them, unless the datacenter option `tag-style` says
 * otherwise (PVE 9.2: `case-sensitive=1`, `ordering=config`). PVE 8.4 keeps those of a create call verbatim.
 */
export function splitTags(text: string): string[] {
  return [...new Set(text.split(/[;,\s]+/).filter((tag) => tag !== ''))];
}

/** Are these the same tags, as sets in lower case? The server may change case and order of what is written. */
export function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return canonical(one).join() === canonical(other).join();
}

function canonical(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => tag.toLowerCase()))].sort();
}

/** Reads tags written by proxnix or by the Rust daemon, which also wrote `proxnix`, `nix-<hash>` and `commit-<sha>`. */
export function readTags(tags: readonly string[]): GuestTags {
  const all = splitTags(tags.join(';'));
  const lower = canonical(all);
  const found = (pattern: RegExp) => lower.map((tag) => pattern.exec(tag)?.[1]).find((value) => value !== undefined);
  const known = (tag: string) =>
    tag === marker || tag === pendingMarker || nixTag.test(tag) || commitTag.test(tag) || fleetTag.test(tag);
  const ours = lower.includes(marker);
  const [hash, commit, fleet] = [found(nixTag), found(commitTag), found(fleetTag)];
  return {
    ours,
    pending: lower.includes(pendingMarker),
    foreign: ours ? all.filter((tag) => !known(tag.toLowerCase())) : all,
    ...(hash === undefined ? {} : { imageHash: hash }),
    ...(commit === undefined ? {} : { commit }),
    ...(fleet === undefined ? {} : { fleet }),
  };
}

/** The tags to write, joined with `;`: those of other people as they stand, then ours in lower case, sorted. */
export function writeTags(tags: GuestTags): string {
  const ours = [
    ...(tags.ours ? [marker] : []),
    ...(tags.pending ? [pendingMarker] : []),
    ...(tags.imageHash === undefined ? [] : [`nix-${tags.imageHash}`]),
    ...(tags.commit === undefined ? [] : [`commit-${tags.commit}`]),
    ...(tags.fleet === undefined ? [] : [`fleet-${tags.fleet}`]),
  ];
  return [...tags.foreign, ...canonical(ours)].join(';');
}

/**
 * Tags for a guest on whose root disk work begins. They name no image, because the content of the root disk is unknown
 * until the work is done.
 */
export function pendingTags(before: readonly string[], fleet?: string, own?: readonly string[]): string {
  const foreign = withOwn(before, own);
  return writeTags({ ours: true, pending: true, foreign, ...(fleet === undefined ? {} : { fleet }) });
}

/**
 * Tags for a guest that is changed in place. They keep the image, because the root disk stays the same. Tags of one's own
 * come with the first write: a policy that refuses one refuses it before anything is changed.
 */
export function updatingTags(before: readonly string[], own?: readonly string[]): string {
  return writeTags({ ...readTags(before), ours: true, pending: true, foreign: withOwn(before, own) });
}

/**
 * The final tags, written when all work on the guest is done.
 * @param own tags that the flake wants beside; one that is there stands as it is
 */
export function finalTags(
  before: readonly string[],
  done: { imageHash?: string; commit?: string; fleet?: string },
  own?: readonly string[],
): string {
  return writeTags({ ours: true, pending: false, foreign: withOwn(before, own), ...done });
}

function withOwn(before: readonly string[], own: readonly string[] = []): readonly string[] {
  const { foreign } = readTags(before);
  const there = canonical(foreign);
  return [...foreign, ...own.filter((tag) => !there.includes(tag.toLowerCase()))];
}

/** Tags for a guest that is adopted: all its tags stay, and the tag `proxnix` is added. */
export function adoptedTags(before: readonly string[], fleet?: string): string {
  const added = [marker, ...(fleet === undefined ? [] : [`fleet-${fleet}`])];
  const missing = added.filter((tag) => !canonical(before).includes(tag));
  return [...splitTags(before.join(';')), ...missing].join(';');
}

/**
 * The description of a guest between its create call and the write of its tags. PVE 9.2 checks tags of a create call
 * only after the whole import, and PVE 8.4 stores them unchecked, so the description marks the guest during that time.
 */
export function creationMarker(vmid: number): string {
  return `proxnix makes guest ${vmid}`;
}

/** Was the creation of the guest interrupted before it got its tags? */
export function hasCreationMarker(vmid: number, tags: readonly string[], description: string): boolean {
  return tags.length === 0 && description.trim() === creationMarker(vmid);
}

/**
 * The description of a staging guest, which holds the new root disk of another guest until the disk is attached there.
 */
export function stagingMarker(vmid: number): string {
  return `proxnix staging for guest ${vmid}`;
}

/** The VMID of a staging guest's owner; `undefined` when the description is no staging marker. */
export function stagingOwner(description: string): number | undefined {
  const [, vmid] = /^proxnix staging for guest (\d{3,9})$/.exec(description.trim()) ?? [];
  return vmid === undefined ? undefined : Number(vmid);
}

/** Does the description equal a marker of proxnix? A flake may not set such a description. */
export function isMarker(description: string): boolean {
  return stagingOwner(description) !== undefined || /^proxnix makes guest \d+$/.test(description.trim());
}

/**
 * A new root disk is attached under one of the high keys `unused200`..`unused255` until it is swapped in. Proxmox
 * itself uses the lowest free key for old disks. For containers proxnix chooses the key, and the keys end at the same
 * index in 8.4 and 9.2. So the key alone tells, also after a crash, which volume is the new disk.
 */
export const attachKeys = { first: 200, last: 255 } as const;

/** The volumes that were attached to a guest and never swapped in, oldest first. */
export function attachedVolumes(unused: Readonly<Record<string, string>>): readonly string[] {
  const indexOf = (key: string) => Number(/^unused(\d+)$/.exec(key)?.[1] ?? -1);
  return Object.entries(unused)
    .filter(([key]) => indexOf(key) >= attachKeys.first)
    .sort(([a], [b]) => indexOf(a) - indexOf(b))
    .map(([, volid]) => volid);
}
