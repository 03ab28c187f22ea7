import type { Commit } from '../core/commit.ts';
import type { Goal } from '../core/goal.ts';
import type { DesiredGuest, DesiredVm } from '../core/guest.ts';
import type { LiveGuest, LiveState } from '../core/live.ts';
import { createPlan, type Plan } from '../core/plan.ts';

/** A fixed time, so that the gallery is always the same. */
export const sampleNow = Date.UTC(2026, 10, 22, 9, 58, 0);

/** The commit that every sample run is about. */
export const sampleCommit: Commit = {
  sha: '9b1f2ad0c4e85d7f3a6b1928e7d4f05c3b2a1968',
  subject: 'worker: bump kernel, scale control plane',
  author: 'rowan',
  at: sampleNow - 60_000,
};

const oldCommit = '4d0c8e1b2f3a4d5c6b7a8f9e0d1c2b3a4f5e6d7c';

/** One change of each kind: website goes, worker gets another image, cp more of everything, init is new. */
export function samplePlan(): Plan {
  return createPlan(goalOf([init, cp, worker]), liveOf([cpLive, workerLive, websiteLive]));
}

/** Two VMs in place, nothing lost. */
export function quietPlan(): Plan {
  return createPlan(goalOf([cp, { ...website, memoryMb: 4096 }]), liveOf([cpLive, websiteLive]));
}

/** Every reason for a blocked change, and nothing to run. */
export function blockedPlan(): Plan {
  const foreign: LiveGuest = { ...websiteLive, vmid: 820, name: 'nas', tags: [] };
  const smaller: DesiredGuest = { ...website, diskGb: 4 };
  return createPlan(goalOf([init, { ...cp, protected: true }, smaller]), liveOf([foreign, cpLive, websiteLive]));
}

/** A guest of somebody else with the VMID of a declared guest. */
export function adoptPlan(): Plan {
  const foreign: LiveGuest = { ...websiteLive, vmid: 820, name: 'nas', tags: ['backup'] };
  return createPlan({ ...goalOf([init, cp]), adopt: 820 }, liveOf([foreign, cpLive]));
}

/** A rollback of the worker to its root disk of an hour ago. */
export function rollbackPlan(): Plan {
  const volid = 'local-lvm:vm-822-disk-1';
  const now = live(worker, images.worker, 'running');
  const unhappy = { ...now, config: { ...now.config, unused: { unused0: volid } } };
  const uuid = now.config.uuid;
  const retained = [
    { vmid: 822, uuid, volid, imageHash: images.workerOld, commit: oldCommit, since: sampleNow - 3_600_000 },
  ];
  return createPlan({ ...goalOf([cp, worker]), rollback: { vmid: 822, retained } }, liveOf([cpLive, unhappy]));
}

/** The whole fleet gone from the flake. */
export function emptyPlan(): Plan {
  return createPlan(goalOf([]), liveOf([cpLive, { ...workerLive }, websiteLive]));
}

/** The cluster after somebody changed the memory of cp by hand. */
export function movedPlan(): Plan {
  const moved = { ...cpLive, config: { ...cpLive.config, digest: '9'.repeat(40), memoryMb: 1024 } };
  return createPlan(goalOf([init, cp, worker]), liveOf([moved, workerLive, websiteLive]));
}

function goalOf(guests: readonly DesiredGuest[]): Goal {
  return { fleet: 'homelab', commit: sampleCommit, guests };
}

function liveOf(guests: readonly LiveGuest[]): LiveState {
  return { guests, nodes: [{ node: 'pve1', online: true, freeMemory: 16e9, storages: ['local-lvm'] }] };
}

const images = {
  init: '77aa01bcg4k8n2q6s0v4x8z1d5h9l3pj',
  cp: '3hx8w0r5k7d2m4n6q9s1v3y5z7b0c2fa',
  workerOld: '4vq1h0c2d8k3m7p1r5v9x2z6b0f4h8ln',
  worker: 'q7w3n5zbh0k4x8v2d6s1m9a3c7g5j2pf',
  website: '8k2m9x1dq5r0v4z8c2g6k1n5s9w3a7fj',
} as const;

function guest(key: string, vmid: number, hash: string, sizes: Partial<DesiredVm>): DesiredVm {
  const type = `build-qcow2-${key}`;
  return {
    kind: 'vm',
    key: `test-${key}`,
    name: `test-${key}`,
    vmid,
    imageType: type,
    cores: 2,
    sockets: 1,
    memoryMb: 2048,
    diskGb: 10,
    storage: 'local-lvm',
    protected: false,
    bridge: 'vmbr0',
    scsiHw: 'virtio-scsi-pci',
    diskSlot: 'scsi0',
    onboot: true,
    order: 0,
    power: 'running',
    image: {
      kind: 'vm',
      type,
      attr: `nixosConfigurations.${type}.config.system.build.qcow2`,
      drvPath: `/nix/store/0${hash.slice(1)}-nixos-disk-image.drv`,
      storePath: `/nix/store/${hash}-nixos-disk-image`,
    },
    ...sizes,
  };
}

function live(wanted: DesiredGuest, hash: string, status: LiveGuest['status']) {
  return {
    kind: 'vm' as const,
    vmid: wanted.vmid,
    node: 'pve1',
    name: wanted.name,
    status,
    template: false,
    tags: [`commit-${oldCommit}`, `nix-${hash}`, 'proxnix'],
    config: {
      digest: String(wanted.vmid).padStart(40, 'd'),
      uuid: `0b7f2b2e-8a0c-4a5e-9f00-000000000${wanted.vmid}`,
      cores: 2,
      sockets: 1,
      memoryMb: 2048,
      onboot: true,
      protected: false,
      power: 'running',
      scsiHw: 'virtio-scsi-pci',
      bridge: 'vmbr0',
      disks: { scsi0: { volid: `local-lvm:vm-${wanted.vmid}-disk-0`, storage: 'local-lvm', sizeMb: 10 * 1024 } },
      unused: {},
      boot: ['scsi0'],
      pending: [],
    },
  };
}

const init = guest('init', 820, images.init, {});
const cp = guest('cp', 821, images.cp, { cores: 4, memoryMb: 4096 });
const worker = guest('worker', 822, images.worker, {});
const website = guest('website', 823, images.website, {});
const cpLive = live(cp, images.cp, 'running');
const workerLive = live(worker, images.workerOld, 'running');
const websiteLive = live(website, images.website, 'running');
