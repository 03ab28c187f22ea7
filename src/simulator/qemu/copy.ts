import { failure } from '../errors.ts';
import { progressLine } from '../sizes.ts';
import { Interrupted, Killed, type TaskHandle } from '../tasks.ts';
import { keepVolume, type NewVolume, type Volume } from '../volume.ts';
import type { World } from '../world.ts';

const LOOK_MS = 4;

/** What an import copies and where to. */
export interface Import {
  readonly key: string;
  readonly storage: string;
  readonly source: string;
  readonly format: string | undefined;
}

/** Copies an image to a new disk, with a line of progress about every percent. Errors as 9.2.11 and 8.4.1 word them. */
export async function importDisk(
  world: World,
  vmid: number,
  what: Import,
  task: TaskHandle,
  made: string[],
): Promise<Volume> {
  const { storages } = world;
  const source = storages.volume(what.source);
  const path = storages.path(what.source);
  if (source === undefined) throw failure(`failed to stat '${path}'`);
  if (source.broken !== undefined) {
    task.log(`command '/usr/bin/qemu-img info '--output=json' ${path} -f ${source.format}' failed: exit code 1`);
    throw failure(`qemu-img: Could not open '${path}': ${source.broken}`);
  }
  if (source.backingFile) throw failure(`backing file not allowed for untrusted image '${path}'!`);
  // The worker takes a moment to look at the source: in 8.4 before its first line, in 9.2 after it.
  if (!world.version.logsAllocation) await world.clock.wait(LOOK_MS);
  task.log(`create full clone of drive (${what.source})`);
  try {
    const image = { ...source, mark: undefined };
    return await copyVolume(world, vmid, { source: image, storage: what.storage, format: what.format }, task, made);
  } catch (error) {
    if (error instanceof CopyFailed)
      throw failure(`cannot import from '${what.source}' - copy failed: ${error.message}`);
    throw error;
  }
}

/** The copy tool failed; its message is the command and how it ended. */
class CopyFailed extends Error {
  override readonly name = 'CopyFailed';
}

/** Copies one volume to a new one of a guest, at the seed's speed. */
export async function copyVolume(
  world: World,
  vmid: number,
  what: { readonly source: NewVolume; readonly storage: string; readonly format: string | undefined },
  task: TaskHandle,
  made: string[],
): Promise<Volume> {
  const { source } = what;
  const { storages, clock } = world;
  const format = storages.formatOn(what.storage, what.format ?? (source.format === 'raw' ? 'raw' : 'qcow2'));
  const total = source.virtualSize ?? source.size;
  // A stop of the task at this moment stops the copy, because another process inspects the image.
  if (world.version.logsAllocation) await clock.wait(LOOK_MS);
  const volid = storages.freeDisk(what.storage, vmid, format);
  const { avail } = storages.space(what.storage);
  const volume = { ...makeVolume(world, volid, format, total, source), size: 0 };
  storages.put(volume);
  made.push(volid);
  task.log(formatting(world, volume));
  if (world.version.logsAllocation) task.log(`allocated target volume '${volid}'`);
  const command = `command '/usr/bin/qemu-img convert -p -n -f ${source.format} -O ${format} ${storages.path(source.volid)} ${format === 'raw' ? 'zeroinit:' : ''}${storages.path(volid)}'`;
  const needed = Math.min(source.size, total);
  const steps = Math.max(1, Math.min(100, Math.ceil(total / 6_000_000)));
  task.log(progressLine(0, total));
  const until = clock.pace();
  try {
    for (let step = 1; step <= steps; step += 1) {
      const share = step / steps;
      await until(((total * share) / world.seed.rates.importBytesPerSecond) * 1000, task.signal);
      if (needed * share > avail) {
        if (step === 1) task.log(progressLine(total * share, total));
        task.log(`qemu-img: error while writing at byte ${avail}: No space left on device`);
        throw new CopyFailed(`${command} failed: exit code 1`);
      }
      task.log(progressLine(total * share, total));
      storages.put({ ...volume, size: Math.floor(needed * share) });
    }
  } catch (error) {
    if (error instanceof Interrupted) throw new CopyFailed(`${command} failed: ${error.message}`);
    if (!(error instanceof Killed)) storages.remove(volid);
    throw error;
  }
  task.log(progressLine(total, total));
  const finished = { ...volume, size: needed };
  storages.put(finished);
  return finished;
}

/** A new volume, empty or with the mark of its source and with what that makes a guest do. */
export function makeVolume(
  world: World,
  volid: string,
  format: string,
  bytes: number,
  source: NewVolume | undefined,
): Volume {
  world.storages.demandDisk(volid.split(':')[0] ?? '', bytes);
  const behaviour = {
    boots: source?.boots ?? false,
    agent: source?.agent ?? false,
    hotUnplug: source?.hotUnplug ?? false,
  };
  const seed = {
    volid,
    content: 'images',
    format,
    size: Math.min(bytes, 200 * 1024),
    virtualSize: bytes,
    mark: source?.mark,
    ...behaviour,
  };
  return world.storages.put(keepVolume(seed, world.clock.now()));
}

/** The line the image tool writes for a new file. */
export function formatting(world: World, volume: Volume): string {
  const path = world.storages.path(volume.volid);
  if (volume.format !== 'qcow2') return `Formatting '${path}', fmt=raw size=${volume.virtualSize} preallocation=off`;
  const fixed = 'cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib';
  return `Formatting '${path}', fmt=qcow2 ${fixed} size=${volume.virtualSize} lazy_refcounts=off refcount_bits=16`;
}
