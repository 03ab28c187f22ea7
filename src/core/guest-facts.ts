import { declaredBy } from './declared.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { HealthCheck } from './health.ts';

/** What the store knows of a guest and the cluster does not tell. A guest without facts is like one of an unknown past. */
export interface GuestFacts {
  readonly vmid: number;
  /** Its agent answered a health check, on whichever image. */
  readonly hadAgent?: true;
  /** The image that the guest was last as wanted with, and the check of that commit; no check: the default rule. */
  readonly wanted?: { readonly imageHash: string; readonly health?: HealthCheck };
  /** What the flake named of the guest then (`declaredBy`). */
  readonly declared?: readonly string[];
  /** Whether it shall run; absent: it shall. */
  readonly power?: 'stopped' | 'unmanaged';
  /** The root disk that a run is bringing to the guest; absent when the guest's work is done. */
  readonly root?: IncomingRoot;
}

/** The image of a root disk that is being brought to a guest. Written before the disk is in its slot. */
export interface IncomingRoot {
  readonly imageHash: string;
  /** The identity of the guest; absent while the create call is under way, when nothing is known of it yet. */
  readonly uuid?: string;
  /** The volume that is swapped in; absent for a new guest, whose empty root slot nothing else fills. */
  readonly volid?: string;
}

/** The facts of one guest. */
export function factsOf(facts: readonly GuestFacts[] = [], vmid: number): GuestFacts {
  return facts.find((one) => one.vmid === vmid) ?? { vmid };
}

/** The check that belongs to an image of the guest; `undefined`: the default rule, also where nothing is known. */
export function healthOf(facts: GuestFacts | undefined, image: string | undefined): HealthCheck | undefined {
  return image !== undefined && facts?.wanted?.imageHash === image ? facts.wanted.health : undefined;
}

/** The facts after guests are as wanted: each image with the check of its commit, and what the flake names. */
export function withWanted(facts: readonly GuestFacts[] = [], guests: readonly DesiredGuest[]): readonly GuestFacts[] {
  return guests.reduce((all, guest) => {
    const { vmid, image, health, power } = guest;
    const wanted = { imageHash: imageHash(image), ...(health === undefined ? {} : { health }) };
    const { power: _, ...before } = factsOf(all, vmid);
    const facts = { ...before, wanted, declared: declaredBy(guest), ...(power === 'running' ? {} : { power }) };
    return [...withoutFacts(all, vmid), facts];
  }, facts);
}

/** Changes the facts of one guest; the others stay. */
export function withFacts(
  facts: readonly GuestFacts[] = [],
  vmid: number,
  change: Omit<GuestFacts, 'vmid'>,
): readonly GuestFacts[] {
  return [...withoutFacts(facts, vmid), { ...factsOf(facts, vmid), ...change }];
}

/** The facts without the root disk that was under way: the guest's work is done, and its tags tell the image. */
export function withoutRoot(facts: readonly GuestFacts[] = [], vmid: number): readonly GuestFacts[] {
  const { root: _, ...rest } = factsOf(facts, vmid);
  return [...withoutFacts(facts, vmid), rest];
}

/** Forgets a guest: another one may be made under its VMID. */
export function withoutFacts(facts: readonly GuestFacts[] = [], vmid: number): readonly GuestFacts[] {
  return facts.filter((one) => one.vmid !== vmid);
}
