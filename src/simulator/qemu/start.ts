import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandUnlocked } from '../change.ts';
import { failure } from '../errors.ts';
import { type Guest, isVolumeKey, volidOf } from '../guest.ts';
import { isNamed } from '../guest-status.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
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
  demandBridges(world, guest, task);
  if (isNamed(guest, 'slow-start')) throw failure(`start failed: command '${commandLine(guest)}' failed: got timeout`);
  if (isNamed(guest, 'fail-start')) {
    task.log('kvm: the simulator refuses to start a guest with this name');
    throw failure('start failed: QEMU exited with code 1');
  }
  delete guest.paused;
  delete guest.rootless;
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
    const name = /(?:^|,)bridge=([^,]+)/.exec(String(value))?.[1];
    const tag = /(?:^|,)tag=(\d+)/.exec(String(value))?.[1];
    const bridge = world.seed.bridges.find((one) => one.iface === name && one.node === guest.node);
    if (name === undefined || (bridge !== undefined && (tag === undefined || bridge.uplink !== false))) continue;
    const problem =
      bridge === undefined ? `bridge '${name}' does not exist` : `no physical interface on bridge '${name}'`;
    if (world.version.namesMissingBridge) throw failure(problem);
    task.log(problem);
    const script = '/usr/libexec/qemu-server/pve-bridge';
    task.log(
      `kvm: -netdev type=tap,id=${key},ifname=tap${guest.vmid}i0: network script ${script} failed with status 512`,
    );
    throw failure('start failed: QEMU exited with code 1');
  }
}
