import { UserError } from '../../../core/errors.ts';
import { type DesiredContainer, type GuestKind, type GuestRef, guestLabel } from '../../../core/guest.ts';
import { unlockAdvice } from '../../../core/guest-ref.ts';
import { stagingMarker } from '../../../core/tags.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath, isFree, Resources } from '../api.ts';
import {
  checkGuest,
  type Doing,
  type GuestConfig,
  nextPrecondition,
  preconditionOf,
  readConfig,
  toContainerConfig,
} from '../config.ts';
import { ProxmoxError } from '../errors.ts';
import { attachedKey, isStagingOf, nextAttachKey, pendingTagsText } from '../markers.ts';
import { checkImport } from '../storage.ts';
import { isOf, waitForActive } from '../tasks.ts';
import { putConfig, runTask } from '../writes.ts';
import { root } from './create.ts';
import { deleteGuest, makeGuest } from './existence.ts';
import { powerOf } from './ha.ts';
import { stopGuest } from './power.ts';
import { growDisk, importVolume } from './root-disk.ts';

/** Makes the new root disk in a guest of its own. The running guest is not changed and its lock is not taken. */
export async function prepare(doing: Doing<'prepare'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  await checkGuest(api, step, precondition);
  const image = await checkImport(api, step.node, step.guest);
  const { guestKind, node } = step;
  const at = { guestKind, node, vmid: await freeStagingVmid(api, step, monitor) };
  await kinds[guestKind].make(doing, at, image);
  return precondition;
}

/**
 * Attaches the new disk to the guest by a rename that the running guest does not notice, then deletes the staging
 * guest. A repeated call continues where the first one stopped: the disk may be attached already, and the staging guest
 * may be gone.
 */
export async function attach(doing: Doing<'attach'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const config = await checkGuest(api, step, precondition);
  const staging = await findStaging(api, step);
  if (staging !== undefined) {
    if (staging.config.values[kinds[step.guestKind].stagingSlot] !== undefined) await moveOver(doing, staging, config);
    // Without destroy-unreferenced-disks, so that Proxmox does not search for the attached disk.
    await deleteGuest(api, staging, { unreferenced: false }, monitor);
  }
  const after = await readConfig(api, step);
  if (after === undefined || attachedKey(after.values) === undefined) {
    throw new UserError(`The new root disk of ${guestLabel(step)} is gone before it was attached.`, {
      next: 'The guest is as it was. Look at the fresh plan.',
    });
  }
  return nextPrecondition(api, step, precondition);
}

async function moveOver({ api, step, monitor }: Doing<'attach'>, staging: Staging, config: GuestConfig): Promise<void> {
  const key = nextAttachKey(config.values);
  if (key === undefined) {
    throw new UserError(`${guestLabel(step)} has too many unused disks.`, {
      next: 'Remove those that are not needed.',
    });
  }
  const { stagingSlot, reassign } = kinds[step.guestKind];
  const params = {
    [reassign.from]: stagingSlot,
    'target-vmid': step.vmid,
    [reassign.to]: key,
    digest: staging.config.digest,
    'target-digest': config.digest,
  };
  const id = `${staging.vmid}-${stagingSlot}>${step.vmid}-${key}`;
  const doing = `Attaching the new root disk to ${guestLabel(step)}`;
  const task = { node: step.node, type: reassign.task, id, doing };
  await runTask(api, { method: 'POST', path: `${guestPath(staging)}/${reassign.call}`, params, ...task }, monitor);
}

