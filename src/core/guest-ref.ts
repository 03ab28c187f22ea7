/** A VM or a container: `qemu` and `lxc` in the API of Proxmox VE. Both are guests. */
export type GuestKind = 'vm' | 'container';

/** Where a guest is, and what it is: all that an API call about it needs. */
export interface GuestRef {
  readonly guestKind: GuestKind;
  readonly vmid: number;
  readonly node: string;
}

/** How Proxmox itself names one guest: `VM 823`, `CT 830`. */
export function guestLabel({ guestKind, vmid }: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `${guestKind === 'vm' ? 'VM' : 'CT'} ${vmid}`;
}

/**
 * What root can do about a lock that nothing holds any more: no API token can take one away. A guest with the lock
 * `create` is half made, whoever makes it.
 */
export function unlockAdvice(
  { guestKind, vmid }: { readonly guestKind: GuestKind; readonly vmid: number | string },
  lock: string,
): string {
  const tool = guestKind === 'vm' ? 'qm' : 'pct';
  const commands = lock === 'create' ? `${tool} unlock ${vmid} && ${tool} destroy ${vmid}` : `${tool} unlock ${vmid}`;
  return `if nothing runs any more, root can \`${commands}\``;
}

/** The same for a plan: what to do about a guest that is locked. */
export function lockedAdvice(at: Pick<GuestRef, 'guestKind' | 'vmid'>, lock: string): string {
  const advice = lock === 'create' ? `; ${unlockAdvice(at, lock)}` : '';
  return `${guestLabel(at)} is locked (${lock}). Plan again when that is over${advice}.`;
}

/** How protection is turned off in Proxmox, where proxnix never does: `qm set 820 --protection 0`. */
export function unprotectAdvice({ guestKind, vmid }: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `Turn it off there: \`${guestKind === 'vm' ? 'qm' : 'pct'} set ${vmid} --protection 0\`.`;
}

/** Why a plan does not touch a guest that Proxmox protects. */
export function protectedAdvice(at: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `${guestLabel(at)} is protected in Proxmox. ${unprotectAdvice(at)}`;
}
