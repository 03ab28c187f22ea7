import { z } from 'zod';
import { ApiError } from './errors.ts';
import { type Guest, switchedOff } from './guest.ts';
import { restartByManager } from './ha.ts';
import { start as startContainer } from './lxc/power.ts';
import { silently } from './qemu/disks.ts';
import { start as startVm } from './qemu/start.ts';
import type { World } from './world.ts';

/** An effect that no API call has: root at the node's shell, a crash, a lost network. */
export const OutsideAction = z.discriminatedUnion('do', [
  z.object({ do: z.literal('lock'), vmid: z.number(), lock: z.string() }),
  z.object({ do: z.literal('unlock'), vmid: z.number() }),
  z.object({ do: z.literal('kill-worker'), vmid: z.number() }),
  /** The worker of the next task of a type dies before it has done anything, or after all of its work. */
  z.object({
    do: z.literal('end-task'),
    type: z.string(),
    when: z.enum(['before', 'after']),
    /** The exit status of the task; by default that of a killed worker. */
    exit: z.string().default('unexpected status'),
  }),
  z.object({ do: z.literal('daemon-down') }),
  z.object({ do: z.literal('daemon-up') }),
  z.object({ do: z.literal('config-fs-down') }),
  z.object({ do: z.literal('config-fs-up') }),
  z.object({ do: z.literal('no-quorum') }),
  z.object({ do: z.literal('quorum') }),
  /** The statistics daemons hang, for longer than their last values hold: lists show neither states nor sizes. */
  z.object({ do: z.literal('statistics-down') }),
  z.object({ do: z.literal('statistics-up') }),
  /** Somebody hands a guest to HA in a state (`started`, `stopped`), or takes it out with null. */
  z.object({ do: z.literal('ha'), vmid: z.number(), state: z.string().nullable() }),
  /**
   * The machine of a node is off: its guests stop and its tasks die, calls for it are 595. `noticed: false`: the other
   * nodes still show it as it was.
   */
  z.object({
    do: z.literal('node-down'),
    node: z.string(),
    reason: z.string().default('No route to host'),
    noticed: z.boolean().default(true),
  }),
  /** It is there again; guests with `onboot` are started. */
  z.object({ do: z.literal('node-up'), node: z.string() }),
  /** Somebody moves a guest to another node, with the disks that only the old one has. A running guest goes on running. */
  z.object({ do: z.literal('migrate'), vmid: z.number(), target: z.string() }),
  /** A running guest stops as if its machine lost power. */
  z.object({ do: z.literal('power-off'), vmid: z.number() }),
  /** The processors of a running VM stand still: `io-error` where its storage is full. */
  z.object({ do: z.literal('pause'), vmid: z.number(), qmpstatus: z.string().default('io-error') }),
  /** Somebody edits a configuration behind the caller's back; null removes a key. */
  z.object({
    do: z.literal('edit'),
    vmid: z.number(),
    set: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  }),
]);
/** One of the actions, as JSON may hold it. */
export type OutsideAction = z.input<typeof OutsideAction>;

/** Carries out an action. `kill-worker` lets the worker begin first, because a worker killed before leaves no trace. */
export async function actOutside(world: World, wanted: OutsideAction): Promise<void> {
  const action = OutsideAction.parse(wanted);
  switch (action.do) {
    case 'lock':
      return setLock(world, action.vmid, action.lock);
    case 'unlock':
      return setLock(world, action.vmid, undefined);
    case 'kill-worker':
      return await killWorker(world, action.vmid);
    case 'end-task':
      return world.tasks.endNext(action.type, action);
    case 'power-off':
      switchedOff(guestOf(world, action.vmid));
      return restartByManager(world, action.vmid);
    case 'pause':
      guestOf(world, action.vmid).paused = action.qmpstatus;
      return;
    case 'node-down':
      return nodeDown(world, action.node, action);
    case 'node-up':
      return nodeUp(world, action.node);
    case 'migrate':
      return migrate(world, action.vmid, action.target);
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
    case 'statistics-down':
    case 'statistics-up':
      world.troubles.statisticsDown = action.do === 'statistics-down';
      return;
    case 'ha':
      if (action.state === null) world.troubles.managed.delete(action.vmid);
      else {
        const { vmid } = guestOf(world, action.vmid);
        world.troubles.managed.set(vmid, { state: action.state, status: action.state });
      }
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
  const isAtWork = () => task.log.some((line) => /^(?:transferred|extracting|INFO: +\d+%)/.test(line));
  for (let waited = 0; waited < 500 && !isAtWork(); waited += 20) await world.clock.wait(20);
  world.tasks.kill(task.upid);
}

function nodeDown(world: World, node: string, how: { readonly reason: string; readonly noticed: boolean }): void {
  demandNode(world, node);
  if (node === world.localNode) throw new Error(`${node} is the node that answers`);
  world.troubles.downNodes.set(node, { reason: how.reason, noticed: how.noticed });
  for (const task of world.tasks.list()) if (task.node === node) world.tasks.kill(task.upid);
  for (const guest of world.guests()) if (guest.node === node) switchedOff(guest);
}

function nodeUp(world: World, node: string): void {
  demandNode(world, node);
  world.troubles.downNodes.delete(node);
  for (const guest of world.guests())
    if (guest.node === node && guest.config['onboot'] === 1) boot(world.on(node), guest);
}

/** A guest that cannot be started stays off; no call reports it. */
function boot(world: World, guest: Guest): void {
  try {
    if (guest.type === 'qemu') startVm(world, guest, silently());
    else startContainer(world, guest);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function migrate(world: World, vmid: number, target: string): void {
  demandNode(world, target);
  const guest = guestOf(world, vmid);
  const [from, to] = [world.storages.on(guest.node), world.storages.on(target)];
  const own = from.volumes().filter((volume) => volume.vmid === vmid && volume.node !== undefined);
  for (const { storage } of own) to.get(storage);
  for (const volume of own) {
    from.remove(volume.volid);
    to.put(volume);
  }
  guest.node = target;
}

function demandNode(world: World, name: string): void {
  if (!world.seed.nodes.some(({ node }) => node === name)) throw new Error(`there is no node ${name}`);
}

function edit(world: World, vmid: number, set: Readonly<Record<string, string | number | null>>): void {
  const guest = guestOf(world, vmid);
  for (const [key, value] of Object.entries(set)) {
    if (value === null) delete guest.config[key];
    else guest.config[key] = value;
  }
}
