import { withRootFirst } from '../../../core/boot-order.ts';
import { UserError } from '../../../core/errors.ts';
import { type ContainerSpec, type DesiredGuest, type GuestRef, guestLabel, type VmSpec } from '../../../core/guest.ts';
import { unlockAdvice } from '../../../core/guest-ref.ts';
import { creationMarker, sameTags, splitTags } from '../../../core/tags.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath, isFree, Resources } from '../api.ts';
import type { Params } from '../client.ts';
import { changesCloudInit } from '../cloud-init.ts';
import type { Changes } from '../codec.ts';
import {
  bootOrder,
  checkForeign,
  checkGuest,
  type Doing,
  type GuestConfig,
  nextPrecondition,
  preconditionOf,
  readConfig,
  type StepOf,
  tagsOf,
  toLiveConfig,
} from '../config.ts';
import { adviceFor, ProxmoxError } from '../errors.ts';
import { firmwareDisks } from '../firmware.ts';
import { isCreateInterruptedNow } from '../markers.ts';
import { changedSettings, lastSettings, newDescription, newSettings } from '../settings.ts';
import { checkImport, checkMove } from '../storage.ts';
import { putConfig } from '../writes.ts';
import { deleteGuest, makeGuest } from './existence.ts';

/**
 * Creates a guest and then writes its tags. The VM has no disk yet: when its worker is killed during the import, a
 * token can still clean up the guest. Checks first whether the root can be made, so that a full storage leaves nothing
 * behind.
 */
export async function create(api: Api, step: StepOf<'create'>, monitor: ClusterMonitor): Promise<Precondition> {
  const { guest, vmid } = step;
  const image = await checkImport(api, step.node, guest);
  if (!(await isFree(api, vmid))) await refuseUnlessOurs(api, step);
  else {
    const settings = guest.kind === 'vm' ? newVm(guest) : newContainer(guest, image);
    const pool = guest.pool === undefined ? {} : { pool: guest.pool };
    const params = { ...settings, ...pool, description: creationMarker(vmid) };
    await makeGuest(api, step, { params, doing: `The creation of ${guestLabel(step)}` }, monitor);
  }
  const { digest } = await preconditionOf(api, step);
  // Proxmox keeps no empty description: the creation marker is deleted when the flake has no description.
  try {
    await putConfig(api, step, { tags: step.tags, ...newDescription(guest) }, digest);
  } catch (error) {
    throw error instanceof ProxmoxError && error.status === 403 ? await withoutGuest(api, step, error, monitor) : error;
  }
  return preconditionOf(api, step);
}

/** A guest that gets no tags, because a policy refuses one, is nobody's: it is removed again. */
async function withoutGuest(api: Api, at: GuestRef, error: ProxmoxError, monitor: ClusterMonitor): Promise<UserError> {
  const config = await readConfig(api, at);
  if (config === undefined || !(await isCreateInterruptedNow(api, at, config))) return error;
  await deleteGuest(api, at, { unreferenced: false }, monitor);
  return new UserError(error.message, {
    next: `${guestLabel(at)} was removed again. ${error.next ?? ''}`.trimEnd(),
    cause: error,
  });
}

/**
 * The VMID may be taken by our own create call, whose answer was lost or whose bot was killed before it wrote the tags.
 */
async function refuseUnlessOurs(api: Api, at: GuestRef): Promise<void> {
  const config = await readConfig(api, at);
  if (config !== undefined && (await isCreateInterruptedNow(api, at, config))) return;
  const lock = config?.values['lock'];
  throw new UserError(`VMID ${at.vmid} is taken: ${guestPath(at)} or another node has it.`, {
    next:
      lock === 'create'
        ? `It is locked (create): somebody makes it; ${unlockAdvice(at, lock)}.`
        : 'Choose another `vm_id` in the flake, or take the guest over with /proxnix adopt.',
  });
}

/** What a new guest has beside its settings. A VM: agent, serial console, Linux. */
export const ofNewGuests = {
  vm: { agent: 1, serial0: 'socket', ostype: 'l26' },
  container: { ostype: 'nixos', cmode: 'console' },
} as const;

/** A new NixOS VM. Its root disk comes with the import. */
export function newVm(guest: VmSpec): Params {
  return { ...newSettings(guest), ...firmwareDisks(guest), ...ofNewGuests.vm };
}

/**
 * A new NixOS container, its root among its options: unpacked from the template. With `ostype=nixos` (8.4 and 9.2)
 * Proxmox writes the addresses as systemd-networkd files, which NixOS reads; its login stands at /dev/console.
 */
export function newContainer(guest: ContainerSpec, template: string): Params {
  return { ...root(guest, template), ...newSettings(guest), ...ofNewGuests.container };
}

/** The root file system that a create call makes, in a storage by its size in GiB. */
export function root({ storage, diskGb }: ContainerSpec, template: string): Params {
  return { ostemplate: template, rootfs: `${storage}:${diskGb}`, ostype: ofNewGuests.container.ostype };
}

