/**
 * Marks a staging guest: the guest that carries a new root disk until it is handed over to `vmid`. Tags alone cannot
 * say whose it is, and a killed run leaves nothing but the guest itself to read.
 */
export function stagingDescription(vmid: number): string {
  return `proxnix staging guest for VM ${vmid}. It holds a new root disk until the swap and may be deleted.`;
}

/** The guest a staging guest was made for; `undefined` when the description is no such mark. */
export function stagingOwner(description: string): number | undefined {
  const [, vmid] = /^proxnix staging guest for VM (\d{3,9})\./.exec(description) ?? [];
  return vmid === undefined ? undefined : Number(vmid);
}
