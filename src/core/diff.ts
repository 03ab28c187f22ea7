import type { FieldChange } from './change.ts';
import { type ContainerSpec, type DesiredGuest, type GuestSpec, imageHash, type VmSpec } from './guest.ts';
import type { KnownContainer, KnownGuest, KnownVm } from './live.ts';
import { finalTags, readTags, splitTags } from './tags.ts';

const anyCommit = '0'.repeat(40);

/**
 * What differs between a guest wanted and the same guest live, in the order in which people read it. The image is not
 * among it (`imageDiffers`). Both sides are canonical, so right after an apply it yields nothing.
 */
export function* diffGuest(wanted: DesiredGuest, live: KnownGuest, fleetTag?: string): Generator<FieldChange> {
  const { config } = live;
  yield* text('name', live.name, wanted.name);
  if (wanted.node !== undefined) yield* text('node', live.node, wanted.node);
  // What a VM is given waits for a stop; a container's share of its host changes at once.
  const waits = wanted.kind === 'vm';
  if (config.cores === 0) yield* text('cores', 'all', String(wanted.cores), waits);
  else yield* number('cores', config.cores, wanted.cores, '', waits);
  if (isVm(live) && wanted.kind === 'vm') yield* number('sockets', live.config.sockets, wanted.sockets, '', true);
  yield* number('memory', config.memoryMb, wanted.memoryMb, ' MiB', waits);
  if (!isVm(live) && wanted.kind === 'container')
    yield* number('swap', live.config.swapMb, wanted.swapMb, ' MiB', false);
  yield* rootDisk(wanted, live);
  yield* text('bridge', config.bridge ?? 'none', wanted.bridge);
  if (isVm(live) && wanted.kind === 'vm') yield* vmHardware(wanted, live);
  if (!isVm(live) && wanted.kind === 'container') yield* containerSettings(wanted, live);
  yield* text('onboot', yesNo(config.onboot), yesNo(wanted.onboot));
  yield* text('protected', yesNo(config.protected), yesNo(wanted.protected));
  yield* description(config.description, wanted.description);
  yield* pendingValues(wanted, live);
  if (!imageDiffers(wanted, live)) yield* tags(wanted, live, fleetTag);
}

/** Does the root disk hold another image than wanted, as far as the guest's tags tell? */
export function imageDiffers(wanted: DesiredGuest, live: KnownGuest): boolean {
  return readTags(live.tags).imageHash !== imageHash(wanted.image);
}

/** Would the root disk have to become smaller? Proxmox cannot do that. */
export function shrinksDisk(wanted: GuestSpec, live: KnownGuest): boolean {
  const size = live.config.disks[wanted.diskSlot]?.sizeMb;
  return size !== undefined && size > wanted.diskGb * 1024;
}

function* rootDisk(wanted: DesiredGuest, live: KnownGuest): Generator<FieldChange> {
  // A new image brings a new disk of the size and on the storage wanted.
  if (imageDiffers(wanted, live)) return;
  const disk = live.config.disks[wanted.diskSlot];
  if (disk === undefined) {
    yield { field: 'disk', from: 'none', to: `${wanted.diskGb} GiB at ${wanted.diskSlot}`, restart: false };
    return;
  }
  if (disk.sizeMb !== undefined && disk.sizeMb !== wanted.diskGb * 1024) {
    yield { field: 'disk', from: gib(disk.sizeMb), to: `${wanted.diskGb} GiB`, restart: false };
  }
  yield* text('storage', disk.storage, wanted.storage);
}

function* vmHardware(wanted: VmSpec, { config }: KnownVm): Generator<FieldChange> {
  yield* text('scsi-hw', config.scsiHw, wanted.scsiHw, true);
  yield* text('cloud-init', config.cloudInit?.storage ?? 'none', wanted.cloudInit?.storage ?? 'none', true);
}

function* containerSettings(wanted: ContainerSpec, { config }: KnownContainer): Generator<FieldChange> {
  yield* text('ip', config.ip, wanted.ip);
  yield* text('gateway', config.gateway ?? 'none', wanted.gateway ?? 'none');
  yield* text('features', config.features.join(' ') || 'none', wanted.features.join(' ') || 'none', true);
  yield* text('unprivileged', yesNo(config.unprivileged), yesNo(wanted.unprivileged));
}

function isVm(live: KnownGuest): live is KnownVm {
  return live.kind === 'vm';
}

