import { failure } from '../errors.ts';
import type { Config } from '../guest.ts';
import { parsePropertyString, printPropertyString } from '../parameters/check.ts';
import { rulesOf } from '../parameters/table.ts';
import { printSize } from '../sizes.ts';
import type { TaskHandle } from '../tasks.ts';
import { keepVolume } from '../volume.ts';
import type { World } from '../world.ts';

const MIB = 1024 * 1024;

/** Makes the volume that `rootfs` or `mp<n>` asks for as `STORAGE:GIB`; one that is there is taken as it is. */
export function mountVolume(world: World, vmid: number, key: string, value: string, task: TaskHandle): string {
  const values = valuesOf(world, key, value);
  const [, storage, gib] = /^([^:]+):(\d+(?:\.\d+)?)$/.exec(values.get('volume') ?? '') ?? [];
  if (storage !== undefined) {
    const bytes = Math.floor(Number(gib) * 1024) * MIB;
    if (bytes === 0) return folder(world, vmid, { key, storage, values });
    const volid = world.storages.freeDisk(storage, vmid, 'raw');
    world.storages.demandDisk(storage, bytes);
    if (world.storages.space(storage).avail < MIB) throw failure('mkfs.ext4: No space left on device');
    const seed = { volid, content: 'images', format: 'raw', size: Math.min(bytes, MIB), virtualSize: bytes };
    world.storages.put(keepVolume(seed, world.clock.now()));
    task.log(`Formatting '${world.storages.path(volid)}', fmt=raw size=${bytes} preallocation=off`);
    task.log(`Creating filesystem with ${bytes / 4096} 4k blocks and ${bytes / 16384} inodes`);
    return print(world, key, values.set('volume', volid).set('size', printSize(bytes)));
  }
  const size = world.storages.volume(values.get('volume') ?? '')?.virtualSize;
  if (size !== undefined && !values.has('size')) values.set('size', printSize(size));
  return print(world, key, values);
}

/** `STORAGE:0` is a folder without a limit (9.2.11). */
function folder(
  world: World,
  vmid: number,
  { key, storage, values }: { readonly key: string; readonly storage: string; readonly values: Map<string, string> },
): string {
  const volid = world.storages.freeDisk(storage, vmid, 'subvol').replace(/vm-(\d+-disk-\d+)/, 'subvol-$1');
  const seed = { volid, content: 'images', format: 'subvol', size: 0, virtualSize: 0 };
  world.storages.put(keepVolume(seed, world.clock.now()));
  return print(world, key, values.set('volume', volid).set('size', '0T'));
}

/** The same mount point with another volume or size. */
export function withVolume(
  world: World,
  key: string,
  value: string | number,
  change: ReadonlyMap<string, string>,
): string {
  return print(world, key, new Map([...valuesOf(world, key, String(value)), ...change]));
}

/** Lists volumes that lost their place as unused, and drops those from the list that have one. */
export function tidyUnused(config: Config): void {
  const used = new Set(
    Object.keys(config)
      .filter((key) => /^(rootfs|mp\d+)$/.test(key))
      .map((key) => volumeOf(config[key])),
  );
  for (const key of Object.keys(config))
    if (/^unused\d+$/.test(key) && used.has(volumeOf(config[key]))) delete config[key];
}

/** The volume of a mount point or of `unused<n>`. */
export function volumeOf(value: string | number | undefined): string {
  return (
    String(value ?? '')
      .split(',')[0]
      ?.replace(/^volume=/, '') ?? ''
  );
}

function valuesOf(world: World, key: string, value: string): Map<string, string> {
  return new Map(parsePropertyString(value, rulesFor(world, key)).values);
}

function print(world: World, key: string, values: ReadonlyMap<string, string>): string {
  return printPropertyString(values, rulesFor(world, key));
}

function rulesFor(world: World, key: string) {
  return rulesOf(key === 'rootfs' ? 'rootfs' : 'mp', world.version.table) ?? new Map();
}
