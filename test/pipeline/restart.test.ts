import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { aForeignGuest, present, shaOf, threeVms } from './support/fleet.ts';

/** A bench killed when a step of a VM is about to be carried out. */
async function killedBefore(kind: string, vmid: number): Promise<Bench> {
  const bench = await aBench();
  await bench.push(1);
  bench.cluster.before = (step) => {
    if (step.kind === kind && step.vmid === vmid) bench.kill();
    return undefined;
  };
  void bench.press('approve');
  await until(() => bench.life.over);
  bench.cluster.before = () => undefined;
  return bench;
}

/** A bench killed when a step was carried out and its task is in the journal, but not its end. */
async function killedAfterTheTaskOf(stepId: string): Promise<{ readonly bench: Bench; readonly upid: string }> {
  const bench = await aBench();
  await bench.push(1);
  const perform = bench.cluster.perform.bind(bench.cluster);
  bench.cluster.perform = async (step, precondition, monitor) => {
    const left = await perform(step, precondition, monitor);
    if (`${step.vmid} ${step.kind}` === stepId) await new Promise(() => undefined);
    return left;
  };
  void bench.press('approve');
  const journaled = () => {
    const run = bench.store.onDisk('r-1')?.run;
    return run?.phase === 'applying' ? run.steps.find(({ step }) => step.id === stepId)?.upid : undefined;
  };
  await until(() => journaled() !== undefined);
  bench.cluster.perform = perform;
  bench.kill();
  return { bench, upid: present(journaled()) };
}

