import { type GuestRef, guestLabel } from '../../../../core/guest.ts';
import { stagingMarker } from '../../../../core/markers.ts';
import { readConfig } from '../../config.ts';
import { pendingTagsText } from '../../markers.ts';
import { preconditionOf } from '../../precondition.ts';
import { putConfig } from '../../writes.ts';
import { makeGuest } from '../make.ts';
import { growDisk } from '../resize.ts';
import type { Doing } from '../step.ts';
import { importVolume } from './import.ts';

/** A VM without anything but its disk, which is imported and grown as that of a new VM. */
export async function prepareVm(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void> {
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
