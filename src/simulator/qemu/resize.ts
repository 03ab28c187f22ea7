import { amount, type Call, text } from '../call.ts';
import { changing, demandDigest, demandUnlocked, VM_DIGEST } from '../change.ts';
import { failure } from '../errors.ts';
import type { Guest } from '../guest.ts';
import { parseSize, printSize } from '../sizes.ts';
import type { TaskHandle } from '../tasks.ts';
import { isCdrom, parseDrive, printDrive } from './disks.ts';

/** `PUT resize`: everything it may refuse, it refuses in the task. */
export function resizeVm(call: Call): string {
  const { world, caller } = call;
  const vmid = amount(call, 'vmid');
  const node = text(call, 'node');
  return world.tasks.start({ node, type: 'resize', id: String(vmid), caller }, (task) =>
    changing(world, vmid, () => resize(call, world.guest('qemu', node, vmid), task), task),
  );
}

/** The size a resize asks for: absolute, or with `+` on top of the present one. */
export function wantedSize(present: number, text: string): number {
  const bytes = parseSize(text.replace(/^\+/, '')) ?? 0;
  return text.startsWith('+') ? present + bytes : bytes;
}

function resize(call: Call, guest: Guest, task: TaskHandle): void {
  const { world } = call;
  const key = text(call, 'disk');
  demandDigest(world, guest, call.given.get('digest'), VM_DIGEST);
  demandUnlocked(guest);
  const value = guest.config[key];
  if (value === undefined) throw failure(`disk '${key}' does not exist`);
  if (isCdrom(value)) throw failure("you can't resize a cdrom");
  const drive = parseDrive(value);
  const volume = world.storages.volume(drive.file);
  if (volume === undefined) throw failure(`volume ${drive.file} does not exist`);
  const present = volume.virtualSize ?? 0;
  const wanted = wantedSize(present, text(call, 'size'));
  if (wanted < present) throw failure('shrinking disks is not supported');
  if (wanted > present) world.storages.put({ ...volume, virtualSize: wanted });
  // A running VM grows its disk through the emulator, which says nothing.
  if (wanted > present && guest.startedAt === undefined) task.log('Image resized.');
  guest.config[key] = printDrive({
    file: drive.file,
    options: new Map([...drive.options, ['size', printSize(wanted)]]),
  });
}
