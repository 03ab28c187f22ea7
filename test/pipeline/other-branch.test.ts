import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { aBench, type Bench, owner, second } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { commitOf, present, shaOf, threeVms } from './support/fleet.ts';

const larger = { vms: threeVms({ memory_mb: 4096 }) };

/** A commit on another branch, planned because somebody named that branch. */
async function planFeature(bench: Bench, n = 2): Promise<void> {
  bench.declare(n, larger);
  bench.git.point('refs/heads/feature', shaOf(1));
  bench.git.push(commitOf(n), 'feature');
  await bench.chat.command('/proxnix plan feature');
  await bench.settle();
}

describe('a plan of another branch', () => {
  it('names that branch, says that the commit is not on main, and has no Approve', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await planFeature(bench);
    const run = bench.run('planned');
    expect(bench.text()).toContain('by Ada on feature of acme/fleet');
    expect(bench.text()).toContain('is not on main');
    expect(bench.text()).toContain('ALLOW_OTHER_BRANCHES');
    expect(bench.buttons().map(({ action }) => action)).not.toContain('approve');
    expect(await bench.chat.press({ action: 'approve', runId: run.id, planId: run.plan.id })).toMatchObject({
      code: 'other-branch',
    });
    expect(await bench.chat.command(`/proxnix approve ${run.id} ${run.plan.id}`)).toMatchObject({
      code: 'other-branch',
    });
    await bench.settle();
    bench.run('planned');
  });

  it('takes the place of no plan that can be approved', async () => {
    const bench = await aBench({ policy: { approvals: 2 } });
    await bench.push(1);
    await bench.press('approve', owner);
    await planFeature(bench);
    expect(bench.run('planned', 'r-1').approvals).toHaveLength(1);
    bench.run('planned', 'r-2');
  });

  it('does not stand for the same change once it is on main', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await planFeature(bench);
    bench.git.push(commitOf(2));
    bench.report();
    await bench.settle();
    bench.run('superseded', 'r-2');
    expect(await bench.press('approve')).toEqual({ kind: 'none' });
    await bench.settle();
    bench.run('applied', 'r-3');
  });

  it('that finds nothing is not taken for what was applied', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    bench.declare(2);
    bench.git.point('refs/heads/feature', shaOf(1));
    bench.git.push(commitOf(2), 'feature');
    await bench.chat.command('/proxnix plan feature');
    await bench.settle();
    bench.run('in-sync');
    expect(bench.store.fleet('acme').applied).toBe(shaOf(1));
  });

  it('can be approved with ALLOW_OTHER_BRANCHES, and says what that means', async () => {
    const bench = await aBench({ policy: { allowOtherBranches: true } });
    await bench.push(1);
    await bench.apply();
    await planFeature(bench);
    expect(bench.text()).toContain('is not on main');
    expect(bench.text()).toContain('changes that main does not have');
    expect(await bench.apply()).toEqual({ kind: 'none' });
    bench.run('applied', 'r-2');
  });

  it.each([shaOf(1), 'v1'])('is none for an earlier commit of main, named as %s', async (ref) => {
    const bench = await aBench();
    await bench.push(1);
    bench.git.point('refs/tags/v1', shaOf(1));
    await bench.push(2, larger);
    await bench.apply();
    await bench.chat.command(`/proxnix plan ${ref}`);
    await bench.settle();
    expect(bench.text()).toContain(`by Ada on main (as ${ref}) of acme/fleet`);
    expect(bench.text()).not.toContain('is not on main');
    expect(await bench.apply()).toEqual({ kind: 'none' });
    expect(bench.run('applied').commit.sha).toBe(shaOf(1));
  });
});

describe('an applied commit that main no longer has', () => {
  async function applied(): Promise<Bench> {
    const bench = await aBench({ policy: { allowOtherBranches: true } });
    await bench.push(1);
    await bench.apply();
    await planFeature(bench);
    await bench.apply();
    await bench.push(1);
    return bench;
  }

  it('is not called one of main by the plan to roll back one of its guests', async () => {
    const bench = await applied();
    bench.declare(3, { vms: threeVms({ memory_mb: 4096 }), images: { website: 'website 2' } });
    bench.git.push(commitOf(3), 'feature');
    await bench.chat.command('/proxnix plan feature');
    await bench.settle();
    await bench.apply();
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    expect(bench.run('planned').trigger.kind).toBe('rollback');
    expect(bench.text()).toContain('by Ada, not on main of acme/fleet');
  });

  it.each([
    ['says so on the card of a drift', undefined, 'by Ada, not on main of acme/fleet'],
    ['says nothing there while git cannot tell', new UserError('The mirror is damaged.'), 'by Ada of acme/fleet'],
  ])('%s', async (_, unreadable, text) => {
    const bench = await applied();
    bench.git.unreadable = unreadable;
    bench.cluster.remove(823);
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({ kind: 'note' });
    await bench.settle();
    expect(bench.run('planned').trigger.kind).toBe('drift');
    expect(bench.text()).toContain(text);
  });
});

