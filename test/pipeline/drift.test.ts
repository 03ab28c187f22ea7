import { describe, expect, it } from 'vitest';
import { type FakeGuest, withConfig } from '../fakes/cluster-guest.ts';
import { aBench, type Bench, owner, second } from '../support/pipeline.ts';
import { gate, turn, until } from './support/clock.ts';
import { aForeignGuest, present, threeVms } from './support/fleet.ts';

/** A bench whose fleet is deployed and whose newest plan gives 823 more memory. */
async function withOpenPlan(options: Parameters<typeof aBench>[0] = {}): Promise<Bench> {
  const bench = await aBench(options);
  await bench.push(1);
  await bench.press('approve', owner);
  if (options.policy?.approvals === 2) await bench.press('approve', second);
  await bench.settle();
  await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
  bench.cluster.asked.length = 0;
  return bench;
}

function change(bench: Bench, with_: (guest: FakeGuest) => FakeGuest, vmid = 823): void {
  bench.cluster.put(with_(present(bench.cluster.guest(vmid))));
}

const moves: Readonly<Record<string, { move: (bench: Bench) => void; says: RegExp }>> = {
  'somebody changed the memory': {
    move: (bench) => change(bench, (guest) => withConfig(guest, { memoryMb: 1024 })),
    says: /configuration of test-website \(823\) changed/,
  },
  'somebody changed the tags': {
    move: (bench) => change(bench, (guest) => ({ ...guest, tags: [...guest.tags, 'seen'].sort() })),
    says: /the tags of test-website \(823\) changed/,
  },
  'the guest was migrated': {
    move: (bench) => change(bench, (guest) => ({ ...guest, node: 'pve2' })),
    says: /test-website \(823\) moved from pve1 to pve2/,
  },
  'the guest was deleted': {
    move: (bench) => bench.cluster.remove(823),
    says: /test-website \(823\) is gone/,
  },
  'another guest of the plan needs a change now': {
    move: (bench) => change(bench, (guest) => withConfig(guest, { cores: 8 }), 822),
    says: /test-database \(822\) needs a change now/,
  },
  'the VMID was reused under the same name': {
    move: (bench) => change(bench, (guest) => withConfig(guest, { uuid: 'b4c5b0de-0000-4000-8000-000000000823' })),
    says: /test-website \(823\) is another machine under the same VMID/,
  },
};

