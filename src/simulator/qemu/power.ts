import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, switchedOff } from '../guest.ts';
import { bootVolume, isAgentEnabled, isNamed } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { answersAgent } from './agent.ts';
import { rootOnlyError } from './options.ts';
import { applyPending } from './pending.ts';
import { start } from './start.ts';

/** `POST status/stop`: pulls the plug; a stopped VM is no error. */
export function stopVm(call: Call): string {
  const { world } = call;
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  const vmid = amount(call, 'vmid');
  return power(call, 'qmstop', async (task) => {
    if (flag(call, 'overrule-shutdown')) await overrule(world, vmid, task);
    const missing = `unable to find configuration file for VM ${vmid} on node '${text(call, 'node')}'`;
    if (world.findGuest(vmid)?.type !== 'qemu') throw failure(missing);
    await changing(world, vmid, () => switchOff(world, world.guest('qemu', text(call, 'node'), vmid)), task);
  });
}

/** `POST status/shutdown`: asks the agent, then ACPI, and with `forceStop` pulls the plug at the end. */
export function shutdownVm(call: Call): string {
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  const vmid = amount(call, 'vmid');
  const missing = `unable to find configuration file for VM ${vmid} on node '${text(call, 'node')}'`;
  if (!flag(call, 'forceStop')) demandUnpaused(call);
  return power(call, 'qmshutdown', async (task) => {
    if (call.world.findGuest(vmid)?.type !== 'qemu') throw failure(missing);
    await changing(call.world, vmid, () => shutdown(call, guestOf(call), task), task);
  });
}

/** `POST status/reboot`: a shutdown, then a start, which applies what is pending. A stopped VM is refused at once. */
export function rebootVm(call: Call): string {
  const { world } = call;
  if (guestOf(call).startedAt === undefined) throw failure(`VM ${text(call, 'vmid')} not running`);
  demandUnpaused(call);
  return power(call, 'qmreboot', async (task) => {
    await changing(world, amount(call, 'vmid'), () => shutdown(call, guestOf(call), task), task);
    await world.clock.wait(300, task.signal);
    try {
      await changing(world, amount(call, 'vmid'), () => start(world, guestOf(call), silent(task)), task);
      // The clean-up of the old process holds the lock after the task has ended.
      changing(world, amount(call, 'vmid'), () => world.clock.wait(CLEAN_UP_MS)).catch(() => undefined);
    } catch {
      // The server restarts the VM outside of this task: no answer and no task log shows that it failed (9.2.11).
    }
  });
}

/** `POST status/suspend`: the processors stand still; a second time is no error. */
export function suspendVm(call: Call): string {
  return power(call, 'qmpause', () => {
    const guest = guestOf(call);
    if (guest.startedAt === undefined) throw failure(`VM ${guest.vmid} not running`);
    guest.paused = 'paused';
  });
}

/** `POST status/resume`: of a running VM it is no error. */
export function resumeVm(call: Call): string {
  if (guestOf(call).startedAt === undefined) throw failure(`VM ${text(call, 'vmid')} not running`);
  return power(call, 'qmresume', () => {
    delete guestOf(call).paused;
  });
}

/** 500 at once of a shutdown or reboot of a paused VM (9.2.11). */
function demandUnpaused(call: Call): void {
  const guest = call.world.findGuest(amount(call, 'vmid'));
  if (guest?.paused !== undefined) throw failure('VM is paused - cannot shutdown');
}

/** How long a VM's lock is held after a reboot; some seconds on a live 9.2.11. */
const CLEAN_UP_MS = 3000;

function silent(task: TaskHandle): TaskHandle {
  return { ...task, log: () => undefined };
}

function power(call: Call, type: string, body: (task: TaskHandle) => void | Promise<void>): string {
  const what = { node: text(call, 'node'), type, id: text(call, 'vmid'), caller: call.caller };
  return call.world.tasks.start(what, body);
}

function guestOf(call: Call): Guest {
  return call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
}

function switchOff(world: World, guest: Guest): void {
  if (guest.startedAt === undefined) return;
  demandUnlocked(guest);
  switchedOff(guest);
  applyPending(world, guest);
}

async function shutdown(call: Call, guest: Guest, task: TaskHandle): Promise<void> {
  const { world } = call;
  if (guest.startedAt === undefined) return;
  demandUnlocked(guest);
  const timeout = amount(call, 'timeout', 180) * 1000;
  if (await leaves(world, guest, timeout, task)) return switchOff(world, guest);
  if (!flag(call, 'forceStop')) throw failure('VM quit/powerdown failed - got timeout');
  task.log('VM still running - terminating now with SIGTERM');
  await world.clock.wait(300, task.signal);
  switchOff(world, guest);
}

/** Whether the guest ends within its time. A silent agent costs three seconds; the log line comes after them. */
async function leaves(world: World, guest: Guest, timeout: number, task: TaskHandle): Promise<boolean> {
  const boots = bootVolume(world, guest)?.boots === true && !isNamed(guest, 'deaf') && !hangs(guest);
  if (isAgentEnabled(guest.config) && !answersAgent(world, guest)) {
    await world.clock.wait(3000, task.signal);
    const ping = `VM ${guest.vmid} ${world.version.agentCommand} command 'guest-ping' failed - got timeout`;
    task.log(`QEMU Guest Agent is not running - ${ping}`);
  }
  await world.clock.wait(boots ? Math.min(1000, timeout) : timeout, task.signal);
  return boots;
}

function hangs({ paused, rootless }: Guest): boolean {
  return paused !== undefined || rootless !== undefined;
}

async function overrule(world: World, vmid: number, task: TaskHandle): Promise<void> {
  const running = world.tasks
    .list()
    .filter((one) => one.exit === undefined && one.type === 'qmshutdown' && one.id === String(vmid));
  if (running.length === 0) return;
  for (const one of running) world.tasks.stop(one.upid, 'received interrupt');
  await Promise.all(running.map((one) => world.tasks.finished(one.upid)));
  task.log(`overruled qmshutdown tasks: ${running.map((one) => one.upid).join(', ')}`);
}