describe('after a restart', () => {
  it('a run that was planning is planned, in the same message', async () => {
    const bench = await aBench();
    bench.builder.evaluationWaits = () => new Promise(() => undefined);
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    bench.run('planning');
    bench.builder.evaluationWaits = () => undefined;
    await bench.restart();
    await bench.settle();
    expect(bench.run('planned').id).toBe('r-1');
    expect(bench.chat.messages).toHaveLength(1);
    expect(bench.text()).toMatch(/^Plan/);
  });

  it('a run that had not come to its commit is planned', async () => {
    const bench = await aBench();
    bench.commit(1);
    bench.life.endsAt = (_, when) => when === 'after';
    bench.report();
    await bench.clock.advance(500);
    await until(() => bench.life.over);
    await bench.restart();
    await bench.settle();
    if (bench.pipeline.runs().length === 0) bench.report();
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('an open plan is valid, and its button works', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [button] = bench.buttons();
    await bench.restart();
    await bench.settle();
    expect(await bench.chat.press(present(button))).toEqual({ kind: 'none' });
    await bench.settle();
    expect(bench.run('applied').id).toBe('r-1');
    expect(bench.chat.messages).toHaveLength(1);
  });

  it('an open plan of a cluster that moved meanwhile is refused', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [button] = bench.buttons();
    bench.kill();
    bench.cluster.put(aForeignGuest(823));
    await bench.restart();
    await bench.settle();
    expect(await bench.chat.press(present(button))).toMatchObject({ code: 'plan-drifted' });
    expect(bench.cluster.asked).toEqual([]);
  });

  it('an approved run goes on waiting and is applied', async () => {
    const bench = await aBench();
    await bench.push(1);
    let looks = 0;
    bench.cluster.beforeRead = () => (++looks === 2 ? new Promise(() => undefined) : undefined);
    await bench.press('approve');
    await until(() => looks === 2);
    bench.run('queued');
    bench.cluster.beforeRead = () => undefined;
    await bench.restart();
    await bench.settle();
    expect(bench.run('applied').id).toBe('r-1');
    expect(bench.chat.messages).toHaveLength(1);
  });

  it('an approved run whose cluster moved meanwhile asks again', async () => {
    const bench = await aBench();
    await bench.push(1);
    let looks = 0;
    bench.cluster.beforeRead = () => (++looks === 2 ? new Promise(() => undefined) : undefined);
    await bench.press('approve');
    await until(() => looks === 2);
    bench.kill();
    bench.cluster.beforeRead = () => undefined;
    bench.cluster.put(aForeignGuest(823));
    await bench.restart();
    await bench.settle();
    expect(bench.run('planned').clusterChanges).toEqual(['VMID 823 is taken now']);
    expect(bench.cluster.asked).toEqual([]);
  });

  it('an apply that was cut off ends as interrupted, says what is done and what is not, and a fresh plan finishes it', async () => {
    const bench = await killedBefore('import', 822);
    await bench.restart();
    await bench.settle();
    const cut = bench.run('interrupted', 'r-1');
    expect(cut.steps.find(({ step }) => step.id === '820 finish')?.state).toBe('done');
    expect(cut.steps.find(({ step }) => step.id === '823 create')?.state).toBe('not-started');
    const text = bench.text(bench.message('r-1'));
    expect(text).toMatch(/^Interrupted/);
    expect(text).toMatch(/Done before: .*test-init/);
    expect(text).toMatch(/Not started: .*test-website/);
    expect(text).toMatch(/Now: test-database \(822\) is stopped, with .*, unfinished\./);
    expect(bench.message('r-1').replies.map(({ title }) => title)).toEqual([expect.stringMatching(/^Interrupted/)]);
    expect(bench.cluster.guest(822)?.tags).toContain('proxnix-pending');

    expect(bench.run('planned').id).toBe('r-2');
    expect(bench.text()).toMatch(/^Plan: update 1, create 1/);
    await bench.apply();
    bench.run('applied');
    expect(bench.cluster.guest(822)?.tags).not.toContain('proxnix-pending');
  });

  it('the task that ran on without the bot is waited for, and its end is told', async () => {
    const { bench, upid } = await killedAfterTheTaskOf('820 import');
    const asked: string[] = [];
    bench.cluster.settle = async (task) => {
      asked.push(task);
      return { ok: false, text: 'command failed: exit code 1' };
    };
    await bench.restart();
    await bench.settle();
    expect(asked).toEqual([upid]);
    expect(bench.run('interrupted', 'r-1').notes).toEqual([
      expect.stringMatching(/\(820\), disk import.*command failed: exit code 1/),
    ]);
    expect(bench.text(bench.message('r-1'))).toContain('command failed: exit code 1');
    expect(bench.run('planned').id).toBe('r-2');
    await bench.apply();
    bench.run('applied');
  });

  it('a task that the cluster does not know any more is told as such', async () => {
    const { bench } = await killedAfterTheTaskOf('820 import');
    bench.cluster.settle = async () => undefined;
    await bench.restart();
    await bench.settle();
    expect(bench.run('interrupted', 'r-1').notes).toEqual([expect.stringContaining('no longer knows its task')]);
  });

  it('a step that had begun without a task is told as such', async () => {
    const bench = await killedBefore('import', 822);
    await bench.restart();
    await bench.settle();
    expect(bench.run('interrupted', 'r-1').notes).toEqual([expect.stringContaining('no task of it is known')]);
  });

  it('an apply that was cut off ends as interrupted also when the cluster cannot be asked', async () => {
    const { bench } = await killedAfterTheTaskOf('822 import');
    bench.cluster.settle = async () => {
      throw new UserError('The cluster cannot be reached.');
    };
    await bench.restart();
    await bench.settle();
    bench.run('interrupted', 'r-1');
    expect(bench.text(bench.message('r-1'))).toMatch(/^Interrupted/);
    bench.run('planned');
  });

  it('an apply that was cut off is audited with its end', async () => {
    const bench = await killedBefore('import', 822);
    await bench.restart();
    await bench.settle();
    expect(bench.audit()).toEqual(['approved console:owner', 'started proxnix', 'ended proxnix interrupted']);
  });

  it('an apply that was cut off is followed by the push that came during it, once', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'import' && step.vmid === 822 ? held.opened : undefined);
    await bench.press('approve');
    await until(() => bench.cluster.atWork === 1);
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    bench.report();
    await bench.clock.advance(500);
    bench.run('planning', 'r-2');
    bench.kill();
    bench.cluster.before = () => undefined;
    await bench.restart();
    await bench.settle();
    bench.run('interrupted', 'r-1');
    expect(bench.pipeline.runs()).toHaveLength(2);
    expect(bench.run('planned', 'r-2').commit.sha).toBe(shaOf(2));
  });

  it('a run of a fleet that is not configured any more is left as it is', async () => {
    const bench = await aBench();
    await bench.push(1);
    const saved = present(bench.store.onDisk('r-1'));
    await bench.store.saveRun({ ...saved.run, id: 'r-9', fleet: 'gone' });
    await bench.restart();
    await bench.settle();
    expect(bench.run('planned', 'r-9').fleet).toBe('gone');
    expect(await bench.chat.command('/proxnix approve 9')).toMatchObject({ kind: 'note' });
    await bench.apply().catch(() => undefined);
    bench.run('planned', 'r-9');
  });

  it('new runs go on counting', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.restart();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    expect(bench.run('planned').id).toBe('r-2');
  });

  it('with an empty store nothing wrong is planned: what is deployed is recognised by its tags', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const fresh = await aBench();
    for (const vmid of [820, 822, 823]) fresh.cluster.put(present(bench.cluster.guest(vmid)));
    await fresh.push(1);
    fresh.run('in-sync');
  });
});
