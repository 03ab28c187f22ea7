import { describe, expect, it, vi } from 'vitest';
import { aBench } from '../support/pipeline.ts';
import { gate, turn, until } from './support/clock.ts';
import { aVm, present, shaOf, threeVms } from './support/fleet.ts';

describe('a plan', () => {
  it('asks once for an image that several VMs run', async () => {
    const bench = await aBench();
    const asked = vi.spyOn(bench.builder, 'evaluateImages');
    const vms = { ...threeVms(), mirror: aVm({ name: 'test-mirror', vm_id: 824 }) };
    await bench.push(1, { vms });
    expect(asked.mock.calls.map(([, wanted]) => wanted)).toEqual([
      ['init', 'database', 'website'].map((type) => ({ kind: 'vm', type })),
    ]);
    const images = bench.run('planned').plan.goal.guests.map(({ key, image }) => [key, image.kind, image.type]);
    expect(images).toContainEqual(['mirror', 'vm', 'website']);
  });
});

describe('warnings of the evaluation', () => {
  it('are in one line on the plan, and whole in its file; a plan made again has them still', async () => {
    const bench = await aBench();
    const warnings = ['The option a is old.', 'The option b is old.'];
    await bench.push(1, { warnings });
    expect(bench.run('planned').warnings).toEqual(warnings);
    expect(bench.text()).toContain('2 warnings: The option a is old.');
    expect(bench.message(bench.run('planned').id).cards.at(-1)?.files[0]?.text).toContain('- The option b is old.');
    await bench.apply();
    expect(bench.run('applied').warnings).toEqual(warnings);
  });

  it('are not said where there are none', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(bench.run('planned').warnings).toBeUndefined();
    expect(bench.text()).not.toContain('warning');
  });
});

describe('a push that changes no planned value', () => {
  it('says in sync and leaves the open plan and its buttons as they are', async () => {
    const bench = await aBench();
    await bench.push(1);
    const open = bench.run('planned');
    await bench.push(2, {}, { subject: 'docs: README' });
    expect(bench.run('in-sync').standing).toBe(open.id);
    expect(bench.text()).toContain(`run ${open.id} is still open`);
    expect(bench.run('planned', open.id).plan.id).toBe(open.plan.id);
    await bench.apply();
    bench.run('applied', open.id);
    expect(bench.cluster.guest(823)?.tags).toContain(`commit-${shaOf(1)}`);
  });

  it('is planned anew when the open plan has expired', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.clock.jump(25 * 60 * 60 * 1000);
    await bench.push(2);
    expect(bench.run('planned').commit.sha).toBe(shaOf(2));
  });
});

describe('a newer push that changes something', () => {
  it('takes the place of the older open plan, whose buttons are gone', async () => {
    const bench = await aBench();
    await bench.push(1);
    const older = bench.run('planned');
    const [button] = bench.buttons();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    const newer = bench.run('planned');
    expect(newer.id).not.toBe(older.id);
    expect(bench.run('superseded', older.id).byRun).toBe(newer.id);
    expect(bench.text(bench.message(older.id))).toContain(newer.id);
    expect(bench.message(older.id).cards.at(-1)?.buttons).toEqual([]);
    expect(await bench.chat.press(present(button))).toMatchObject({ code: 'plan-superseded' });
    expect(bench.cluster.asked).toEqual([]);
  });

  it('closes the older plan also when it takes everything back', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    const older = bench.run('planned');
    await bench.push(3);
    bench.run('in-sync');
    bench.run('superseded', older.id);
    expect(bench.buttons()).toEqual([]);
  });

  it('leaves the older plan open when its own flake is broken', async () => {
    const bench = await aBench();
    await bench.push(1);
    const older = bench.run('planned');
    await bench.push(2, { broken: true });
    bench.run('failed');
    bench.run('planned', older.id);
  });
});

