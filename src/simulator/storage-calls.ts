import { changeBackup, demandBackup, describeBackup, isBackup, seesBackup } from './backup/archives.ts';
import { amount, type Call, demandRight, flag, may, text } from './call.ts';
import { failure, forbidden, parameterError } from './errors.ts';
import type { SeedStorage } from './seed.ts';
import { type Volume, vmidOf, volumePath } from './volume.ts';

const SEE = ['Datastore.Audit', 'Datastore.AllocateSpace'];

/** `GET /storage`: the configured storages, without their state. */
export function listConfigured(call: Call): unknown {
  return call.world.storages
    .all()
    .filter((one) => may(call, `/storage/${one.storage}`, { any: SEE }))
    .map((one) => ({ storage: one.storage, type: one.type, path: one.path, content: one.content.join(',') }));
}

/** `GET /nodes/{node}/storage` */
export function listStorages(call: Call): unknown {
  const contents = text(call, 'content')
    .split(/[,;\s]+/)
    .filter((one) => one !== '');
  const name = call.given.get('storage');
  return call.world.storages
    .here()
    .filter((one) => one.enabled || !flag(call, 'enabled'))
    .filter((one) => name === undefined || one.storage === name)
    .filter((one) => contents.length === 0 || contents.some((content) => one.content.includes(content)))
    .filter((one) => may(call, `/storage/${one.storage}`, { any: SEE }))
    .map((one) => ({ storage: one.storage, ...stateOf(call, one), used_fraction: 0.1 }));
}

/** `GET /nodes/{node}/storage/{storage}/status` */
export function storageStatus(call: Call): unknown {
  const storage = call.world.storages.find(text(call, 'storage'));
  if (storage === undefined) throw parameterError({ storage: 'No such storage.' });
  return stateOf(call, storage);
}

/** `GET .../content`: disks are seen with Datastore.Audit, or VM.Audit on their guest with `vmid`; the rest with either right. */
export function listContent(call: Call): unknown {
  const storage = call.world.storages.get(text(call, 'storage'));
  const content = call.given.get('content');
  const vmid = amount(call, 'vmid');
  const path = `/storage/${storage.storage}`;
  const mayAudit = may(call, path, { all: ['Datastore.Audit'] });
  return (
    call.world.storages
      .volumes(storage.storage)
      .filter((one) => content === undefined || one.content === content)
      // A list for one guest has the images to import as well (9.2.11).
      .filter((one) => vmid === 0 || one.vmid === vmid || one.content === 'import')
      .filter((one) => storage.content.includes(one.content) && (mayAudit || one.content !== 'images'))
      .filter((one) => one.content !== 'backup' || seesBackup(call, one.volid))
      .map(describe)
  );
}

/** `GET .../content/{volume}` */
export function readVolume(call: Call): unknown {
  const { storages } = call.world;
  const volid = volidOf(call);
  if (isBackup(volid)) demandBackup(call, volid);
  const volume = storages.volume(volid);
  if (volume === undefined) throw failure(`volume_size_info on '${volid}' failed - no format`);
  const { format, size, virtualSize, backup } = volume;
  if (backup !== undefined) {
    return { path: storages.path(volid), size, used: size, format: 'raw', ...describeBackup(backup) };
  }
  return { path: storages.path(volid), size: virtualSize ?? size, used: size, format };
}

/** `PUT .../content/{volume}`: only of a backup. */
export function updateVolume(call: Call): null {
  return changeBackup(call, volidOf(call));
}

/** `DELETE .../content/{volume}`: a missing file is no error; with `delay` the answer is null when it is done in time. */
export async function deleteVolume(call: Call): Promise<unknown> {
  const { world, caller } = call;
  const volid = volidOf(call);
  const storage = world.storages.get(text(call, 'storage'));
  if (isBackup(volid)) demandBackup(call, volid);
  else demandRight(call, `/storage/${storage.storage}`, { all: ['Datastore.Allocate'] });
  const owner = vmidOf(volid);
  const id = owner === undefined ? storage.storage : `${owner}@${storage.storage}`;
  const upid = world.tasks.start({ node: text(call, 'node'), type: 'imgdel', id, caller }, (task) => {
    if (world.storages.volume(volid)?.backup?.isProtected) {
      throw failure(`cannot remove protected volume '${volid.slice(volid.indexOf(':') + 1)}' on '${storage.storage}'`);
    }
    if (world.storages.volumes().some((one) => one.parent === volid)) {
      throw failure(`base volume '${volid}' is still in use by linked cloned`);
    }
    if (world.storages.volume(volid) === undefined)
      task.log(`disk image '${volumePath(storage, volid)}' does not exist`);
    world.storages.remove(volid);
    task.log(`Removed volume '${volid}'`);
  });
  if (!call.given.has('delay')) return upid;
  await world.tasks.finished(upid);
  return null;
}

/** `POST .../download-url`: this machine never downloads anything, so it ends as a refused connection. */
export function downloadUrl(call: Call): string {
  const { world, caller } = call;
  const node = text(call, 'node');
  const isAllowed =
    may(call, `/nodes/${node}`, { all: ['Sys.AccessNetwork'] }) || may(call, '/', { all: ['Sys.Modify'] });
  if (!isAllowed) throw forbidden();
  const url = text(call, 'url');
  const name = text(call, 'filename');
  const volid = `${text(call, 'storage')}:${text(call, 'content')}/${name}`;
  return world.tasks.start({ node, type: 'download', id: name, caller }, (task) => {
    task.log(`downloading ${url} to ${world.storages.path(volid)}`);
    const { host } = new URL(url);
    throw failure(`download failed: Connecting to ${host}... failed: Connection refused.`);
  });
}

function stateOf(call: Call, storage: SeedStorage): Record<string, unknown> {
  const enabled = storage.enabled ? 1 : 0;
  const space = storage.enabled ? call.world.storages.space(storage.storage) : { total: 0, used: 0, avail: 0 };
  return {
    type: storage.type,
    content: storage.content.join(','),
    active: enabled,
    enabled,
    shared: storage.shared ? 1 : 0,
    ...space,
  };
}

function describe(volume: Volume): Record<string, unknown> {
  const { volid, content, format, ctime, size, backup } = volume;
  if (backup !== undefined) {
    return { volid, content, format, size, ctime, vmid: volume.vmid, ...describeBackup(backup) };
  }
  if (content !== 'images') return { volid, content, format, size, ctime };
  const { vmid, virtualSize, parent } = volume;
  return { volid, content, format, ctime, vmid, size: virtualSize ?? size, used: size, parent: parent ?? null };
}

/** The volume of the path, with or without its storage in front. */
function volidOf(call: Call): string {
  const storage = text(call, 'storage');
  const volume = text(call, 'volume');
  const [first = '', name] = volume.split(/:(.*)/s);
  if (name !== undefined && first !== storage) throw parameterError({ volume: `storage ID mismatch` });
  const plain = name ?? volume;
  if (!plain.includes('/') && !/^(vm|base|subvol)-\d+-/.test(plain)) {
    throw failure(`unable to parse directory volume name '${plain}'`);
  }
  return `${storage}:${plain}`;
}
