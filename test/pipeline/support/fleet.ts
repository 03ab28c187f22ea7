import type { FakeGuest } from '../../fakes/cluster-guest.ts';
import type { FakeCommit } from '../../fakes/git.ts';
import { aFlakeEntry, aGuest, aLiveGuest } from '../../support/builders.ts';

/** What the entries have in common: an image that the builder knows, on a storage that the cluster has. */
const small = { image_type: 'website', disk_gb: 4, storage_location: 'fast' };

/** A VM as the flake spells it. */
export function aVm(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return aFlakeEntry('vm', { ...small, ...change });
}

/** A container as the flake spells it. */
export function aCt(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return aFlakeEntry('container', { ...small, cores: 2, ...change });
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
  const settings = { cores: 1, memoryMb: 512, onboot: false, bridge: '', scsiHw: 'lsi' };
  return aLiveGuest({ tags: ['backup'] }, aGuest({ vmid, name, ...settings, storage: 'fast', diskGb: 8 }));
}

/** The guest that a test takes for granted. */
export function present<T>(value: T | undefined, what = 'what this test is about'): T {
  if (value === undefined) throw new Error(`${what} is not there`);
  return value;
}
