import { type DesiredContainer, type GuestRef, guestLabel } from '../../../../core/guest.ts';
import { stagingMarker } from '../../../../core/markers.ts';
import { readConfig, toContainerConfig } from '../../config.ts';
import { pendingTagsText } from '../../markers.ts';
import { checkGuest } from '../../precondition.ts';
import { putConfig } from '../../writes.ts';
import { makeGuest } from '../make.ts';
import type { Doing } from '../step.ts';
import { root } from './new-container.ts';

/**
 * A container with the new root, never started and without a network card. Its root cannot be given away ("Cannot move
 * to/from 'rootfs'"), so the same volume is mounted a second time, as mp0, and that one can.
 */
export async function prepareContainer(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void> {
  const { api, step, precondition, monitor } = doing;
  const { guest } = step;
  if (guest.kind !== 'container') throw new Error(`${guestLabel(step)} is staged as a container`);
  // The owners of its files depend on it: as the container has it, whatever the flake says.
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
