import { type Call, demandRight, flag, may, text } from './call.ts';
import { guestFacts, isVisible } from './cluster.ts';
import { failure } from './errors.ts';
import type { World } from './world.ts';

/** `GET /pools`: those the caller may audit; with `poolid` that one with its members. */
export function listPools(call: Call): unknown {
  if (call.given.has('poolid')) return [readPool(call)];
  return call.world.datacenter.pools
    .filter((pool) => may(call, `/pool/${pool}`, { all: ['Pool.Audit'] }))
    .map((poolid) => ({ poolid }));
}

/** `GET /pools/{poolid}`: a number without a guest is not shown. */
export function readPool(call: Call): unknown {
  const poolid = text(call, 'poolid');
  demandPool(call.world, poolid);
  const members = call.world.guests().filter((guest) => guest.pool === poolid && isVisible(call, guest));
  return { poolid, members: members.map((guest) => guestFacts(call, guest)) };
}

/** `PUT /pools/{poolid}` and `PUT /pools`: adds guests, or with `delete` takes them out; also numbers without a guest. */
export function updatePool(call: Call): null {
  const poolid = text(call, 'poolid');
  demandRight(call, `/pool/${poolid}`, { all: ['Pool.Allocate'] });
  demandPool(call.world, poolid);
  const vmids = text(call, 'vms')
    .split(/[,;\s]+/)
    .filter((one) => one !== '')
    .map(Number);
  for (const vmid of vmids) {
    demandRight(call, `/vms/${vmid}`, { any: ['VM.Allocate', 'Permissions.Modify'] });
    const problem = problemOf(call, poolid, vmid);
    if (problem !== undefined) throw failure(`update pools failed: VM ${vmid} ${problem}`);
    setPool(call.world, vmid, flag(call, 'delete') ? undefined : poolid);
  }
  return null;
}

function demandPool(world: World, poolid: string): void {
  if (!world.datacenter.pools.includes(poolid)) throw failure(`pool '${poolid}' does not exist`);
}

function problemOf(call: Call, poolid: string, vmid: number): string | undefined {
  const now = call.world.poolOf(vmid);
  if (flag(call, 'delete')) return now === poolid ? undefined : 'is not a pool member';
  if (now === poolid) return 'is already a pool member';
  if (now === undefined || flag(call, 'allow-move')) return undefined;
  return `belongs already to pool '${now}' and 'allow-move' is not set`;
}

function setPool(world: World, vmid: number, poolid: string | undefined): void {
  const guest = world.findGuest(vmid);
  if (guest !== undefined) guest.pool = poolid;
  else if (poolid === undefined) delete world.datacenter.reserved[vmid];
  else world.datacenter.reserved[vmid] = poolid;
}
