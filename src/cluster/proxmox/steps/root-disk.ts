import { moveRootAdvice } from '../../../core/block.ts';
import { pendingAdvice } from '../../../core/data-disk-changes.ts';
import { UserError } from '../../../core/errors.ts';
import { type DesiredGuest, type GuestKind, type GuestRef, guestLabel } from '../../../core/guest.ts';
import { sameTags, splitTags } from '../../../core/tags.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import type { Changes } from '../codec.ts';
import {
  bootOrder,
  checkGuest,
  type Doing,
  type GuestConfig,
  nextPrecondition,
  readConfig,
  tagsOf,
  toLiveConfig,
  toVmConfig,
} from '../config.ts';
import { withOptions } from '../disk-options.ts';
import { attachedKey, freeUnusedKey, isOwnVolume, unusedKeyOf } from '../markers.ts';
import { driveOptions, readDrive, writeProperty, writeSize } from '../property.ts';
import { checkFits, checkImport, checkMove, volumeSize } from '../storage.ts';
import { putConfig, runTask } from '../writes.ts';
import { needsStop, settledPower } from './ha.ts';
import { shutdownGuest, startGuest, stopGuest } from './power.ts';

/**
 * Imports the image into the VM's empty root slot. A slot with a disk is done already, because nothing else fills it. A
 * container has its root since its create call.
 */
export async function importDisk({ api, step, precondition, monitor }: Doing<'import'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  if (config.values[step.guest.diskSlot] !== undefined) return precondition;
  const volid = await checkImport(api, step.node, step.guest);
  await importVolume(api, step, { guest: step.guest, slot: step.guest.diskSlot, volid, config }, monitor);
  return nextPrecondition(api, step, precondition);
}

