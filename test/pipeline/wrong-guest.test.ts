import { describe, expect, it } from 'vitest';
import { mapLimit } from '../../src/cluster/proxmox/state.ts';
import type { GuestKind } from '../../src/core/guest.ts';
import type { StepSpec } from '../../src/core/steps.ts';
import { owner } from '../support/pipeline.ts';
import { present } from './support/fleet.ts';
import { fleetOf, type Simulated, startSimulated } from './support/on-simulator.ts';

const database = { name: 'test-database', vm_id: 822, image_type: 'database' };
const path = { vm: '/nodes/pve1/qemu', container: '/nodes/pve1/lxc' } as const;

/** What is planned for 823, and the steps before each of which somebody takes its place. */
const plans: Readonly<Record<string, Readonly<Record<GuestKind, readonly StepSpec['kind'][]>>>> = {
  create: { vm: ['create', 'import', 'resize', 'start', 'finish'], container: ['create', 'start', 'finish'] },
  update: { vm: ['configure', 'restart', 'finish'], container: ['configure', 'restart', 'finish'] },
  replace: {
    vm: ['prepare', 'attach', 'swap', 'restart', 'start', 'finish'],
    container: ['prepare', 'attach', 'swap', 'restart', 'start', 'finish'],
  },
  rollback: { vm: ['swap', 'restart', 'finish'], container: ['swap', 'restart', 'finish'] },
  destroy: { vm: ['stop', 'destroy'], container: ['stop', 'destroy'] },
};

const lookalike = 'one with the same name and our tags';

/** Somebody deletes what is under the VMID, if anything, and makes a guest of theirs there. */
const intruders: Readonly<Record<string, (kind: GuestKind) => { readonly kind: GuestKind; readonly params: object }>> =
  {
    'another guest': (kind) => ({ kind, params: { name: 'theirs' } }),
    [lookalike]: (kind) => ({ kind, params: { name: 'test-website', tags: 'proxnix' } }),
    'one of the other kind, with the same name and our tags': (kind) => ({
      kind: kind === 'vm' ? 'container' : 'vm',
      params: { name: 'test-website', tags: 'proxnix' },
    }),
  };

async function planned(kind: GuestKind, action: string) {
  const story = await startSimulated();
  const { bench, world } = story;
  await world.cluster.upload(world.imageFile('a', 'container'), 'pve1', { task() {}, progress() {}, line() {} });
  const both = { website: {}, database };
  if (action === 'create') await story.deploy(1, fleetOf(kind, { database }));
  else await story.deploy(1, fleetOf(kind, both));
  if (action === 'rollback') await story.deploy(2, { ...fleetOf(kind, both), images: { website: 'website 2' } });
  if (action === 'rollback') {
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
  } else if (action === 'destroy') await bench.push(3, fleetOf(kind, { database }));
  else {
    const website = action === 'update' ? (kind === 'vm' ? { memory_mb: 4096 } : { features: {} }) : {};
    const images = action === 'replace' ? { images: { website: 'website 2' } } : {};
    await bench.push(3, { ...fleetOf(kind, { website, database }), ...images });
  }
  expect(story.plan()).toEqual([`${action} 823`]);
  return story;
}

/** @returns what must still be there afterwards */
async function intrude({ world, simulator }: Simulated, { kind, params }: { kind: GuestKind; params: object }) {
  if (simulator.guest(823) !== undefined) await world.remove(823);
  const { name, ...rest } = params as Record<string, string>;
  await world.admin('POST', path[kind], {
    ...{ vmid: 823, ...rest, net0: kind === 'vm' ? 'virtio,bridge=vmbr0' : 'name=eth0,bridge=vmbr0' },
    ...(kind === 'vm'
      ? { name: name ?? '', scsi0: 'fast:1', memory: 1024 }
      : {
          ...{ hostname: name ?? '', rootfs: 'fast:1', memory: 1024, unprivileged: 1 },
          ostemplate: `local:vztmpl/proxnix-${'a'.repeat(32)}.tar.xz`,
        }),
  });
  await world.admin('POST', `${path[kind]}/823/status/start`);
  return seen(simulator);
}

const seen = (simulator: Simulated['simulator']) => {
  const { type, config, pending, startedAt } = present(simulator.guest(823));
  const disks = simulator.volumes().flatMap(({ vmid, volid }) => (vmid === 823 ? [volid] : []));
  return { type, config: { ...config }, pending: { ...pending }, startedAt, disks };
};

describe.each(['vm', 'container'] as const)('a VMID that somebody else has now, where a %s was planned', (kind) => {
  for (const [action, steps] of Object.entries(plans)) {
    it.each(Object.entries(intruders))(`is theirs before the press: ${action}, %s`, async (_, make) => {
      const story = await planned(kind, action);
      const theirs = await intrude(story, make(kind));
      story.proxy.sent.length = 0;
      expect(await story.bench.press('approve')).not.toEqual({ kind: 'none' });
      await story.bench.settle();
      expect(story.proxy.sent).toEqual([]);
      expect(seen(story.simulator)).toEqual(theirs);
      expect(story.runs(822)).toBe(true);
    });

    // Beside the one that resembles ours most, a VM stands for both: the same precondition looks.
    const met = Object.entries(intruders).filter(([who]) => kind === 'vm' || who === lookalike);
    it.each(met)(
      `is theirs between two steps: ${action}, %s`,
      async (who, make) => {
        // The one that resembles ours most is met at every step, the others at the first and at the last.
        const all = steps[kind];
        const at = who === lookalike ? all : [...new Set([all.at(0), all.at(-1)])].filter((step) => step !== undefined);
        await mapLimit(at, 6, async (step) => {
          const story = await planned(kind, action);
          const { bench, proxy, beforeNext, simulator } = story;
          let theirs: ReturnType<typeof seen> | undefined;
          let from = 0;
          beforeNext(step, async () => {
            theirs = await intrude(story, make(kind));
            from = proxy.sent.length;
          });
          await bench.apply();
          expect(theirs, step).toBeDefined();
          expect(seen(simulator), step).toEqual(theirs);
          const { failure } = bench.run('failed');
          expect(failure.message, step).toMatch(/823|test-website/);
          // What may be cleared up is the staging guest alone.
          expect(
            proxy.sent.slice(from).filter((write) => !write.includes('/900000823')),
            step,
          ).toEqual([]);
          expect(
            simulator.guests().map(({ vmid }) => vmid),
            step,
          ).toEqual([822, 823]);
        });
      },
      60_000,
    );
  }
});

describe.each(['vm', 'container'] as const)('a %s that is gone already', (kind) => {
  it.each([
    // Without the guest nothing can be stopped; a deletion that is done is done.
    ['stop', 'failed'],
    ['destroy', 'applied'],
  ] as const)('before its %s ends the run as %s, and there is nothing left to do', async (step, phase) => {
    const { bench, world, beforeNext, simulator } = await planned(kind, 'destroy');
    beforeNext(step, () => world.remove(823));
    await bench.apply();
    bench.run(phase);
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    bench.run('in-sync');
    expect(simulator.guests().map(({ vmid }) => vmid)).toEqual([822]);
  });
});