describe('a push while the fleet is being planned', () => {
  it('retargets the run: the older evaluation ends, one card shows the newer commit', async () => {
    const bench = await aBench();
    bench.builder.evaluationWaits = (rev) => (rev === shaOf(1) ? new Promise(() => undefined) : undefined);
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    bench.run('planning');
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.run('planned').commit.sha).toBe(shaOf(2));
    expect(bench.chat.messages).toHaveLength(1);
  });

  it('is not lost when the plan is just being saved', async () => {
    const bench = await aBench();
    const held = gate();
    bench.store.waits = (write) =>
      write.kind === 'run' && write.saved.run.phase === 'planned' ? held.opened : undefined;
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    bench.report();
    await bench.clock.advance(500);
    held.open();
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(2));
  });

  for (const broken of [false, true]) {
    it(`is not lost when the older commit is done while the newer one is being saved (${broken ? 'broken' : 'planned'})`, async () => {
      const bench = await aBench();
      const [evaluating, saving] = [gate(), gate()];
      bench.builder.evaluationWaits = (rev) => (rev === shaOf(1) ? evaluating.opened : undefined);
      bench.store.waits = (write) =>
        write.kind === 'run' && write.saved.run.phase === 'planning' && write.saved.run.commit?.sha === shaOf(2)
          ? saving.opened
          : undefined;
      bench.commit(1, { broken });
      bench.report();
      await bench.clock.advance(500);
      bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
      bench.report();
      await bench.clock.advance(500);
      evaluating.open();
      await turn();
      saving.open();
      await bench.settle();
      expect(bench.run('planned').commit.sha).toBe(shaOf(2));
      expect(bench.pipeline.runs()).toHaveLength(1);
    });
  }

  it('and a command for the same commit do not cancel each other', async () => {
    const bench = await aBench();
    const held = gate();
    bench.builder.evaluationWaits = () => held.opened;
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    await bench.chat.command('/proxnix plan');
    await turn();
    held.open();
    await bench.settle();
    expect(bench.pipeline.runs().map(({ phase }) => phase)).not.toContain('failed');
    expect(bench.pipeline.runs().filter(({ phase }) => phase === 'planned')).toHaveLength(1);
  });

  it('and a command for another ref are two plans: the push is not lost', async () => {
    const bench = await aBench();
    const held = gate();
    bench.builder.evaluationWaits = () => held.opened;
    bench.commit(1);
    bench.git.point('refs/heads/old', shaOf(1));
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    bench.report();
    await bench.clock.advance(500);
    await bench.chat.command('/proxnix plan old');
    held.open();
    await bench.settle();
    const planned = bench.pipeline.runs().map((run) => run.commit?.sha);
    expect(planned).toEqual([shaOf(2), shaOf(1)]);
  });
});

describe('a push during an apply', () => {
  it('is kept, says what it waits for, and is planned when the apply is over', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'import' && step.vmid === 820 ? held.opened : undefined);
    await bench.press('approve');
    await until(() => bench.cluster.asked.includes('upload') && bench.cluster.atWork === 1);
    const applying = bench.run('applying').id;
    for (const n of [2, 3]) {
      bench.commit(n, { vms: threeVms({ memory_mb: 1024 * n }) });
      bench.report();
      await bench.clock.advance(500);
    }
    const waiting = bench.run('planning');
    await bench.show();
    expect(bench.text(bench.message(waiting.id))).toContain(`waiting for run ${applying}`);
    expect(bench.builder.calls.evaluateFleet).toBe(1);
    held.open();
    await bench.settle();
    bench.run('applied', applying);
    expect(bench.run('planned', waiting.id).commit.sha).toBe(shaOf(3));
    expect(bench.text()).toMatch(/^Plan: update 1/);
  });
});

describe('a command that plans another ref', () => {
  it('leaves the head of the branch as seen: the next poll does not plan it again', async () => {
    const bench = await aBench();
    bench.commit(1);
    bench.git.point('refs/heads/old', shaOf(1));
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    await bench.chat.command('/proxnix plan old');
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
    bench.pipeline.poll(60_000);
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
    expect(bench.pipeline.runs()).toHaveLength(2);
  });

  it('answers when there is no such ref', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix plan nowhere')).toMatchObject({
      kind: 'note',
      text: 'The repository has no commit "nowhere". Name a branch, a tag or a hash.',
    });
    expect(bench.pipeline.runs()).toHaveLength(1);
  });
});
