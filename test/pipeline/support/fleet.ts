import type { FakeGuest } from '../../fakes/cluster-guest.ts';
import type { FakeCommit } from '../../fakes/git.ts';

/** A VM as the flake spells it. */
export function aVm(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    name: 'test-website',
    vm_id: 823,
    image_type: 'website',
    cores: 2,
    sockets: 1,
    memory_mb: 2048,
    disk_gb: 4,
    storage_location: 'fast',
    cloud_init: 'None',
    protected: false,
    ...change,
  };
}

/** A container as the flake spells it. */
export function aCt(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const { sockets: _, cloud_init: _none, ...common } = aVm();
  return { ...common, memory_mb: 512, ...change };
}

/** A fleet of three: `website` (823), `database` (822) and `init` (820). */
export function threeVms(change: Readonly<Record<string, unknown>> = {}) {
  return {
    website: aVm(change),
    database: aVm({ name: 'test-database', vm_id: 822, image_type: 'database' }),
    init: aVm({ name: 'test-init', vm_id: 820, image_type: 'init' }),
  };
}

/** The hash of the commit number `n`. */
export function shaOf(n: number): string {
  return `${n.toString(16).padStart(4, '0')}${'c0ffee'.repeat(6)}`;
}

export function commitOf(n: number, change: Partial<FakeCommit> = {}): FakeCommit {
  return { sha: shaOf(n), subject: `change number ${n}`, author: 'Ada', at: Date.UTC(2026, 0, 5, 8, n), ...change };
}

/** A guest of somebody else: no tag of ours, a disk with their data. */
export function aForeignGuest(vmid: number, name = 'somebody-elses'): FakeGuest {
  return {
    kind: 'vm',
    vmid,
    node: 'pve1',
    name,
    status: 'running',
    tags: ['backup'],
    template: false,
    config: {
      uuid: `6d1f7f0c-0000-4000-8000-${String(vmid).padStart(12, '0')}`,
      cores: 1,
      sockets: 1,
      memoryMb: 512,
      onboot: false,
      protected: false,
      description: '',
      bridge: '',
      scsiHw: 'lsi',
      disks: { scsi0: { volid: `fast:vm-${vmid}-disk-0`, storage: 'fast', sizeMb: 8192 } },
      unused: {},
      boot: ['scsi0'],
      pending: [],
    },
  };
}

/** The guest that a test takes for granted. */
export function present<T>(value: T | undefined, what = 'what this test is about'): T {
  if (value === undefined) throw new Error(`${what} is not there`);
  return value;
}
