import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, switchedOff } from '../guest.ts';
import { isNamed } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { rewrite } from './cloudinit.ts';
import { rootOnlyError } from './options.ts';
import { applyPending } from './pending.ts';
import { demandStartable } from './start-checks.ts';

/** `POST status/start` */
export function startVm(call: Call): string {
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  call.world.demandQuorum('cluster not ready - no quorum?');
  return startInTask(call, text(call, 'node'), amount(call, 'vmid'));
}

/** Starts a VM in a task of its own. */
export function startInTask(call: Call, node: string, vmid: number): string {
  const { world, caller } = call;
  return world.tasks.start({ node, type: 'qmstart', id: String(vmid), caller }, (task) =>
    changing(world, vmid, () => start(world, world.guest('qemu', node, vmid), task), task),
  );
}

/** Starts a VM, whose lock the caller holds, after its pending changes are applied. */
export function start(world: World, guest: Guest, task: TaskHandle): void {
  demandUnlocked(guest);
  if (guest.config['template'] === 1) throw failure("you can't start a vm if it's a template");
  if (guest.startedAt !== undefined) throw failure(`VM ${guest.vmid} already running`);
  applyPending(world, guest);
  demandStartable(world, guest, task);
  if (isNamed(guest, 'slow-start')) throw failure(`start failed: command '${commandLine(guest)}' failed: got timeout`);
  if (isNamed(guest, 'fail-start')) {
    task.log('kvm: the simulator refuses to start a guest with this name');
    throw failure('start failed: QEMU exited with code 1');
  }
  switchedOff(guest);
  rewrite(guest);
  guest.startedAt = world.clock.now();
  guest.pid = 3000 + Math.floor(world.clock.random() * 30_000);
}

/** A command line as long as a real one: 3.6 kB. */
function commandLine({ vmid }: Guest): string {
  const socket = `/var/run/qemu-server/${vmid}`;
  const head = `/usr/bin/kvm -id ${vmid} -chardev 'socket,id=qmp,path=${socket}.qmp,server=on,wait=off' -mon 'chardev=qmp,mode=control'`;
  const device = (index: number) =>
    ` -device 'pci-bridge,id=pci.${index},chassis_nr=${index},bus=pci.0,addr=0x${(16 + index).toString(16)}'`;
  return `${head}${Array.from({ length: 60 }, (_, index) => device(index + 1)).join('')}`.slice(0, 3560);
}

/** The seconds a guest needs before its agent answers. */
export const AGENT_AFTER_MS = 2000;
