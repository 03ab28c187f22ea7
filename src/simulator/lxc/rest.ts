import { amount, type Call, demandRight, flag, text } from '../call.ts';
import { changing, DIGEST, demandDigest, demandUnlocked } from '../change.ts';
import { ApiError, failure, parameterError } from '../errors.ts';
import { addUnused, type Guest, isUnusedKey } from '../guest.ts';
import { isNamed } from '../guest-status.ts';
import { addressOf } from '../qemu/agent.ts';
import { copyVolume } from '../qemu/copy.ts';
import { removeGuest } from '../qemu/destroy.ts';
import { demandRename, renamed } from '../qemu/move.ts';
import { wantedSize } from '../qemu/resize.ts';
import { printSize } from '../sizes.ts';
import { demandRoot, isMountKey } from './options.ts';
import { volumeOf, withVolume } from './volumes.ts';

/** `DELETE /nodes/{node}/lxc/{vmid}` */
export function destroyContainer(call: Call): string {
  const { world, caller } = call;
  const guest = guestOf(call);
  const { vmid } = guest;
  if (guest.config['protection'] === 1) throw failure(`can't remove CT ${vmid} - protection mode enabled`);
  demandUnlocked(guest);
  if (guest.startedAt !== undefined && !flag(call, 'force')) {
    throw failure(`unable to destroy CT ${vmid} - container is running`);
  }
  return world.tasks.start({ node: guest.node, type: 'vzdestroy', id: String(vmid), caller }, (task) =>
    changing(
      world,
      vmid,
      () => {
        const volid = volumeOf(guest.config['rootfs']);
        if (/^[^:]+:[\d.]+$/.test(volid))
          throw failure(`unable to parse directory volume name '${volid.split(':')[1]}'`);
        guest.startedAt = undefined;
        removeGuest(
          world,
          guest,
          { purge: flag(call, 'purge'), orphans: flag(call, 'destroy-unreferenced-disks') },
          task,
        );
      },
      task,
      'lxc',
    ),
  );
}

/** `PUT resize`: shrinking is refused at once, unlike with VMs. */
export function resizeContainer(call: Call): string {
  const { world, caller } = call;
  const guest = guestOf(call);
  const key = text(call, 'disk');
  demandDigest(world, guest, call.given.get('digest'), DIGEST);
  demandUnlocked(guest);
  const value = guest.config[key];
  if (value === undefined) throw formatError(key);
  const volume = world.storages.volume(volumeOf(value));
  if (volume === undefined) throw failure(`volume '${volumeOf(value)}' does not exist`);
  const wanted = wantedSize(volume.virtualSize ?? 0, text(call, 'size'));
  if (wanted < (volume.virtualSize ?? 0)) throw failure('unable to shrink disk size');
  return world.tasks.start({ node: guest.node, type: 'resize', id: String(guest.vmid), caller }, (task) =>
    changing(
      world,
      guest.vmid,
      () => {
        world.storages.put({ ...volume, virtualSize: wanted });
        guest.config[key] = withVolume(world, key, value, new Map([['size', printSize(wanted)]]));
        task.log('Image resized.');
      },
      task,
      'lxc',
    ),
  );
}

/** A mount point that is not there fails as an empty text does, by its mandatory keys (9.2.11). */
function formatError(key: string): ApiError {
  const missing = 'property is missing and it is not optional';
  return new ApiError(500, 'format error', {
    errors: { volume: missing, ...(key === 'rootfs' ? {} : { mp: missing }) },
  });
}

/** `POST move_volume`: to another storage, or as it is to another container. */
export function moveVolume(call: Call): string {
  return call.given.has('target-vmid') ? reassign(call) : moveToStorage(call);
}

/** Only of a stopped container (PVE::API2::LXC of 9.2); not from a recording. */
function moveToStorage(call: Call): string {
  const { world, caller } = call;
  const guest = guestOf(call);
  const [key, storage] = [text(call, 'volume'), text(call, 'storage')];
  if (storage === '') throw parameterError({ storage: 'property is missing and it is not optional' });
  demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  demandRoot(world, storage);
  demandDigest(world, guest, call.given.get('digest'), DIGEST);
  demandUnlocked(guest);
  if (guest.startedAt !== undefined) throw failure('cannot move volumes of a running container');
  const value = guest.config[key];
  if (value === undefined) throw formatError(key);
  const source = world.storages.volume(volumeOf(value));
  if (source === undefined) throw failure(`volume '${volumeOf(value)}' does not exist`);
  return world.tasks.start({ node: guest.node, type: 'move_volume', id: String(guest.vmid), caller }, (task) =>
    changing(
      world,
      guest.vmid,
      async () => {
        const moved = await copyVolume(world, guest.vmid, { source, storage, format: undefined }, task, []);
        guest.config[key] = withVolume(world, key, value, new Map([['volume', moved.volid]]));
        if (flag(call, 'delete')) world.storages.remove(source.volid);
        else addUnused(guest.config, source.volid);
      },
      task,
      'lxc',
    ),
  );
}

