import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { randomUuid } from '../clock.ts';
import { failure } from '../errors.ts';
import { addUnused, type Guest, isUnusedKey, removeUnused, slotOf, volidOf } from '../guest.ts';
import type { TaskHandle } from '../tasks.ts';
import { isCdrom, isCloudinit } from './disks.ts';
import { isDriveKey } from './options.ts';

/** `GET snapshot`: the snapshots and the present, which is a child of the last one. */
export function listSnapshots(call: Call): unknown {
  const guest = guestOf(call);
  const parent = guest.config['parent'];
  const snapshots = Object.entries(guest.snapshots).map(([name, one]) => ({
    ...{ name, snaptime: one.snaptime, description: one.description, vmstate: 0 },
    ...(one.parent === undefined ? {} : { parent: one.parent }),
  }));
  const current = {
    ...{ name: 'current', description: 'You are here!', digest: call.world.digest(guest) },
    ...{ running: guest.startedAt === undefined ? 0 : 1 },
    ...(parent === undefined ? {} : { parent }),
  };
  return [...snapshots, current];
}

/** `GET snapshot/{snapname}/config` */
export function readSnapshot(call: Call): unknown {
  const snapshot = snapshotOf(guestOf(call), text(call, 'snapname'));
  return { ...snapshot.config, description: snapshot.description, snaptime: snapshot.snaptime };
}

/** `POST snapshot` */
export function takeSnapshot(call: Call): string {
  const name = text(call, 'snapname');
  if (name === 'current') throw failure("unable to use snapshot name 'current' (reserved name)");
  return inTask(call, 'qmsnapshot', (guest, task) => {
    if (guest.snapshots[name] !== undefined) throw failure(`snapshot name '${name}' already used`);
    for (const [key, value] of Object.entries(guest.config)) {
      if (!isDriveKey(key) || isCdrom(value) || isCloudinit(value)) continue;
      task.log(`snapshotting 'drive-${key}' (${volidOf(value)})`);
    }
    const parent = guest.config['parent'];
    const kept = Object.entries(guest.config).filter(([key]) => !isUnusedKey(key) && key !== 'parent');
    guest.snapshots[name] = {
      config: Object.fromEntries(kept),
      snaptime: Math.floor(call.world.clock.now() / 1000),
      description: text(call, 'description'),
      parent: parent === undefined ? undefined : String(parent),
    };
    guest.config['parent'] = name;
  });
}

/** `POST snapshot/{snapname}/rollback`: a disk that is not part of the snapshot is kept as unused. */
export function rollBack(call: Call): string {
  const { clock } = call.world;
  const name = text(call, 'snapname');
  return inTask(call, 'qmrollback', (guest) => {
    const snapshot = snapshotOf(guest, name);
    const before = guest.config;
    const wasRunning = guest.startedAt !== undefined;
    const unused = Object.entries(before).filter(([key]) => isUnusedKey(key));
    const config = {
      ...snapshot.config,
      ...Object.fromEntries(unused),
      parent: name,
      vmgenid: randomUuid(clock.random),
    };
    for (const [key, value] of Object.entries(before)) {
      const volid = volidOf(value);
      if (isDriveKey(key) && !isCdrom(value) && slotOf(config, volid) === undefined) addUnused(config, volid);
    }
    for (const value of Object.values(snapshot.config)) removeUnused(config, volidOf(value));
    Object.assign(guest, { config, pending: {}, pendingDelete: [], startedAt: undefined, pid: undefined });
    if (wasRunning && flag(call, 'start')) guest.startedAt = clock.now();
  });
}

/** `DELETE snapshot/{snapname}` */
export function deleteSnapshot(call: Call): string {
  const name = text(call, 'snapname');
  return inTask(call, 'qmdelsnapshot', (guest) => {
    const { parent } = snapshotOf(guest, name);
    delete guest.snapshots[name];
    for (const [child, one] of Object.entries(guest.snapshots)) {
      if (one.parent === name) guest.snapshots[child] = { ...one, parent };
    }
    if (guest.config['parent'] !== name) return;
    if (parent === undefined) delete guest.config['parent'];
    else guest.config['parent'] = parent;
  });
}

function inTask(call: Call, type: string, work: (guest: Guest, task: TaskHandle) => void): string {
  const { world, caller } = call;
  const { vmid, node } = guestOf(call);
  return world.tasks.start({ node, type, id: String(vmid), caller }, (task) =>
    changing(
      world,
      vmid,
      () => {
        const guest = guestOf(call);
        demandUnlocked(guest);
        work(guest, task);
      },
      task,
    ),
  );
}

function guestOf(call: Call): Guest {
  return call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
}

function snapshotOf(guest: Guest, name: string) {
  const snapshot = guest.snapshots[name];
  if (snapshot === undefined) throw failure(`snapshot '${name}' does not exist`);
  return snapshot;
}

/** Whether any snapshot of the guest uses a volume. */
export function isInSnapshot(guest: Guest, volid: string): boolean {
  return Object.values(guest.snapshots).some((one) => slotOf(one.config, volid) !== undefined);
}

/** Throws when a volume that is to be freed is part of a snapshot. */
export function demandUnusedInSnapshots(guest: Guest, volid: string): void {
  if (isInSnapshot(guest, volid)) throw failure(`unable to delete '${volid}' - volume is still in use (snapshot?)`);
}