/** Values that are written already and wait for a restart that an interrupted run did not come to. */
function* pendingValues(wanted: GuestSpec, live: KnownGuest): Generator<FieldChange> {
  if (isVm(live) && wanted.kind === 'vm') yield* pendingOfVm(wanted, live);
  if (!isVm(live) && wanted.kind === 'container') yield* pendingOfContainer(wanted, live);
}

/** Features always wait; the rest only when the running container did not take it. */
function* pendingOfContainer(wanted: ContainerSpec, { status, config }: KnownContainer): Generator<FieldChange> {
  const waits = (key: string) => status === 'running' && config.pending.includes(key);
  const features = wanted.features.join(' ') || 'none';
  if (waits('features') && (config.features.join(' ') || 'none') === features) yield pending('features', features);
  if (waits('cores') && config.cores === wanted.cores) yield pending('cores', String(wanted.cores));
  if (waits('memory') && config.memoryMb === wanted.memoryMb) yield pending('memory', `${wanted.memoryMb} MiB`);
  if (waits('swap') && config.swapMb === wanted.swapMb) yield pending('swap', `${wanted.swapMb} MiB`);
  if (waits('net0') && config.bridge === wanted.bridge && config.ip === wanted.ip) yield pending('ip', wanted.ip);
}

function pending(field: FieldChange['field'], to: string): FieldChange {
  return { field, from: 'pending', to, restart: true };
}

function* pendingOfVm(wanted: VmSpec, live: KnownVm): Generator<FieldChange> {
  const { config } = live;
  const waits = (key: string) => live.status === 'running' && config.pending.includes(key);
  if (waits('cores') && config.cores === wanted.cores) yield pending('cores', String(wanted.cores));
  if (waits('sockets') && config.sockets === wanted.sockets) yield pending('sockets', String(wanted.sockets));
  if (waits('memory') && config.memoryMb === wanted.memoryMb) yield pending('memory', `${wanted.memoryMb} MiB`);
  if (waits('scsihw') && config.scsiHw === wanted.scsiHw) yield pending('scsi-hw', wanted.scsiHw);
  if (waits('net0') && config.bridge === wanted.bridge) yield pending('bridge', wanted.bridge);
  const drive = config.cloudInit?.storage;
  if (
    config.pending.some((key) => /^ide\d$/.test(key)) &&
    drive === wanted.cloudInit?.storage &&
    live.status === 'running'
  ) {
    yield pending('cloud-init', drive ?? 'none');
  }
}

function* tags(wanted: DesiredGuest, live: KnownGuest, fleetTag: string | undefined): Generator<FieldChange> {
  // Which commit last changed a guest is no wish of the flake, only that the tag is there.
  const commit = readTags(live.tags).commit ?? anyCommit;
  const done = { imageHash: imageHash(wanted.image), commit, ...(fleetTag === undefined ? {} : { fleet: fleetTag }) };
  const now = splitTags(live.tags.join(';'));
  const expected = splitTags(finalTags(live.tags, done));
  const extra = now.filter((tag) => !expected.includes(tag));
  const missing = expected.filter((tag) => !now.includes(tag)).map((tag) => tag.replace(anyCommit, '…'));
  if (extra.length === 0 && missing.length === 0) return;
  yield { field: 'tags', from: extra.join(' ') || 'none', to: missing.join(' ') || 'none', restart: false };
}

function* description(from: string, to: string): Generator<FieldChange> {
  // Proxmox adds a line feed to some descriptions; a text area in its page adds others.
  if (from.trimEnd() === to.trimEnd()) return;
  yield { field: 'description', from: shortened(from), to: shortened(to), restart: false };
}

function* number(
  field: FieldChange['field'],
  from: number,
  to: number,
  unit: string,
  restart: boolean,
): Generator<FieldChange> {
  if (from !== to) yield { field, from: String(from), to: `${to}${unit}`, restart };
}

function* text(field: FieldChange['field'], from: string, to: string, restart = false): Generator<FieldChange> {
  if (from !== to) yield { field, from, to, restart };
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function gib(sizeMb: number): string {
  return `${Number((sizeMb / 1024).toFixed(2))}`;
}

function shortened(value: string): string {
  const line = value.trimEnd().replace(/\s+/g, ' ');
  if (line === '') return 'none';
  return line.length > 32 ? `"${line.slice(0, 31)}…"` : `"${line}"`;
}
