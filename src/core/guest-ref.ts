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
