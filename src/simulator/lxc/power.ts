import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, switchedOff } from '../guest.ts';
import { isNamed } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { applyPending } from './update.ts';
import { volumeOf } from './volumes.ts';

/** `POST status/start`: unlike with VMs a running container is refused at once. */
export function startContainer(call: Call): string {
  const guest = guestOf(call);
  call.world.demandQuorum('cluster not ready - no quorum?');
  if (guest.startedAt !== undefined) throw failure(`CT ${guest.vmid} already running`);
  demandUnlocked(guest);
  return startContainerIn(call, guest.node, guest.vmid);
}

/** Starts a container in a task of its own. */
export function startContainerIn(call: Call, node: string, vmid: number): string {
  const { world, caller } = call;
  return world.tasks.start({ node, type: 'vzstart', id: String(vmid), caller }, (task) =>
    changing(world, vmid, () => start(world, world.guest('lxc', node, vmid)), task, 'lxc'),
  );
}

/** `POST status/stop` */
export function stopContainer(call: Call): string {
  return running(call, 'vzstop', (guest) => switchOff(call.world, guest));
}

/** `POST status/shutdown` */
export function shutdownContainer(call: Call): string {
  return running(call, 'vzshutdown', (guest, task) => shutdown(call, guest, task));
}

/** `POST status/reboot`: pending changes are applied between the shutdown and the start. */
export function rebootContainer(call: Call): string {
  return running(call, 'vzreboot', async (guest, task) => {
    await shutdown(call, guest, task);
    start(call.world, guest);
  });
}

function running(call: Call, type: string, work: (guest: Guest, task: TaskHandle) => void | Promise<void>): string {
  const { world, caller } = call;
  const { vmid, node, startedAt } = guestOf(call);
  if (startedAt === undefined) throw failure(`CT ${vmid} not running`);
  return world.tasks.start({ node, type, id: String(vmid), caller }, (task) =>
    changing(world, vmid, () => work(guestOf(call), task), task, 'lxc'),
  );
}

function guestOf(call: Call): Guest {
  return call.world.guest('lxc', text(call, 'node'), amount(call, 'vmid'));
}

async function shutdown(call: Call, guest: Guest, task: TaskHandle): Promise<void> {
  const timeout = amount(call, 'timeout', 60) * 1000;
  const isDeaf = isNamed(guest, 'deaf');
  await call.world.clock.wait(isDeaf ? timeout : Math.min(timeout, 800), task.signal);
  if (isDeaf && !flag(call, 'forceStop')) throw failure('container did not stop');
  switchOff(call.world, guest);
}

function switchOff(world: World, guest: Guest): void {
  switchedOff(guest);
  applyPending(world, guest);
}

/** Starts a container after its pending changes are applied. */
export function start(world: World, guest: Guest): void {
  demandUnlocked(guest);
  if (guest.startedAt !== undefined) throw failure(`CT ${guest.vmid} already running`);
  if (guest.config['template'] === 1) throw failure("you can't start a CT if it's a template");
  applyPending(world, guest);
  const volid = volumeOf(guest.config['rootfs']);
  // A size that was written where a volume belongs is stored as it is and fails here.
  if (/^[^:]+:[\d.]+$/.test(volid)) throw failure(`unable to parse directory volume name '${volid.split(':')[1]}'`);
  if (world.storages.volume(volid) === undefined) throw failure(`volume '${volid}' does not exist`);
  if (isNamed(guest, 'fail-start')) throw failure('startup for container failed');
  guest.startedAt = world.clock.now();
  guest.pid = 3000 + Math.floor(world.clock.random() * 30_000);
}
