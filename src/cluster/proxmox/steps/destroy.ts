import { UserError } from '../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { unprotectAdvice } from '../../../core/guest-ref.ts';
import { readTags } from '../../../core/tags.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, isFree } from '../api.ts';
import {
  checkGuest,
  checkIdentity,
  checkUnchanged,
  type Doing,
  type GuestConfig,
  nextPrecondition,
  readConfig,
  type StepOf,
  tagsOf,
  toLiveConfig,
} from '../config.ts';
import { isCreateInterruptedNow, unusedKeyOf } from '../markers.ts';
import { putConfig } from '../writes.ts';
import { deleteGuest } from './existence.ts';
import { needsStop, powerOf, settledPower } from './ha.ts';
import { stopGuest } from './power.ts';
import { deleteStaging, findStaging, refuseLocked } from './staging.ts';

/** Deletes a guest that is no longer wanted; succeeds when it is gone already. */
export async function destroy({ api, step, precondition, monitor }: Doing<'destroy'>): Promise<undefined> {
  if ((await readConfig(api, step)) === undefined) return assertGone(api, step);
  refuseProtected(step, await checkGuest(api, step, precondition));
  if (needsStop(await settledPower(api, step, monitor))) await stopGuest(api, step, monitor);
  // The guest may have changed during the stop: its identity and protection are checked again.
  const config = await readConfig(api, step);
  if (config === undefined) return assertGone(api, step);
  checkIdentity(step, precondition, config);
  refuseProtected(step, config);
  await deleteGuest(api, step, { unreferenced: false }, monitor);
  return assertGone(api, step);
}

/**
 * Deletes an incomplete guest of an interrupted run: a guest that was never finished, or a staging guest. Deletes all
 * volumes of its VMID, because a killed import leaves one that no configuration names.
 */
export async function discard(
  api: Api,
  step: StepOf<'discard'>,
  precondition: Precondition | undefined,
  monitor: ClusterMonitor,
): Promise<Precondition | undefined> {
  if (step.staging) {
    const staging = await findStaging(api, step);
    if (staging === undefined) await refuseLocked(api, step);
    else await deleteStaging(api, staging, step.vmid, monitor);
    return precondition?.vmid === step.vmid ? precondition : undefined;
  }
  const config = await readConfig(api, step);
  if (config === undefined) return assertGone(api, step);
  if (precondition === undefined) throw new Error(`discard of ${guestLabel(step)} needs a precondition`);
  if (await isCreateInterruptedNow(api, step, config)) checkUnchanged(step, precondition, config);
  else refuseUnlessIncomplete(step, await checkGuest(api, step, precondition));
  if ((await powerOf(api, step)).running) {
    await stopGuest(api, step, monitor);
    // As in a destroy, the guest may have changed during the stop.
    const stopped = await readConfig(api, step);
    if (stopped === undefined) return assertGone(api, step);
    checkIdentity(step, precondition, stopped);
    refuseUnlessIncomplete(step, stopped);
  }
  await deleteGuest(api, step, { unreferenced: true }, monitor);
  return assertGone(api, step);
}

function refuseProtected(at: GuestRef, config: GuestConfig): void {
  if (!toLiveConfig(config).protected) return;
  throw new UserError(`${guestLabel(at)} is protected in Proxmox: it is not deleted.`, {
    next: unprotectAdvice(at),
  });
}

/**
 * Is the guest incomplete? Then it is pending, its tags name no image, and it has no disk but its root. A guest that
 * was finished once has more: the image's tag during a change in place, the old root disk as an unused volume during a
 * replacement.
 */
function refuseUnlessIncomplete(at: GuestRef, config: GuestConfig): void {
  refuseProtected(at, config);
  const { disks, unused } = toLiveConfig(config);
  const { pending, imageHash } = readTags(tagsOf(config));
  if (pending && imageHash === undefined && Object.keys(unused).length === 0 && Object.keys(disks).length <= 1) return;
  throw new UserError(`${guestLabel(at)} is not incomplete: it is not discarded.`, { next: 'Look at the fresh plan.' });
}

/** A guest that is missing on this node may be on another one: only a free VMID proves that it is gone. */
async function assertGone(api: Api, at: GuestRef): Promise<undefined> {
  if (await isFree(api, at.vmid)) return;
  throw new UserError(`${guestLabel(at)} is not on ${at.node}, but its VMID is still taken.`, {
    next: 'It was moved to another node or made anew. Look at the fresh plan.',
  });
}

/**
 * Deletes volumes that are with the guest and not attached. `delete=unused<n>` removes the volume itself, also while the
 * guest runs; one that a snapshot still needs is refused by Proxmox (8.4 and 9.2).
 */
export async function free({ api, step, precondition }: Doing<'free'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const attached = step.volids.find((volid) => isAttached(config, volid));
  if (attached !== undefined) {
    throw new UserError(`${attached} is in use by ${guestLabel(step)}: it is not deleted.`);
  }
  const keys = step.volids.flatMap((volid) => unusedKeyOf(config.values, volid) ?? []);
  if (keys.length === 0) return precondition;
  await putConfig(api, step, Object.fromEntries(keys.map((key) => [key, undefined])), config.digest);
  return nextPrecondition(api, step, precondition);
}

/** The volumes in slots now or after the next restart: a pending root of a container is listed as unused as well. */
function isAttached({ values, current }: GuestConfig, volid: string): boolean {
  return [values, current].some((one) =>
    Object.entries(one).some(([key, value]) => !/^unused\d+$/.test(key) && value.split(',')[0] === volid),
  );
}