/** Writes everything that differs and the tags in ONE call, so that no intermediate state is visible or left behind. */
export async function configure({ api, step, precondition, monitor }: Doing<'configure'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const changes = differences(config, step.guest, step.tags);
  if (Object.keys(changes).length === 0) return precondition;
  await checkComingMove(api, step, config);
  await putConfig(api, step, changes, config.digest);
  if (changesCloudInit(step.guestKind, changes)) await writeDrive(api, step, monitor);
  return nextPrecondition(api, step, precondition);
}

/**
 * Writes the cloud-init drive anew: a new value is in the configuration at once and on the drive only at the next start
 * (PVE 9.2). Repeating it does no harm. It is a convenience: where it is refused, the start does it.
 */
async function writeDrive(api: Api, at: GuestRef, monitor: ClusterMonitor): Promise<void> {
  try {
    await api.client.request('PUT', `${guestPath(at)}/cloudinit`);
  } catch (error) {
    monitor.line('the cloud-init drive is not written now: the guest gets it at its next start');
    api.log.warn({ vmid: at.vmid, error }, 'the cloud-init drive is written at the next start only');
  }
}

/**
 * A root disk that is moved next must have room, or the guest would stay pending. Where a disk of the guest waits on the
 * wanted storage already, that one becomes the root disk.
 */
async function checkComingMove(api: Api, { node, guest }: StepOf<'configure'>, config: GuestConfig): Promise<void> {
  const { disks, unused } = toLiveConfig(config);
  const root = disks[guest.diskSlot];
  if (guest.kind !== 'vm' || root === undefined || root.storage === guest.storage) return;
  if (Object.values(unused).some((volid) => volid.startsWith(`${guest.storage}:`))) return;
  await checkMove(api, node, guest, root);
}

/** The changes that bring the guest's settings to the wanted ones, without protection; `undefined` deletes a key. */
export function differences(config: GuestConfig, guest: DesiredGuest, tags: string): Changes {
  return {
    ...changedSettings(guest, config.values),
    ...firmwareDisks(guest, config),
    ...bootFirst(config, guest),
    ...(sameTags(tagsOf(config), splitTags(tags)) ? {} : { tags }),
  };
}

/**
 * Moves the guest to the wanted pool. `allow-move` takes it out of the one that it is in, which needs Pool.Allocate on
 * both (PVE 9.2); the configuration of the guest does not hold its pool. Without Pool.Audit the lists leave a pool out as if
 * there were none: that is an error, or each plan would move the guest again.
 */
export async function moveToPool({ api, step, precondition }: Doing<'pool'>): Promise<Precondition> {
  await checkGuest(api, step, precondition);
  const { vmid, guest } = step;
  if (guest.pool === undefined || (await poolOf(api, vmid)) === guest.pool) return precondition;
  try {
    await api.client.request('PUT', `/pools`, { poolid: guest.pool, vms: vmid, 'allow-move': 1 });
  } catch (error) {
    // The answer may be lost.
    if ((await poolOf(api, vmid)) === guest.pool) return precondition;
    if (!(error instanceof ProxmoxError) || !/ is already a pool member$/.test(error.reason)) throw error;
  }
  if ((await poolOf(api, vmid)) === guest.pool) return precondition;
  const text = `Permission check failed (/pool/${guest.pool}, Pool.Audit)`;
  throw new UserError(`${guestLabel(step)} is in the pool ${guest.pool}, and the token may not see that.`, {
    next: adviceFor({ text, ...api.client.caller }) ?? 'Grant it Pool.Audit there.',
  });
}

async function poolOf(api: Api, vmid: number): Promise<string | undefined> {
  const resources = await api.client.get('/cluster/resources', Resources);
  const entry = resources.find((one) => (one.type === 'qemu' || one.type === 'lxc') && one.vmid === vmid);
  return entry !== undefined && 'pool' in entry ? entry.pool : undefined;
}

/** The boot order with the root disk of a VM first. */
function bootFirst({ values, guestKind }: GuestConfig, { diskSlot }: DesiredGuest): Changes {
  if (guestKind !== 'vm' || values[diskSlot] === undefined) return {};
  const boot = bootOrder(values['boot']);
  return boot[0] === diskSlot ? {} : { boot: `order=${withRootFirst(diskSlot, boot).join(';')}` };
}

/** Writes the final tags and protection in one call: a guest that is marked as done also has its protection. */
export async function finish({ api, step, precondition }: Doing<'finish'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const changes = {
    ...(sameTags(tagsOf(config), splitTags(step.tags)) ? {} : { tags: step.tags }),
    ...lastSettings(step.guest, config.values),
  };
  if (Object.keys(changes).length === 0) return precondition;
  await putConfig(api, step, changes, config.digest);
  return nextPrecondition(api, step, precondition);
}

/** The one write to a guest that does not carry our tag: the tag itself. */
export async function adopt({ api, step, precondition }: Doing<'adopt'>): Promise<Precondition> {
  const config = await checkForeign(api, step, precondition);
  if (toLiveConfig(config).protected || config.values['template'] === '1') {
    const what = config.values['template'] === '1' ? 'a template' : 'protected in Proxmox';
    throw new UserError(`${guestLabel(step)} is ${what}: it is not taken over.`, { next: 'Look at a fresh plan.' });
  }
  if (!sameTags(tagsOf(config), splitTags(step.tags))) {
    await putConfig(api, step, { tags: step.tags }, config.digest);
  }
  return nextPrecondition(api, step, precondition);
}
