/** A VM or a container: `qemu` and `lxc` in the API of Proxmox VE. Both are guests. */
export type GuestKind = 'vm' | 'container';

/** The kind, VMID and node of a guest: all that an API call about it needs. */
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
 * The advice for a stale lock: no API token can remove it, but root can. A guest with the lock `create` is incomplete,
 * so it is destroyed as well.
 */
export function unlockAdvice(
  { guestKind, vmid }: { readonly guestKind: GuestKind; readonly vmid: number | string },
  lock: string,
): string {
  const tool = guestKind === 'vm' ? 'qm' : 'pct';
  const commands = lock === 'create' ? `${tool} unlock ${vmid} && ${tool} destroy ${vmid}` : `${tool} unlock ${vmid}`;
  return `if nothing runs any more, root can \`${commands}\``;
}

/** The advice of a plan for a locked guest. */
export function lockedAdvice(at: Pick<GuestRef, 'guestKind' | 'vmid'>, lock: string): string {
  const advice = lock === 'create' ? `; ${unlockAdvice(at, lock)}` : '';
  return `${guestLabel(at)} is locked (${lock}). Plan again when that is over${advice}.`;
}

/**
 * Why a VM whose processors stand still is neither stopped nor restarted, and what to do: what it has not written yet
 * would be lost.
 * @param state of QEMU, where it is known
 */
export function pausedAdvice(at: GuestRef, state?: string): { readonly message: string; readonly next: string } {
  const known = state === undefined || state === 'paused' ? '' : ` (${state})`;
  return {
    message: `${guestLabel(at)} is paused${known}, so it is not restarted.`,
    next: `Resume it (\`qm resume ${at.vmid}\` on ${at.node}; make room on its storage first where that is full), then plan again.`,
  };
}

/** The advice to turn protection off in Proxmox, which proxnix never does: `qm set 820 --protection 0`. */
export function unprotectAdvice({ guestKind, vmid }: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `Turn it off there: \`${guestKind === 'vm' ? 'qm' : 'pct'} set ${vmid} --protection 0\`.`;
}

/** The reason why a plan does not change a guest that is protected in Proxmox. */
export function protectedAdvice(at: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `${guestLabel(at)} is protected in Proxmox. ${unprotectAdvice(at)}`;
}