describe('a commit that somebody named', () => {
  it('is planned to its end, whatever is pushed meanwhile', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, larger);
    bench.git.point('refs/heads/main', shaOf(1));
    await bench.git.head();
    const held = gate();
    let evaluations = 0;
    bench.builder.evaluationWaits = () => {
      evaluations += 1;
      return held.opened;
    };
    await bench.chat.command(`/proxnix plan ${shaOf(2)}`);
    await until(() => evaluations === 1);
    bench.commit(3, { vms: threeVms({ memory_mb: 8192 }) });
    bench.report();
    await bench.clock.advance(500);
    held.open();
    await bench.settle();
    const runs = bench.pipeline.runs().slice(-2);
    expect(runs.map(({ commit, offBranch }) => [commit?.sha, offBranch])).toEqual([
      [shaOf(2), true],
      [shaOf(3), undefined],
    ]);
    expect(await bench.apply()).toEqual({ kind: 'none' });
    expect(bench.run('applied').commit.sha).toBe(shaOf(3));
  });
});

describe('a commit that is pushed to main while it is planned as one of another branch', () => {
  it('gets a plan of its own, which can be approved', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const held = gate();
    let evaluations = 0;
    bench.builder.evaluationWaits = () => {
      evaluations += 1;
      return held.opened;
    };
    bench.declare(2, larger);
    bench.git.point('refs/heads/feature', shaOf(1));
    bench.git.push(commitOf(2), 'feature');
    await bench.chat.command('/proxnix plan feature');
    await until(() => evaluations === 1);
    bench.git.push(commitOf(2));
    bench.report();
    await bench.clock.advance(500);
    held.open();
    await bench.settle();
    expect(await bench.apply()).toEqual({ kind: 'none' });
    bench.run('applied', 'r-3');
  });
});

describe('a rollback', () => {
  it('to an earlier commit of the branch stays possible, to one of another branch does not', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, larger);
    await bench.apply();
    await bench.chat.command('/proxnix rollback');
    await bench.settle();
    expect(await bench.apply()).toEqual({ kind: 'none' });
    expect(bench.run('applied').commit.sha).toBe(shaOf(1));
    bench.declare(3, larger);
    bench.git.push(commitOf(3), 'feature');
    await bench.chat.command('/proxnix rollback feature');
    await bench.settle();
    const run = bench.run('planned');
    expect(bench.text()).toContain('is not on main');
    expect(await bench.chat.press({ action: 'approve', runId: run.id, planId: run.plan.id })).toMatchObject({
      code: 'other-branch',
    });
  });

  it('of one guest needs no branch: it applies nothing of a commit', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { images: { website: 'website 2' } });
    await bench.apply();
    bench.git.point('refs/heads/main', shaOf(1));
    await bench.chat.command('/proxnix rollback test-website');
    await bench.settle();
    expect(await bench.apply()).toEqual({ kind: 'none' });
    bench.run('applied');
  });
});

describe('a force push', () => {
  it('between the plan and the press voids the commit that it took off the branch', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.push(2, larger);
    const button = present(bench.buttons().find(({ action }) => action === 'approve'));
    bench.git.point('refs/heads/main', shaOf(1));
    await bench.git.head();
    expect(await bench.chat.press(button)).toMatchObject({
      code: 'other-branch',
      text: expect.stringContaining('0002c0f is not on main'),
    });
    bench.run('planned');
  });

  it('between the press and the apply stops the apply before anything is changed', async () => {
    const bench = await heldAfterTheApproval();
    bench.bench.git.point('refs/heads/main', shaOf(1));
    bench.open();
    await bench.bench.settle();
    expect(bench.bench.run('failed', 'r-2').failure.message).toContain('0002c0f is not on main');
    expect(bench.bench.cluster.asked).toEqual([]);
  });
});

describe('a git server that is down', () => {
  it('holds up no apply: the branch as it was fetched last answers', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.git.unreachable = new UserError('The repository cannot be fetched.');
    expect(await bench.apply()).toEqual({ kind: 'none' });
    bench.run('applied');
  });

  it('is no answer where the mirror cannot tell either', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.git.unreadable = new UserError('The mirror is damaged.');
    expect(await bench.press('approve')).toMatchObject({
      code: 'other-branch',
      text: expect.stringContaining('cannot be told'),
    });
    bench.run('planned');
  });

  it('is no answer at the apply either', async () => {
    const { bench, open } = await heldAfterTheApproval();
    bench.git.unreadable = new UserError('The mirror is damaged.');
    open();
    await bench.settle();
    expect(bench.run('failed', 'r-2').failure.message).toContain('cannot be told');
    expect(bench.cluster.asked).toEqual([]);
  });
});

/** Two approved runs in one lane: the second, of commit 2, waits while the first one plans. */
async function heldAfterTheApproval(): Promise<{ readonly bench: Bench; readonly open: () => void }> {
  const bench = await aBench();
  await bench.push(1);
  await bench.push(2, larger);
  await bench.chat.command('/proxnix lock wait', second);
  await bench.chat.command('/proxnix unlock', second);
  const held = gate();
  let fetches = 0;
  bench.git.beforeFetch = () => {
    fetches += 1;
    return held.opened;
  };
  await bench.press('approve');
  await until(() => fetches === 1);
  return { bench, open: held.open };
}
