/** What a guest's tags say about it. Tags of other people stay out. */
export interface GuestTags {
  /** Carries the `proxnix` tag: without it a guest is never touched. */
  readonly ours: boolean;
  /** Work on it began and was not finished. */
  readonly pending: boolean;
  /** The 32 characters of the image's store hash. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly fleet?: string;
  /** Tags that are not proxnix's: kept as they are at every write. */
  readonly foreign: readonly string[];
}

const marker = 'proxnix';
const pendingMarker = 'proxnix-pending';
/** Nix's base 32 has no e, o, t, u. */
const nixTag = /^nix-([0-9a-df-np-sv-z]{32})$/;
const commitTag = /^commit-([0-9a-f]{7,64})$/;
const fleetTag = /^fleet-(.+)$/;

/**
 * Splits what Proxmox stores (`a;b`, also `,` and white space as separators) into a lower-case, sorted list without
 * doubles: the form the server itself makes of tags (PVE 8.4 keeps those of a create call verbatim).
 */
export function splitTags(text: string): string[] {
  const tags = text
    .toLowerCase()
    .split(/[;,\s]+/)
    .filter((tag) => tag !== '');
  return [...new Set(tags)].sort();
}

/** Reads tags written by proxnix or by the Rust daemon, which also wrote `proxnix`, `nix-<hash>` and `commit-<sha>`. */
export function readTags(tags: readonly string[]): GuestTags {
  const all = splitTags(tags.join(';'));
  const found = (pattern: RegExp) => all.map((tag) => pattern.exec(tag)?.[1]).find((value) => value !== undefined);
  const known = (tag: string) =>
    tag === marker || tag === pendingMarker || nixTag.test(tag) || commitTag.test(tag) || fleetTag.test(tag);
  const ours = all.includes(marker);
  const [hash, commit, fleet] = [found(nixTag), found(commitTag), found(fleetTag)];
  return {
    ours,
    pending: all.includes(pendingMarker),
    foreign: ours ? all.filter((tag) => !known(tag)) : all,
    ...(hash === undefined ? {} : { imageHash: hash }),
    ...(commit === undefined ? {} : { commit }),
    ...(fleet === undefined ? {} : { fleet }),
  };
}

/** The tags as Proxmox stores them: lower case, sorted, joined with `;`. */
export function writeTags(tags: GuestTags): string {
  const all = [
    ...tags.foreign,
    ...(tags.ours ? [marker] : []),
    ...(tags.pending ? [pendingMarker] : []),
    ...(tags.imageHash === undefined ? [] : [`nix-${tags.imageHash}`]),
    ...(tags.commit === undefined ? [] : [`commit-${tags.commit}`]),
    ...(tags.fleet === undefined ? [] : [`fleet-${tags.fleet}`]),
  ];
  return splitTags(all.join(';')).join(';');
}

/** Tags for a guest whose work begins; what its root disk holds is unknown from here on. */
export function pendingTags(before: readonly string[], fleet?: string): string {
  const { foreign } = readTags(before);
  return writeTags({ ours: true, pending: true, foreign, ...(fleet === undefined ? {} : { fleet }) });
}

/** Tags for a guest that is changed in place: its root disk stays what it was, and so does that part of its tags. */
export function updatingTags(before: readonly string[]): string {
  return writeTags({ ...readTags(before), ours: true, pending: true });
}

/** The final tags, written only when the guest is done. */
export function finalTags(
  before: readonly string[],
  done: { imageHash: string; commit: string; fleet?: string },
): string {
  const { foreign } = readTags(before);
  return writeTags({ ours: true, pending: false, foreign, ...done });
}

/** Tags for a guest of somebody else that becomes ours: all that it had stay, and say what they say. */
export function adoptedTags(before: readonly string[], fleet?: string): string {
  return splitTags([...before, marker, ...(fleet === undefined ? [] : [`fleet-${fleet}`])].join(';')).join(';');
}

/**
 * The description of a guest between its create call and the write of its tags: tags in the create call are checked
 * only after a whole import by PVE 9.2 and stored unchecked by 8.4, so the mark lies here for that moment.
 */
export function creationMarker(vmid: number): string {
  return `proxnix makes guest ${vmid}`;
}

/** A guest whose creation was cut off before it got its tags. */
export function hasCreationMarker(vmid: number, tags: readonly string[], description: string): boolean {
  return tags.length === 0 && description.trim() === creationMarker(vmid);
}

/** The description of the guest that holds the new root disk of another one until it is handed over. */
export function stagingMarker(vmid: number): string {
  return `proxnix staging for guest ${vmid}`;
}

/** The guest a staging guest was made for; `undefined` when the description is no such mark. */
export function stagingOwner(description: string): number | undefined {
  const [, vmid] = /^proxnix staging for guest (\d{3,9})$/.exec(description.trim()) ?? [];
  return vmid === undefined ? undefined : Number(vmid);
}

/** Could this description be taken for a mark? No flake may write one. */
export function isMarker(description: string): boolean {
  return stagingOwner(description) !== undefined || /^proxnix makes guest \d+$/.test(description.trim());
}

/**
 * A disk handed over lies under one of the high keys `unused200`..`unused255` until it is swapped in. Proxmox itself
 * takes the lowest free one for old disks, and so do we where it leaves that to us (containers, whose keys end at the
 * same index in 8.4 and 9.2), so the key alone tells, also after a crash, which volume is the new one.
 */
export const attachKeys = { first: 200, last: 255 } as const;

/** The volumes that were handed over to a guest and never swapped in, the oldest first. */
export function attachedVolumes(unused: Readonly<Record<string, string>>): readonly string[] {
  const indexOf = (key: string) => Number(/^unused(\d+)$/.exec(key)?.[1] ?? -1);
  return Object.entries(unused)
    .filter(([key]) => indexOf(key) >= attachKeys.first)
    .sort(([a], [b]) => indexOf(a) - indexOf(b))
    .map(([, volid]) => volid);
}