/** The volume gets a name of its new owner. */
function reassign(call: Call): string {
  const { world, caller } = call;
  const source = guestOf(call);
  const key = text(call, 'volume');
  const target = amount(call, 'target-vmid');
  const targetKey = call.given.get('target-volume') ?? key;
  demandRight(call, `/vms/${target}`, { all: ['VM.Config.Disk'] });
  const live = world.guest('lxc', text(call, 'node'), target);
  demandMove(call, source, live, key, targetKey);
  const id = `${source.vmid}-${key}>${target}-${targetKey}`;
  return world.tasks.start({ node: source.node, type: 'move_volume', id, caller }, (task) => {
    const value = source.config[key] ?? '';
    task.log(`moving volume '${key}' from container '${source.vmid}' to '${target}'`);
    const volid = renamed(world, volumeOf(value), target);
    task.log(`removing volume '${key}' from container '${source.vmid}' config`);
    delete source.config[key];
    live.config[targetKey] = isUnusedKey(targetKey)
      ? volid
      : withVolume(world, targetKey, value, new Map([['volume', volid]]));
    task.log(`target container '${target}' updated with '${targetKey}'`);
  });
}

/** `GET interfaces`: only while the container runs. */
export function containerInterfaces(call: Call): unknown {
  const guest = guestOf(call);
  if (guest.startedAt === undefined) return null;
  const loopback = { name: 'lo', hwaddr: '00:00:00:00:00:00', 'hardware-address': '00:00:00:00:00:00' };
  const cards = Object.keys(guest.config).filter((key) => /^net\d+$/.test(key));
  const own = [{ 'ip-address': '127.0.0.1', 'ip-address-type': 'inet', prefix: '8' }];
  const isManual = cards.length > 0 && cards.every((key) => /,ip=manual/.test(String(guest.config[key])));
  return [
    // Nothing in the container sets up what nobody asks to be set up.
    { ...loopback, 'ip-addresses': isManual ? [] : own },
    ...cards.map((key) => cardOf(call, guest, String(guest.config[key]))),
  ];
}

function cardOf(call: Call, guest: Guest, value: string): unknown {
  const part = (name: string) => new RegExp(`(?:^|,)${name}=([^,]+)`).exec(value)?.[1];
  const hwaddr = part('hwaddr')?.toLowerCase() ?? '';
  const fixed = /^[0-9.]+/.exec(part('ip') ?? '')?.[0];
  const isBare = isNamed(guest, 'sick') || part('ip') === 'manual';
  const address = isBare ? undefined : (fixed ?? addressOf(call.world, guest, part('bridge')));
  const addresses = address === undefined ? [] : [{ 'ip-address': address, 'ip-address-type': 'inet', prefix: '24' }];
  return { name: part('name'), hwaddr, 'hardware-address': hwaddr, 'ip-addresses': addresses };
}

function demandMove(call: Call, source: Guest, live: Guest, key: string, targetKey: string): void {
  const { world } = call;
  if (key === 'rootfs' || targetKey === 'rootfs') throw failure("Cannot move to/from 'rootfs'");
  demandDigest(world, source, call.given.get('digest'), `CT ${source.vmid}: ${DIGEST}`);
  demandDigest(world, live, call.given.get('target-digest'), `CT ${live.vmid}: ${DIGEST}`);
  demandUnlocked(source);
  demandUnlocked(live);
  if (source.config[key] === undefined) throw failure(`volume '${key}' for container '${source.vmid}' does not exist`);
  if (live.config[targetKey] !== undefined) {
    throw failure(`Target volume key '${targetKey}' is already in use for container '${live.vmid}'`);
  }
  demandRename(world, volumeOf(source.config[key]));
  if (source.startedAt !== undefined && isMountKey(key)) {
    throw failure('Cannot move in-use volume while the source CT is running - detach or shutdown first');
  }
}

function guestOf(call: Call): Guest {
  return call.world.guest('lxc', text(call, 'node'), amount(call, 'vmid'));
}
