import { failure } from '../errors.ts';
import { type Guest, isVolumeKey, volidOf } from '../guest.ts';
import { maxMemory } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { bridgeOf } from './cards.ts';
import { isCloudinit } from './disks.ts';

/** Throws what a start of that VM fails with, and logs what it complains about. */
export function demandStartable(world: World, guest: Guest, task: TaskHandle): void {
  const { config } = guest;
  const { maxcpu: most = 1, maxmem = Number.POSITIVE_INFINITY } =
    world.seed.nodes.find((one) => one.node === guest.node) ?? {};
  if (Number(config['cores'] ?? 1) * Number(config['sockets'] ?? 1) > most) {
    throw failure(`MAX ${most} vcpus allowed per VM on this node`);
  }
  demandVolumes(world, guest);
  if (Object.values(config).some((value) => isCloudinit(value))) task.log('generating cloud-init ISO');
  demandMachine(guest);
  demandMemoryHotplug(guest);
  demandMappings(world, guest);
  warn(guest, task);
  demandBridges(world, guest, task);
  if (config['kvm'] === 0 && /^(?:cputype=)?host(?:,|$)/.test(String(config['cpu'] ?? ''))) {
    emulatorFails(task, "kvm: CPU model 'host' requires KVM or HVF");
  }
  if (maxMemory(config) > maxmem)
    emulatorFails(task, "kvm: cannot set up guest memory 'pc.ram': Cannot allocate memory");
}

function emulatorFails(task: TaskHandle, line: string): never {
  task.log(line);
  throw failure('start failed: QEMU exited with code 1');
}

/** Memory that is to be plugged while a VM runs needs a gigabyte to begin with. */
function demandMemoryHotplug({ config }: Guest): void {
  if (
    !String(config['hotplug'] ?? '')
      .split(',')
      .includes('memory') ||
    config['numa'] !== 1
  )
    return;
  if (maxMemory(config) < 1024 ** 3) throw failure('minimum memory must be 1024MB');
}

function demandMappings(world: World, guest: Guest): void {
  for (const [key, value] of Object.entries(guest.config)) {
    const kind = /^(usb|hostpci)\d+$/.exec(key)?.[1];
    const id = /(?:^|,)mapping=([^,]+)/.exec(String(value))?.[1];
    if (kind === undefined || id === undefined) continue;
    const [type, words] = kind === 'usb' ? ['usb', 'USB device'] : ['pci', 'PCI device'];
    const found = world.datacenter.mappings[`${type}/${id}`];
    if (found?.map.some((one) => one.split(',').includes(`node=${guest.node}`))) continue;
    throw failure(`${words} mapping not found for '${id}'`);
  }
}

function demandVolumes(world: World, guest: Guest): void {
  for (const [key, value] of Object.entries(guest.config)) {
    const volid = volidOf(value);
    if (!isVolumeKey(key) || volid === 'none' || volid === 'cdrom') continue;
    if (world.storages.volume(volid) === undefined) throw failure(`volume '${volid}' does not exist`);
  }
}

function demandBridges(world: World, guest: Guest, task: TaskHandle): void {
  for (const [key, value] of Object.entries(guest.config)) {
    if (!/^net\d+$/.test(key)) continue;
    const { bridge, isThere, lacksUplink } = bridgeOf(world, guest, value);
    if (isThere && !lacksUplink) continue;
    const problem = isThere ? `no physical interface on bridge '${bridge}'` : `bridge '${bridge}' does not exist`;
    if (world.version.namesMissingBridge) throw failure(problem);
    task.log(problem);
    const script = '/usr/libexec/qemu-server/pve-bridge';
    task.log(
      `kvm: -netdev type=tap,id=${key},ifname=tap${guest.vmid}i0: network script ${script} failed with status 512`,
    );
    throw failure('start failed: QEMU exited with code 1');
  }
}

/** The emulator of this node, as `meta` of new guests names it. */
const EMULATOR = [10, 1] as const;

/** A machine type with a version (`pc-q35-9.2+pve1`) needs an emulator that knows it. */
function demandMachine({ config, node }: Guest): void {
  const [, type, major, minor] = /(?:^|=)(pc-(?:q35|i440fx)-(\d+)\.(\d+))/.exec(String(config['machine'] ?? '')) ?? [];
  if (type === undefined) return;
  const isNewer = Number(major) > EMULATOR[0] || (Number(major) === EMULATOR[0] && Number(minor) > EMULATOR[1]);
  if (!isNewer) return;
  const version = `${EMULATOR.join('.')}.2`;
  throw failure(
    `Installed QEMU version '${version}' is too old to run machine type '${type}+pve0', please upgrade node '${node}'`,
  );
}

/** What a start complains about and does all the same. */
function warn({ config }: Guest, task: TaskHandle): void {
  if (config['bios'] === 'ovmf' && config['efidisk0'] === undefined) {
    task.log('WARN: no efidisk configured! Using temporary efivars disk.');
  }
  const isAlone = config['scsihw'] === 'virtio-scsi-single';
  const threads = Object.keys(config).filter((key) => /^scsi\d+$/.test(key) && /,iothread=1/.test(String(config[key])));
  if (isAlone) return;
  for (const _ of threads) {
    task.log('WARN: iothread is only valid with virtio disk or virtio-scsi-single controller, ignoring');
  }
}