/** How a new root is prepared and attached: the parts of these steps that differ between VMs and containers. */
interface Kind {
  /** Makes the staging guest `at` with a new root from the uploaded image, ready to be attached. */
  make(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void>;
  /** The slot of the new root in the staging guest. */
  readonly stagingSlot: string;
  /** The call that moves a volume from one guest to another, and its names for the two slots. */
  readonly reassign: { readonly call: string; readonly task: string; readonly from: string; readonly to: string };
}

const kinds: Readonly<Record<GuestKind, Kind>> = {
  vm: {
    make: prepareVm,
    stagingSlot: 'scsi0',
    reassign: { call: 'move_disk', task: 'qmmove', from: 'disk', to: 'target-disk' },
  },
  container: {
    make: prepareContainer,
    stagingSlot: 'mp0',
    reassign: { call: 'move_volume', task: 'move_volume', from: 'volume', to: 'target-volume' },
  },
};

/** A VM that has only its disk, which is imported and grown as for a new VM. */
async function prepareVm(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void> {
  const { api, step, monitor } = doing;
  const params = { name: `proxnix-staging-${step.vmid}`, memory: 128, description: stagingMarker(step.vmid) };
  await makeGuest(api, at, { params, doing: `The creation of the staging guest ${at.vmid}` }, monitor);
  await putConfig(api, at, { tags: pendingTagsText }, (await preconditionOf(api, at)).digest);
  const source = { guest: step.guest, slot: 'scsi0' };
  await importVolume(api, at, { ...source, volid: image, config: await read(doing, at) }, monitor);
  await growDisk(api, at, { ...source, config: await read(doing, at) }, monitor);
}

async function read({ api, step }: Doing<'prepare'>, at: GuestRef) {
  const config = await readConfig(api, at);
  if (config === undefined) throw new Error(`the staging guest ${at.vmid} of ${guestLabel(step)} is gone`);
  return config;
}

/**
 * A container with the new root, without a network card and never started. Proxmox does not move a root to another
 * guest ("Cannot move to/from 'rootfs'"), so the same volume is mounted a second time, as mp0, from where it can be
 * moved.
 */
async function prepareContainer(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void> {
  const { api, step, precondition, monitor } = doing;
  const { guest } = step;
  if (guest.kind !== 'container') throw new Error(`${guestLabel(step)} is prepared as a container`);
  // Unprivileged as the live container is, whatever the flake says: the owners of the files depend on it.
  const { unprivileged } = toContainerConfig(await checkGuest(api, step, precondition));
  const params = { ...stagingParams(guest, image), unprivileged };
  await makeGuest(api, at, { params, doing: `The creation of the staging guest ${at.vmid}` }, monitor);
  const config = await readConfig(api, at);
  const volid = config && toContainerConfig(config).disks['rootfs']?.volid;
  if (config === undefined || volid === undefined)
    throw new Error(`the staging guest ${at.vmid} of ${guestLabel(step)} is gone`);
  await putConfig(api, at, { tags: pendingTagsText, mp0: `${volid},mp=/proxnix` }, config.digest);
}

function stagingParams(guest: DesiredContainer, image: string) {
  const name = { hostname: `proxnix-staging-${guest.vmid}`, description: stagingMarker(guest.vmid) };
  return { ...root(guest, image), ...name, memory: 128, cores: 1 };
}

/** How many VMIDs are tried when guests that are not ours use the range of staging guests. */
const tries = 10;

/** A staging guest: its VMID is in a range of its own, and its description tells it from guests that are not ours. */
export interface Staging extends GuestRef {
  readonly config: GuestConfig;
}

/**
 * The staging guest of a guest on the same node, if there is one. A staging guest on another node, left because its
 * owner was migrated, is a clean-up of its own in the plan: its node may be down, and this step does not need it.
 */
export async function findStaging(api: Api, owner: GuestRef): Promise<Staging | undefined> {
  const range = new Set(candidates(api, owner.vmid));
  const resources = await api.client.get('/cluster/resources', Resources, { type: 'vm' });
  const type = owner.guestKind === 'vm' ? 'qemu' : 'lxc';
  const vmids = resources.flatMap((entry) =>
    entry.type === type && entry.node === owner.node && range.has(entry.vmid) ? [entry.vmid] : [],
  );
  for (const vmid of vmids.sort((a, b) => a - b)) {
    const at = { guestKind: owner.guestKind, vmid, node: owner.node };
    const config = await readOwn(api, at);
    if (config !== undefined && isStagingOf(owner.vmid, config)) return { ...at, config };
  }
  return undefined;
}

/** Throws where a staging guest is locked by an interrupted create: it has no marker, and no token can delete it. */
export async function refuseLocked(api: Api, owner: GuestRef): Promise<void> {
  const range = new Set(candidates(api, owner.vmid));
  const resources = await api.client.get('/cluster/resources', Resources, { type: 'vm' });
  for (const entry of resources) {
    if (entry.type !== 'qemu' && entry.type !== 'lxc') continue;
    if (entry.lock !== 'create' || entry.node !== owner.node || !range.has(entry.vmid)) continue;
    const at = { guestKind: entry.type === 'qemu' ? 'vm' : 'container', vmid: entry.vmid } as const;
    throw new UserError(`${guestLabel(at)} is locked (create).`, { next: `${unlockAdvice(at, 'create')}.` });
  }
}

/**
 * Finds a VMID for a staging guest. Deletes those of interrupted runs on the node first, and skips guests that are not
 * ours.
 */
export async function freeStagingVmid(api: Api, owner: GuestRef, monitor: ClusterMonitor): Promise<number> {
  for (;;) {
    const old = await findStaging(api, owner);
    if (old === undefined) break;
    await deleteStaging(api, old, owner.vmid, monitor);
  }
  for (const vmid of candidates(api, owner.vmid)) {
    if (await isFree(api, vmid)) return vmid;
  }
  throw new UserError(
    `No VMID is free for the staging guest of ${guestLabel(owner)} (from ${api.stagingVmid(owner.vmid)}).`,
    {
      next: 'Remove guests that are not needed from that range.',
    },
  );
}

/**
 * Deletes a staging guest with every volume of its VMID: the range is ours, and a killed import leaves a volume that
 * nothing refers to.
 */
export async function deleteStaging(api: Api, at: GuestRef, ownerVmid: number, monitor: ClusterMonitor): Promise<void> {
  await waitForActive(api, at.node, isOf(at.vmid));
  const config = await readConfig(api, at);
  if (config === undefined || !isStagingOf(ownerVmid, config)) return;
  if ((await powerOf(api, at)).running) await stopGuest(api, at, monitor);
  await deleteGuest(api, at, { unreferenced: true }, monitor);
}

function candidates(api: Api, vmid: number): number[] {
  return Array.from({ length: tries }, (_, index) => api.stagingVmid(vmid) + index);
}

/** A token with rights on a pool only may not read a guest that is not ours, so a refusal means that it is not ours. */
async function readOwn(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  try {
    return await readConfig(api, at);
  } catch (error) {
    if (error instanceof ProxmoxError && error.status === 403) return undefined;
    throw error;
  }
}
