import { describe, expect, it } from 'vitest';
import { parseDesired } from '../../src/core/desired.ts';
import { diffGuest } from '../../src/core/diff.ts';
import { toFailure } from '../../src/core/errors.ts';
import { imageHash } from '../../src/core/guest.ts';
import { creationMarker, stagingMarker } from '../../src/core/markers.ts';
import { createPlan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import {
  aContainer,
  aFlakeEntry,
  aGoal,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  anUnreadContainer,
  aPlan,
  aState,
  t0,
} from '../support/builders.ts';
import { onlyChange } from './changes.ts';

/** A container as it may stand in a flake: the least of it. */
const cache = aFlakeEntry('container', { name: 'cache', vm_id: 830, image_type: 'lxc-cache', disk_gb: 4 });
const other = anImage('d', 'container', 'lxc-cache');
const ids = (...args: Parameters<typeof aPlan>) => planSteps(aPlan(...args)).map((step) => step.id);

function mistake(overrides: object): string {
  try {
    parseDesired({ containers: { cache: { ...cache, ...overrides } } });
  } catch (error) {
    return toFailure(error).message.replace(/^The flake is not valid: /, '');
  }
  throw new Error('the flake was taken as valid');
}

describe('a container in the flake', () => {
  it('is read with every default filled in, beside VMs or without any', () => {
    const { image: _, ...spec } = aContainer();
    expect(parseDesired({ containers: { cache } })).toEqual([spec]);
    expect(parseDesired({ vms: {}, containers: { cache } })).toEqual([spec]);
  });

  it('takes every field', () => {
    const [guest] = parseDesired({
      containers: {
        cache: {
          ...cache,
          ...{ swap_mb: 0, ip: '10.0.0.5/24', gateway: '10.0.0.1', unprivileged: false, features: {}, protected: true },
          ...{ network_bridge: 'vmbr1', node: 'pve2', onboot: false, order: 3, description: 'keeps things' },
          health: { tcp: [6379], timeout_s: 30 },
        },
      },
    });
    expect(guest).toMatchObject({
      ...{ swapMb: 0, ip: '10.0.0.5/24', gateway: '10.0.0.1', unprivileged: false, features: [], protected: true },
      ...{ bridge: 'vmbr1', node: 'pve2', onboot: false, order: 3, description: 'keeps things' },
      health: { agent: false, tcp: [6379], timeoutS: 30 },
    });
  });

  it.each([
    [{ nesting: true }, ['nesting']],
    [{ nesting: false }, []],
    ['nesting=1', ['nesting']],
  ])('has the features %j', (features, names) => {
    expect(parseDesired({ containers: { cache: { ...cache, features } } })).toMatchObject([{ features: names }]);
  });

  it.each([
    [{ sockets: 1 }, 'cache: unknown field "sockets".'],
    [{ swap: 1 }, 'cache: unknown field "swap", did you mean "swap_mb"?'],
    [{ health: { agent: true } }, 'cache: unknown field "health.agent".'],
    [{ ip: '10.0.0.5' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.256/24' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.5/33' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.5/24', gateway: 'router' }, 'cache: "gateway" must be an IPv4 address.'],
    [{ gateway: '10.0.0.1' }, 'cache: "gateway" goes with a fixed "ip" such as "10.0.0.5/24" only.'],
    [
      { features: { keyctl: true } },
      'cache: "features" must be { nesting = true; } or { }: an API token of Proxmox may set no other feature.',
    ],
  ])('with %j is refused', (overrides, message) => {
    expect(mistake(overrides)).toBe(message);
  });

  it('shares VMIDs and names with the VMs', () => {
    const vm = { ...cache, sockets: 1, cloud_init: 'None', protected: false };
    expect(() => parseDesired({ vms: { web: vm }, containers: { cache } })).toThrow(/2 mistakes/);
  });
});

describe('a container compared with the cluster', () => {
  it('has no difference right after an apply', () => {
    expect([...diffGuest(aContainer(), aLiveContainer())]).toEqual([]);
    expect(aPlan({ guests: [aContainer()] }, [aLiveContainer()]).changes).toEqual([]);
  });

  it('changes in place at once, but for its features', () => {
    const wanted = aContainer({
      cores: 2,
      memoryMb: 1024,
      swapMb: 0,
      ip: '10.0.0.5/24',
      gateway: '10.0.0.1',
      features: [],
    });
    expect([...diffGuest(wanted, aLiveContainer())]).toEqual([
      { field: 'cores', from: '1', to: '2', restart: false },
      { field: 'memory', from: '512', to: '1024 MiB', restart: false },
      { field: 'swap', from: '512', to: '0 MiB', restart: false },
      { field: 'ip', from: 'dhcp', to: '10.0.0.5/24', restart: false },
      { field: 'gateway', from: 'none', to: '10.0.0.1', restart: false },
      { field: 'features', from: 'nesting', to: 'none', restart: true },
    ]);
    expect(ids({ guests: [aContainer({ memoryMb: 1024 })] }, [aLiveContainer()])).toEqual([
      '830 configure',
      '830 finish',
    ]);
    expect(ids({ guests: [aContainer({ features: [] })] }, [aLiveContainer()])).toEqual([
      ...['830 configure', '830 restart', '830 health', '830 finish'],
    ]);
  });

  it('waits for its restart when an interrupted run left its features pending', () => {
    const live = aLiveContainer({ config: { pending: ['features'] } });
    expect([...diffGuest(aContainer(), live)]).toEqual([
      { field: 'features', from: 'pending', to: 'nesting', restart: true },
    ]);
  });

  it('is created with its root file system in one step', () => {
    expect(planSteps(aPlan({ guests: [aContainer()] })).map((step) => step.id)).toEqual([
      ...['build', 'upload cccccccc pve1', '830 create', '830 start', '830 health', '830 finish'],
    ]);
  });

  it('is replaced by the swap of its root file system, and every step knows what it is', () => {
    const plan = aPlan({ guests: [aContainer({ image: other })] }, [aLiveContainer()]);
    expect(onlyChange(plan)).toMatchObject({ action: 'replace', incomplete: false, toImage: imageHash(other) });
    const steps = planSteps(plan);
    expect(steps.map((step) => step.id).slice(2)).toEqual([
      ...['830 prepare', '830 attach', '830 swap', '830 restart', '830 start', '830 health', '830 finish'],
    ]);
    expect(steps.slice(2).map((step) => 'guestKind' in step && step.guestKind)).toEqual(Array(7).fill('container'));
  });

  it('goes back to its retained root file system', () => {
    const volid = 'local-lvm:vm-830-disk-1';
    const retained = [{ vmid: 830, uuid: 'BC:24:11:00:08:30', volid, imageHash: imageHash(other), since: t0 }];
    const live = aLiveContainer({ config: { unused: { unused0: volid } } });
    const plan = createPlan(aGoal({ guests: [aContainer()], rollback: { vmid: 830, retained } }), aState([live]));
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: { volid } });
  });

  it('is destroyed when it is ours and not wanted any more', () => {
    const plan = aPlan({ guests: [] }, [aLiveContainer(), anUnreadContainer({ vmid: 831, tags: [] })]);
    expect(planSteps(plan)).toMatchObject([
      { kind: 'stop', guestKind: 'container', vmid: 830 },
      { kind: 'destroy', guestKind: 'container', vmid: 830 },
    ]);
  });

  it('is blocked where Proxmox can never change it', () => {
    const change = onlyChange(aPlan({ guests: [aContainer({ unprivileged: false })] }, [aLiveContainer()]));
    expect(change.blocked).toMatchObject({ reason: 'read-only' });
  });

  it.each([
    ['a VM where a container is wanted', aContainer({ vmid: 823 }), aLiveGuest(), 'VMID 823 is a VM.'],
    ['a container where a VM is wanted', aGuest({ vmid: 830 }), aLiveContainer(), 'VMID 830 is a container.'],
  ])('never takes %s for it', (_, guest, live, says) => {
    const change = onlyChange(aPlan({ guests: [guest] }, [live]));
    expect(change).toMatchObject({ action: 'conflict', blocked: { reason: 'kind' } });
    expect(change.blocked?.advice).toContain(says);
  });

  it('says when no node can take its template', () => {
    const nodes = [aNode({ imageProblems: { container: 'Allow vztmpl on it.' } })];
    const plan = createPlan(aGoal({ guests: [aContainer({ image: other })] }), aState([aLiveContainer()], nodes));
    expect(onlyChange(plan).blocked).toEqual({ reason: 'images', advice: 'Allow vztmpl on it.' });
    expect(createPlan(aGoal({ guests: [aContainer()] }), aState([aLiveContainer()], nodes)).changes).toEqual([]);
  });
});

describe('a container whose creation was cut off', () => {
  const marked = { tags: [], status: 'stopped', config: { description: creationMarker(830) } } as const;

  it('before its tags is made anew, though it has its root file system', () => {
    const change = onlyChange(aPlan({ guests: [aContainer()] }, [aLiveContainer(marked)]));
    expect(change).toMatchObject({ action: 'replace', incomplete: true });
    expect(change.blocked).toBeUndefined();
  });

  it.each([
    ['runs', { ...marked, status: 'running' }],
    ['has another volume', { ...marked, config: { ...marked.config, unused: { unused0: 'local-lvm:x' } } }],
    ['was only described so', { ...marked, config: { description: `${creationMarker(830)} once` } }],
  ] as const)("is somebody else's when it %s", (_, overrides) => {
    const change = onlyChange(aPlan({ guests: [aContainer()] }, [aLiveContainer(overrides)]));
    expect(change.blocked?.reason).toBe('not-ours');
  });

  it('after its tags gets a new root file system beside the one it has', () => {
    const unfinished = aLiveContainer({ tags: ['proxnix', 'proxnix-pending'], status: 'stopped' });
    expect(onlyChange(aPlan({ guests: [aContainer()] }, [unfinished]))).toMatchObject({
      action: 'replace',
      incomplete: false,
    });
  });
});

it('cleans up the staging container that an interrupted replace left', () => {
  const staging = aLiveContainer(
    { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { description: stagingMarker(830) } },
    aContainer({ vmid: 900_000_830, name: 'proxnix-staging-830' }),
  );
  const plan = aPlan({ guests: [aContainer()] }, [aLiveContainer(), staging]);
  expect(onlyChange(plan)).toMatchObject({ action: 'clean-up', ownerVmid: 830 });
  expect(planSteps(plan)).toMatchObject([{ kind: 'discard', guestKind: 'container', vmid: 830, staging: true }]);
});
