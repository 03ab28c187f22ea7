import { declaredBy } from './declared.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { HealthCheck } from './health.ts';
import type { Backup } from './settings.ts';

/** What the store knows of a guest and the cluster does not tell. A guest without facts is like one of an unknown past. */
export interface GuestFacts {
  readonly vmid: number;
  /** Its agent answered a health check, on whichever image. */
  readonly hadAgent?: true;
  /** The image that the guest was last as wanted with. */
  readonly wanted?: ProvenImage;
  /** What the flake named of the guest then (`declaredBy`). */
  readonly declared?: readonly string[];
  /** The data disks that left the flake, by their places: the volumes that a run took out. */
  readonly detached?: Readonly<Record<string, string>>;
  /** What the flake said of its backup, the default of the fleet with it. */
  readonly backup?: Backup;
  /** Whether it shall run; absent: it shall. */
  readonly power?: 'stopped' | 'unmanaged';
  /** The root disk that a run is bringing to the guest; absent when the guest's work is done. */
  readonly root?: IncomingRoot;
}

/** An image that a guest was healthy on. */
interface ProvenImage {
  readonly imageHash: string;
  /** The check of its commit; absent: the default rule. */
  readonly health?: HealthCheck;
  /** The guest's agent answered on it. */
  readonly agent?: true;
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

/** How an image of the guest is judged: its check, and whether an agent is missed on it. Nothing where it is not known. */
export function provenOn(facts: GuestFacts | undefined, image: string | undefined): Omit<ProvenImage, 'imageHash'> {
  if (image === undefined || facts?.wanted?.imageHash !== image) return {};
  const { imageHash: _, ...proven } = facts.wanted;
  return proven;
}

/**
 * The facts after guests are as wanted: each image with the check of its commit, and what the flake names. That an agent
 * answered on an image stays known; `agent`: it did now.
 */
export function withWanted(
  facts: readonly GuestFacts[] = [],
  guests: readonly DesiredGuest[],
  agent = false,
): readonly GuestFacts[] {
  return guests.reduce((all, guest) => {
    const { vmid, image, health, power, backup } = guest;
    const { power: _, backup: __, ...before } = factsOf(all, vmid);
    const hash = imageHash(image);
    const answered = agent || provenOn(before, hash).agent === true;
    const checked = { imageHash: hash, ...(health === undefined ? {} : { health }) };
    const wanted = { ...checked, ...(answered ? { agent: true as const } : {}) };
    const said = { ...(power === 'running' ? {} : { power }), ...(backup === undefined ? {} : { backup }) };
    const now = { ...before, wanted, declared: declaredBy(guest), ...said };
    return [...withoutFacts(all, vmid), now];
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
