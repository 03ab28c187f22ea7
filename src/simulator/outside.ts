import { z } from 'zod';
import type { World } from './world.ts';

/** What no API call can do: root at the node's shell, a crash, a network that is gone. */
export const OutsideAction = z.discriminatedUnion('do', [
  z.object({ do: z.literal('lock'), vmid: z.number(), lock: z.string() }),
  z.object({ do: z.literal('unlock'), vmid: z.number() }),
  z.object({ do: z.literal('kill-worker'), vmid: z.number() }),
  z.object({ do: z.literal('daemon-down') }),
  z.object({ do: z.literal('daemon-up') }),
  z.object({ do: z.literal('config-fs-down') }),
  z.object({ do: z.literal('config-fs-up') }),
  z.object({ do: z.literal('no-quorum') }),
  z.object({ do: z.literal('quorum') }),
  /** A running guest stops as if its machine lost power. */
  z.object({ do: z.literal('power-off'), vmid: z.number() }),
  /** Somebody edits a configuration behind the caller's back; null removes a key. */
  z.object({
    do: z.literal('edit'),
    vmid: z.number(),
    set: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  }),
]);
export type OutsideAction = z.infer<typeof OutsideAction>;

/** Does it. `kill-worker` lets the worker get to work first: a worker killed before it began leaves nothing to look at. */
export async function actOutside(world: World, action: OutsideAction): Promise<void> {
  switch (action.do) {
    case 'lock':
      return setLock(world, action.vmid, action.lock);
    case 'unlock':
      return setLock(world, action.vmid, undefined);
    case 'kill-worker':
      return await killWorker(world, action.vmid);
    case 'power-off':
      return powerOff(world, action.vmid);
    case 'edit':
      return edit(world, action.vmid, action.set);
    case 'daemon-down':
    case 'daemon-up':
      world.troubles.workerDaemonDown = action.do === 'daemon-down';
      return;
    case 'config-fs-down':
    case 'config-fs-up':
      world.troubles.configurationDown = action.do === 'config-fs-down';
      return;
    case 'no-quorum':
    case 'quorum':
      world.troubles.noQuorum = action.do === 'no-quorum';
      return;
    default:
      action satisfies never;
  }
}

function guestOf(world: World, vmid: number) {
  const guest = world.findGuest(vmid);
  if (guest === undefined) throw new Error(`there is no guest ${vmid}`);
  return guest;
}

function setLock(world: World, vmid: number, lock: string | undefined): void {
  const guest = guestOf(world, vmid);
  if (lock === undefined) delete guest.config['lock'];
  else guest.config['lock'] = lock;
}

async function killWorker(world: World, vmid: number): Promise<void> {
  const task = world.tasks.list().find((one) => one.exit === undefined && one.id === String(vmid));
  if (task === undefined) return;
  const isAtWork = () => task.log.some((line) => line.startsWith('transferred') || line.startsWith('extracting'));
  for (let waited = 0; waited < 500 && !isAtWork(); waited += 20) await world.clock.wait(20);
  world.tasks.kill(task.upid);
}

function powerOff(world: World, vmid: number): void {
  const guest = guestOf(world, vmid);
  guest.startedAt = undefined;
  guest.pid = undefined;
}

function edit(world: World, vmid: number, set: Readonly<Record<string, string | number | null>>): void {
  const guest = guestOf(world, vmid);
  for (const [key, value] of Object.entries(set)) {
    if (value === null) delete guest.config[key];
    else guest.config[key] = value;
  }
}
