import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, isVolumeKey, switchedOff, volidOf } from '../guest.ts';
import { isNamed } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { bridgeOf } from './cards.ts';
import { isCloudinit } from './disks.ts';
import { rootOnlyError } from './options.ts';
import { applyPending } from './pending.ts';

/** `POST status/start` */
export function startVm(call: Call): string {
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  call.world.demandQuorum('cluster not ready - no quorum?');
  return startInTask(call, text(call, 'node'), amount(call, 'vmid'));
}

/** Starts a VM in a task of its own. */
export function startInTask(call: Call, node: string, vmid: number): string {
  const { world, caller } = call;
  return world.tasks.start({ node, type: 'qmstart', id: String(vmid), caller }, (task) =>
    changing(world, vmid, () => start(world, world.guest('qemu', node, vmid), task), task),
  );
}

/** Starts a VM, whose lock the caller holds, after its pending changes are applied. */
export function start(world: World, guest: Guest, task: TaskHandle): void {
  demandUnlocked(guest);
  if (guest.config['template'] === 1) throw failure("you can't start a vm if it's a template");
  if (guest.startedAt !== undefined) throw failure(`VM ${guest.vmid} already running`);
  applyPending(world, guest);
  const { config } = guest;
  const most = world.seed.nodes.find((one) => one.node === guest.node)?.maxcpu ?? 1;
  if (Number(config['cores'] ?? 1) * Number(config['sockets'] ?? 1) > most) {
    throw failure(`MAX ${most} vcpus allowed per VM on this node`);
  }
  demandVolumes(world, guest);
  if (Object.values(config).some((value) => isCloudinit(value))) task.log('generating cloud-init ISO');
  demandMachine(guest);
  warn(guest, task);
  demandBridges(world, guest, task);
  if (isNamed(guest, 'slow-start')) throw failure(`start failed: command '${commandLine(guest)}' failed: got timeout`);
  if (isNamed(guest, 'fail-start')) {
    task.log('kvm: the simulator refuses to start a guest with this name');
    throw failure('start failed: QEMU exited with code 1');
  }
  switchedOff(guest);
  guest.startedAt = world.clock.now();
  guest.pid = 3000 + Math.floor(world.clock.random() * 30_000);
}

/** A command line as long as a real one: 3.6 kB. */
function commandLine({ vmid }: Guest): string {
  const socket = `/var/run/qemu-server/${vmid}`;
  const head = `/usr/bin/kvm -id ${vmid} -chardev 'socket,id=qmp,path=${socket}.qmp,server=on,wait=off' -mon 'chardev=qmp,mode=control'`;
  const device = (index: number) =>
    ` -device 'pci-bridge,id=pci.${index},chassis_nr=${index},bus=pci.0,addr=0x${(16 + index).toString(16)}'`;
  return `${head}${Array.from({ length: 60 }, (_, index) => device(index + 1)).join('')}`.slice(0, 3560);
}

/** The seconds a guest needs before its agent answers. */
export const AGENT_AFTER_MS = 2000;

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
