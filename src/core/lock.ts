import { type GuestKind, type GuestRef, guestLabel } from './guest.ts';

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