/** Uses POST instead of PUT, because a synchronous call is cut off after 30 s. The slot becomes the boot disk. */
export async function importVolume(
  api: Api,
  at: GuestRef,
  from: { guest: DesiredGuest; slot: string; volid: string; config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<void> {
  const { guest, slot, volid, config } = from;
  const fresh = new Map([
    ['file', `${guest.storage}:0`],
    ['import-from', volid],
    ['discard', 'on'],
  ]);
  const drive = writeProperty(withOptions(fresh, (guest.kind === 'vm' && guest.rootOptions) || {}), 'file');
  const params = { [slot]: drive, boot: `order=${slot}`, digest: config.digest };
  const path = `${guestPath(at)}/config`;
  const doing = `The import of the image of ${guest.name} into ${guestLabel(at)}`;
  await runTask(
    api,
    { method: 'POST', path, params, node: at.node, type: 'qmconfig', id: String(at.vmid), doing },
    monitor,
  );
}

/** Grows the root disk to the wanted size, also while the guest runs. */
export async function resize({ api, step, precondition, monitor }: Doing<'resize'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const resized = await growDisk(api, step, { guest: step.guest, slot: step.guest.diskSlot, config }, monitor);
  return resized ? nextPrecondition(api, step, precondition) : precondition;
}

/**
 * Sends the wanted size as an absolute value, so that a repeated call does no harm. @returns false when the disk had
 * that size already
 */
export async function growDisk(
  api: Api,
  at: GuestRef,
  { guest, slot, config }: { guest: DesiredGuest; slot: string; config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<boolean> {
  const disk = toLiveConfig(config).disks[slot];
  if (disk === undefined)
    throw new UserError(`${guestLabel(at)} has no disk ${slot}.`, { next: 'Look at the fresh plan.' });
  const sizeMb = disk.sizeMb ?? 0;
  checkFits(guest, sizeMb * 2 ** 20);
  if (sizeMb === guest.diskGb * 1024) return false;
  await growVolume(api, at, { slot, sizeGb: guest.diskGb, config }, monitor);
  return true;
}

/** Grows the disk in a slot to a size, also while the guest runs. */
export async function growVolume(
  api: Api,
  at: GuestRef,
  { slot, sizeGb, config }: { readonly slot: string; readonly sizeGb: number; readonly config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<void> {
  const params = { disk: slot, size: `${sizeGb}G`, digest: config.digest };
  const path = `${guestPath(at)}/resize`;
  const doing = `The resize of ${slot} of ${guestLabel(at)}`;
  const task = { node: at.node, type: 'resize', id: String(at.vmid), doing };
  await runTask(api, { method: 'PUT', path, params, ...task }, monitor);
}

/**
 * Moves the root disk, online when the guest runs. The source is deleted after the copy is complete; an interrupted
 * copy leaves the guest as it was.
 */
export async function moveDisk({ api, step, precondition, monitor }: Doing<'move-disk'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const { diskSlot: disk, storage } = step.guest;
  const live = toLiveConfig(config).disks[disk];
  if (live === undefined)
    throw new UserError(`${guestLabel(step)} has no disk ${disk}.`, { next: 'Look at the fresh plan.' });
  if (live.storage === storage) return precondition;
  // A plan blocks this change, so the step is never planned.
  if (step.guest.kind === 'container') {
    throw new UserError(`The root of ${guestLabel(step)} is not moved.`, { next: moveRootAdvice(step.guest) });
  }
  if (config.pending.includes(disk)) throw new UserError(pendingAdvice(guestLabel(step), disk));
  await checkMove(api, step.node, step.guest, live);
  await moveVolume(api, step, { slot: disk, storage, config }, monitor);
  return nextPrecondition(api, step, precondition);
}

/** Moves the disk in a slot of a VM to another storage. No value of the slot may be pending. */
export async function moveVolume(
  api: Api,
  at: GuestRef,
  { slot, storage, config }: { readonly slot: string; readonly storage: string; readonly config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<void> {
  const params = { disk: slot, storage, delete: 1, digest: config.digest };
  const path = `${guestPath(at)}/move_disk`;
  const doing = `The move of ${slot} of ${guestLabel(at)} to ${storage}`;
  const task = { node: at.node, type: 'qmmove', id: String(at.vmid), doing };
  await runTask(api, { method: 'POST', path, params, ...task }, monitor);
}

/**
 * Puts an unused disk into the root slot: pending while the guest runs, at once when it is stopped. A VM whose root slot is
 * not in its boot order is stopped first. The old disk becomes an unused volume. The same call writes the tags, so that they never name the wrong image.
 */
export async function swap(doing: Doing<'swap'>): Promise<Precondition> {
  const { api, step, precondition } = doing;
  const config = await checkGuest(api, step, precondition);
  const slot = step.guest.diskSlot;
  const volid = step.volid ?? config.values[attachedKey(config.values) ?? ''];
  const root = readDrive(config.values[slot] ?? 'none').get('file');
  const isThere = root !== 'none' && (volid === undefined || volid === root);
  const isTagged = sameTags(tagsOf(config), splitTags(step.tags));
  if (isThere && isTagged) return precondition;
  if (volid === undefined) {
    throw new UserError(`No new root disk was attached to ${guestLabel(step)}.`, {
      next: 'Look at the fresh plan.',
    });
  }
  if (!isThere && unusedKeyOf(config.values, volid) === undefined) {
    throw new UserError(`The disk ${volid} is not with ${guestLabel(step)}.`, {
      next: 'Look at the unused disks of the guest in Proxmox, and at the fresh plan.',
    });
  }
  if (isThere) await putConfig(api, step, { tags: step.tags }, config.digest);
  else {
    await writeRoot(doing, config, async (now) => {
      const changes = await asRoot[step.guestKind](api, step, now, { slot, volid });
      await putConfig(api, step, { ...changes, tags: step.tags }, now.digest);
    });
  }
  return nextPrecondition(api, step, precondition);
}

/**
 * Writes another root disk. A running VM whose root slot is not in its boot order is stopped first: Proxmox keeps only the
 * slots of the CURRENT order in a running VM ("can't unplug bootdisk"), any other disk it pulls out of the guest at once
 * (PVE 9.2). Where the write fails, the VM is started again.
 */
async function writeRoot(
  { api, step, precondition, monitor }: Doing<'swap'> | Doing<'rollback'>,
  config: GuestConfig,
  write: (config: GuestConfig) => Promise<void>,
): Promise<void> {
  const slot = step.guest.diskSlot;
  const isGuarded = step.guestKind !== 'vm' || bootOrder(config.current['boot']).includes(slot);
  if (isGuarded || config.values[slot] === undefined) return write(config);
  const power = await settledPower(api, step, monitor);
  const again = async () => checkGuest(api, step, await nextPrecondition(api, step, precondition));
  if (!needsStop(power)) return write(power.ha === undefined ? config : await again());
  monitor.line(`${slot} is not in the boot order: the VM is stopped for the swap`);
  await shutdownGuest(api, step, monitor);
  try {
    await write(await again());
  } catch (error) {
    monitor.line('the swap failed: the VM is started again');
    try {
      await nextPrecondition(api, step, precondition);
      await startGuest(api, step, monitor);
    } catch (second) {
      api.log.warn({ vmid: step.vmid, error: second }, 'a VM that was stopped for a swap could not be started again');
      throw leftDown(step, error, second);
    }
    throw error;
  }
}

/** The failure of a swap, with the fact that the VM is down since. */
function leftDown(at: GuestRef, error: unknown, second: unknown): unknown {
  if (!(error instanceof UserError)) return error;
  const why = second instanceof UserError ? ` (${second.message})` : '';
  const down = `${guestLabel(at)} was stopped for the swap and could not be started again${why}: start it in Proxmox.`;
  const next = error.next === undefined ? down : `${down} ${error.next}`;
  return new UserError(error.message, { next, details: error.details, cause: error });
}

/**
 * Puts the old root disk back into its slot. When the guest still runs on it, the pending swap is reverted and the
 * guest goes on running. Any other guest is stopped, because an unhealthy guest may not answer a shutdown; the next
 * step starts it.
 */
export async function rollback(doing: Doing<'rollback'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const config = await checkGuest(api, step, precondition);
  const slot = step.guest.diskSlot;
  if (config.pending.includes(slot)) {
    // The old root of a container waits under a key of its own to become unused.
    const revert = config.pending.filter((key) => key === slot || /^unused\d+$/.test(key));
    await putConfig(api, step, { revert: revert.join(',') }, config.digest);
    return nextPrecondition(api, step, precondition);
  }
  if (readDrive(config.values[slot] ?? 'none').get('file') === step.volid) return precondition;
  if (unusedKeyOf(config.values, step.volid) === undefined) {
    throw new UserError(`The old root disk ${step.volid} is not with ${guestLabel(step)} any more.`, {
      next: 'Look at the unused disks of the guest in Proxmox.',
    });
  }
  await writeRoot(doing, config, async (now) => {
    await putConfig(api, step, await asRoot[step.guestKind](api, step, now, { slot, volid: step.volid }), now.digest);
  });
  const after = await readConfig(api, step);
  if (after?.pending.includes(slot) === true && (await settledPower(api, step, monitor)).running) {
    await stopGuest(api, step, monitor);
    await api.sleep(api.timeouts.pauseMs);
  }
  return nextPrecondition(api, step, precondition);
}

/** The changes that make an unused volume the root of the guest; the old root becomes unused. */
const asRoot: Readonly<
  Record<
    GuestKind,
    (api: Api, at: GuestRef, config: GuestConfig, root: { slot: string; volid: string }) => Promise<Changes>
  >
> = { vm: vmRoot, container: containerRoot };

/**
 * The drive with another volume and the same options. Proxmox finds the size itself and lists the old volume as unused.
 */
async function vmRoot(
  _api: Api,
  _at: GuestRef,
  config: GuestConfig,
  { slot, volid }: { slot: string; volid: string },
): Promise<Changes> {
  const old = readDrive(config.values[slot] ?? 'none,discard=on');
  const drive = writeProperty(new Map([['file', volid], ...driveOptions(old)]), 'file');
  // Proxmox takes a missing disk out of the order. An order that a person gave a VM with its root disk is kept.
  const { boot } = toVmConfig(config);
  const isKept = boot.includes(slot) || (boot.length > 0 && config.values[slot] !== undefined);
  return { [slot]: drive, ...(isKept ? {} : { boot: `order=${[slot, ...boot].join(';')}` }) };
}

/**
 * The mount point with another volume, and in the same call the old volume as unused: otherwise the old one would drop
 * out of the configuration. The value is always a volume, never `STORAGE:1`: Proxmox stores a size literally on an
 * existing container, which then neither starts nor can be deleted (PVE 8.4 and 9.2). The size is sent for people to
 * read.
 */
async function containerRoot(
  api: Api,
  at: GuestRef,
  config: GuestConfig,
  { slot, volid }: { slot: string; volid: string },
): Promise<Changes> {
  const root = readDrive(config.values[slot] ?? '');
  // The root that the container runs on; the one in `values` may be pending.
  const old = readDrive(config.current[slot] ?? '').get('file');
  for (const one of [volid, ...(old === undefined ? [] : [old])]) checkOwn(at, one);
  const bytes = await volumeSize(api, at.node, volid);
  const size: [string, string][] = bytes > 0 ? [['size', writeSize(bytes)]] : [];
  const mount = writeProperty(new Map([['file', volid], ...size, ...driveOptions(root)]), 'file');
  return { [slot]: mount, ...kept(at, config, old, volid) };
}

function kept(at: GuestRef, config: GuestConfig, old: string | undefined, volid: string): Changes {
  if (old === undefined || old === volid || unusedKeyOf(config.values, old) !== undefined) return {};
  const key = freeUnusedKey(config);
  if (key !== undefined) return { [key]: old };
  throw new UserError(`${guestLabel(at)} has too many unused disks.`, { next: 'Remove those that are not needed.' });
}

/** Proxmox accepts any volume as unused, and deletes it with the container. */
function checkOwn(at: GuestRef, volid: string): void {
  if (isOwnVolume(at.vmid, volid)) return;
  throw new UserError(`${volid} is no volume of ${guestLabel(at)}: nothing was written.`, {
    next: 'Look in Proxmox whose volume it is.',
  });
}
