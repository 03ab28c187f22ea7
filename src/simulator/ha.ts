import { createHash } from 'node:crypto';
import type { Caller } from './access.ts';
import { amount, type Call, text } from './call.ts';
import { failure } from './errors.ts';
import type { Guest } from './guest.ts';
import { shutdownContainer, startContainer } from './lxc/power.ts';
import { shutdownVm } from './qemu/power.ts';
import { startVm } from './qemu/start.ts';
import type { HaResource, World } from './world.ts';

/** How long the HA manager takes to carry out a request (9.2.11: 11 to 17 s), and how long the task of the request. */
const REQUEST_MS = 13_000;
const TASK_MS = 1500;
/** How long the manager takes to notice a guest that was handed to it, and one that is off without its doing. */
const ROUND_MS = 10_000;
const RESTART_MS = 5000;

const MANAGER: Caller = { tokenid: 'root@pam', user: 'root@pam', token: '', privileges: { '/': ['*'] } };

/**
 * A call for the power of a guest. For a guest that HA manages it is a request: a task `hastart` or `hastop` that ends at
 * once, and the manager, as root, carries it out later in a task of its own, whose failure no answer shows (9.2.11).
 */
export function orRequest(action: 'start' | 'stop', direct: (call: Call) => unknown): (call: Call) => unknown {
  return (call) => {
    const { world, caller } = call;
    const vmid = amount(call, 'vmid');
    const resource = managedBy(world, vmid);
    if (resource === undefined) return direct(call);
    const what = { node: text(call, 'node'), type: `ha${action}`, id: String(vmid), caller };
    return world.tasks.start(what, async (task) => {
      task.log(`Requesting HA ${action} for ${world.findGuest(vmid)?.type === 'lxc' ? 'CT' : 'VM'} ${vmid}`);
      later(world, REQUEST_MS, () => {
        if (managedBy(world, vmid) !== resource) return;
        settle(resource, action === 'start' ? 'started' : 'stopped');
        direct({ ...call, caller: MANAGER });
      });
      await world.clock.wait(TASK_MS, task.signal);
    });
  };
}

/** A guest that ends by itself while HA wants it to run is started again (9.2.11). */
export function restartByManager(world: World, vmid: number): void {
  if (managedBy(world, vmid)?.state === 'started') later(world, RESTART_MS, () => enforce(world, vmid));
}

/** `GET /cluster/ha/resources` */
export function listResources(call: Call): unknown {
  return [...call.world.troubles.managed].map(([vmid, one]) => described(call.world, vmid, one));
}

/** `GET /cluster/ha/resources/{sid}` */
export function readResource(call: Call): unknown {
  const vmid = vmidOf(call);
  const found = call.world.troubles.managed.get(vmid);
  if (found === undefined) throw failure(`no such resource '${sidOf(call.world, vmid)}'`);
  return described(call.world, vmid, found);
}

/** `POST /cluster/ha/resources`: the manager notices it some seconds later and brings the guest into that state. */
export function addResource(call: Call): null {
  const { world } = call;
  const vmid = vmidOf(call);
  const sid = sidOf(world, vmid);
  if (world.findGuest(vmid) === undefined) throw failure(`resource '${sid}' does not exist in cluster`);
  if (world.troubles.managed.has(vmid)) {
    throw failure(`create resource failed: resource ID '${sid}' already defined`);
  }
  const { state = 'started' } = Object.fromEntries(call.given);
  world.troubles.managed.set(vmid, { state, status: null, ...settingsOf(call) });
  later(world, ROUND_MS, () => enforce(world, vmid));
  return null;
}

/** `PUT /cluster/ha/resources/{sid}` */
export function changeResource(call: Call): null {
  const { world } = call;
  const vmid = vmidOf(call);
  const found = world.troubles.managed.get(vmid);
  if (found === undefined) throw failure(`no such resource '${sidOf(world, vmid)}'`);
  const changed = { ...found, state: call.given.get('state') ?? found.state, ...settingsOf(call) };
  world.troubles.managed.set(vmid, changed);
  later(world, ROUND_MS, () => enforce(world, vmid));
  return null;
}

/** `DELETE /cluster/ha/resources/{sid}`: the guest stays as it is. */
export function deleteResource(call: Call): null {
  const vmid = vmidOf(call);
  if (call.world.troubles.managed.delete(vmid)) return null;
  throw failure(`cannot delete service '${sidOf(call.world, vmid)}', not HA managed!`);
}

/** `GET /cluster/ha/status/current` */
export function haStatus(call: Call): unknown {
  const { world } = call;
  const { localNode: node, troubles } = world;
  const services = [...troubles.managed].map(([vmid, { state, status }]) => {
    const sid = sidOf(world, vmid);
    return { id: `service:${sid}`, sid, type: 'service', node, request_state: state, state: status ?? 'queued' };
  });
  const quorate = troubles.noQuorum ? 0 : 1;
  return [{ id: 'quorum', type: 'quorum', node, quorate, status: quorate === 1 ? 'OK' : 'No quorum!' }, ...services];
}

/** The resource of a guest that the manager acts on; `ignored` ones it leaves alone. */
function managedBy(world: World, vmid: number): HaResource | undefined {
  const found = world.troubles.managed.get(vmid);
  return found?.state === 'ignored' ? undefined : found;
}

function settle(resource: HaResource, state: string): void {
  resource.state = state;
  resource.status = state;
}

/** Brings a guest into the state of its resource, as the manager does at its next round. */
function enforce(world: World, vmid: number): void {
  const [resource, guest] = [managedBy(world, vmid), world.findGuest(vmid)];
  if (resource === undefined || guest === undefined) return;
  settle(resource, resource.state);
  const isRunning = guest.startedAt !== undefined;
  const shouldRun = /^(?:started|enabled)$/.test(resource.state);
  if (isRunning === shouldRun) return;
  const given = new Map([...Object.entries({ node: guest.node, vmid: String(vmid), forceStop: '1' })]);
  const act = actionsOf(guest)[shouldRun ? 'start' : 'stop'];
  act({ world: world.on(guest.node), caller: MANAGER, method: 'POST', path: '', given });
}

function actionsOf({ type }: Guest) {
  return type === 'qemu' ? { start: startVm, stop: shutdownVm } : { start: startContainer, stop: shutdownContainer };
}

/** No answer shows what fails then. */
function later(world: World, ms: number, act: () => void): void {
  world.clock
    .wait(ms)
    .then(act)
    .catch(() => undefined);
}

function settingsOf({ given }: Call): Partial<HaResource> {
  const [comment, restarts] = [given.get('comment'), given.get('max_restart')];
  return {
    ...(comment === undefined ? {} : { comment }),
    ...(restarts === undefined ? {} : { max_restart: Number(restarts) }),
  };
}

/** The number in `vm:460`, `ct:460` or `460`. */
function vmidOf(call: Call): number {
  return Number(text(call, 'sid').replace(/^\w+:/, ''));
}

function sidOf(world: World, vmid: number): string {
  return `${world.findGuest(vmid)?.type === 'lxc' ? 'ct' : 'vm'}:${vmid}`;
}

function described(world: World, vmid: number, resource: HaResource): Record<string, unknown> {
  const sid = sidOf(world, vmid);
  const digest = createHash('sha1')
    .update(JSON.stringify([...world.troubles.managed]))
    .digest('hex');
  const configured = Object.entries(resource).filter(([key]) => key !== 'status');
  return { sid, type: sid.split(':')[0], ...Object.fromEntries(configured), digest };
}
