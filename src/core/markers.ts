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