describe('a cluster that moved after the plan', () => {
  for (const [what, { move, says }] of Object.entries(moves)) {
    it(`voids the approval at the press and shows the new plan: ${what}`, async () => {
      const bench = await withOpenPlan();
      const before = bench.run('planned');
      const [old] = bench.buttons();
      move(bench);
      expect(await bench.press('approve')).toMatchObject({ code: 'plan-drifted' });
      await bench.settle();
      const now = bench.run('planned', before.id);
      expect(now.plan.digest).not.toBe(before.plan.digest);
      expect(now.clusterChanges?.join('; ')).toMatch(says);
      expect(bench.text(bench.message(now.id))).toMatch(says);
      expect(bench.message(now.id).cards.at(-1)?.buttons.at(0)?.planId).toBe(now.plan.id);
      expect(await bench.chat.press(present(old))).toMatchObject({ code: 'plan-drifted' });
      expect(bench.cluster.asked).toEqual([]);

      expect(await bench.apply()).toEqual({ kind: 'none' });
      bench.run('applied', before.id);
    });

    it(`is noticed again between the press and the apply: ${what}`, async () => {
      const bench = await withOpenPlan();
      const run = bench.run('planned');
      // The press looks once; the look before the apply is the one that is held.
      let looks = 0;
      const held = gate();
      bench.cluster.beforeRead = () => (++looks === 2 ? held.opened : undefined);
      expect(await bench.press('approve')).toEqual({ kind: 'none' });
      await until(() => looks === 2);
      move(bench);
      held.open();
      await bench.settle();
      const now = bench.run('planned', run.id);
      expect(now.clusterChanges?.join('; ')).toMatch(says);
      expect(now.approvals).toEqual([]);
      expect(bench.audit().filter((line) => line.startsWith('started'))).toHaveLength(1);
      expect(bench.cluster.asked).toEqual([]);
      await bench.apply();
      bench.run('applied', run.id);
    });
  }

  it('so that nothing is left to do ends the run in sync, without an apply', async () => {
    const bench = await withOpenPlan();
    const run = bench.run('planned');
    change(bench, (guest) => withConfig(guest, { memoryMb: 4096 }));
    expect(await bench.press('approve')).toMatchObject({ kind: 'note', code: 'plan-drifted' });
    await bench.settle();
    bench.run('in-sync', run.id);
    expect(bench.buttons()).toEqual([]);
    expect(bench.cluster.asked).toEqual([]);
  });

  it('so that everything is blocked takes the buttons away', async () => {
    const bench = await withOpenPlan();
    const run = bench.run('planned');
    change(bench, (guest) => withConfig(guest, { protected: true }));
    expect(await bench.press('approve')).toMatchObject({ kind: 'note', code: 'plan-drifted' });
    await bench.settle();
    bench.run('blocked', run.id);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
    expect(bench.cluster.asked).toEqual([]);
  });

  it('leaves a foreign guest alone that took the VMID before the press', async () => {
    const bench = await withOpenPlan();
    const foreign = aForeignGuest(823, 'test-website');
    bench.cluster.put(foreign);
    expect(await bench.press('approve')).not.toEqual({ kind: 'none' });
    await bench.settle();
    bench.run('blocked');
    expect(bench.cluster.guest(823)).toEqual(foreign);
  });

  it('and moves back between two presses needs a press for each plan', async () => {
    const bench = await withOpenPlan();
    const before = present(bench.cluster.guest(823));
    const first = bench.run('planned').plan.id;
    change(bench, (guest) => withConfig(guest, { memoryMb: 1024 }));
    await bench.press('approve');
    await bench.settle();
    bench.cluster.put(before);
    expect(await bench.press('approve')).toMatchObject({ code: 'plan-drifted' });
    await bench.settle();
    expect(bench.run('planned').plan.id).toBe(first);
    await bench.apply();
    bench.run('applied');
  });

  it('answers a thousand presses with the same new plan', async () => {
    const bench = await withOpenPlan();
    change(bench, (guest) => withConfig(guest, { memoryMb: 1024 }));
    const before = bench.cluster.reads;
    const answers = await Promise.all(Array.from({ length: 1000 }, () => bench.press('approve')));
    expect(new Set(answers.map((answer) => (answer.kind === 'note' ? answer.code : answer.kind)))).toEqual(
      new Set(['plan-drifted']),
    );
    expect(bench.cluster.reads - before).toBe(1);
  });
});

describe('a cluster that moves in the middle of an apply', () => {
  it('stops the run before it writes to a guest that somebody edited', async () => {
    const bench = await withOpenPlan();
    bench.cluster.before = (step) => {
      if (step.kind === 'configure') change(bench, (guest) => withConfig(guest, { cores: 16 }));
      return undefined;
    };
    await bench.apply();
    expect(bench.run('failed').failure.message).toContain('changed by somebody else');
    expect(bench.cluster.guest(823)?.config).toMatchObject({ cores: 16, memoryMb: 2048 });
  });

  it('never touches a foreign guest that took the VMID between two steps', async () => {
    const bench = await withOpenPlan();
    const foreign = aForeignGuest(823, 'test-website');
    bench.cluster.before = (step) => {
      if (step.kind === 'restart') bench.cluster.put(foreign);
      return undefined;
    };
    await bench.apply();
    bench.run('failed');
    expect(bench.cluster.guest(823)).toEqual(foreign);
  });

  it('never discards a foreign guest that took the VMID of a new one between create and import', async () => {
    const bench = await aBench();
    await bench.push(1);
    const foreign = aForeignGuest(820, 'test-init');
    bench.cluster.before = (step) => {
      if (step.kind === 'import') bench.cluster.put(foreign);
      return undefined;
    };
    await bench.apply();
    bench.run('failed');
    expect(bench.cluster.guest(820)).toEqual(foreign);
    expect(bench.text()).not.toContain('is still there, tagged proxnix-pending');
  });

  it('takes the change that was approved, not a push that comes meanwhile', async () => {
    const bench = await withOpenPlan();
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'configure' ? held.opened : undefined);
    await bench.press('approve');
    await until(() => bench.cluster.atWork === 1);
    bench.commit(3, { vms: threeVms({ memory_mb: 8192 }) });
    bench.report();
    await turn();
    held.open();
    await bench.settle();
    bench.run('applied', 'r-2');
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(4096);
    bench.run('planned', 'r-3');
  });
});
