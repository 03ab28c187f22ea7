import { describe, expect, it } from 'vitest';
import { withConfig } from '../fakes/cluster-guest.ts';
import { aBench, type Bench, owner, stranger } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { aForeignGuest, aVm, present, shaOf, threeVms } from './support/fleet.ts';

/** A bench whose fleet is deployed but for 820, which is somebody else's guest. */
async function withForeign(change: object = {}): Promise<Bench> {
  const bench = await aBench();
  bench.cluster.put({ ...aForeignGuest(820, 'payroll'), ...change });
  await bench.push(1);
  await bench.apply();
  bench.cluster.asked.length = 0;
  return bench;
}

async function adopt(bench: Bench, what = 'test-init'): Promise<void> {
  const run = bench.pipeline.runs().length + 1;
  const answer = await bench.chat.command(`/proxnix adopt ${what}`, owner);
  expect(answer).toEqual({ kind: 'note', text: `Planning as run r-${run}.` });
  await bench.settle();
}

describe('a guest that somebody wants taken over', () => {
  it('is pointed at by the plan that it blocks', async () => {
    const bench = await aBench();
    bench.cluster.put(aForeignGuest(820, 'payroll'));
    await bench.push(1);
    expect(bench.text().replace(/\s+/g, ' ')).toContain('take it over with /proxnix adopt test-init.');
  });

  it.each(['test-init', 'init', '820'])('is planned, approved like any plan, and only tagged: %s', async (what) => {
    const bench = await withForeign();
    const before = present(bench.cluster.guest(820));
    await adopt(bench, what);
    const run = bench.run('planned');
    expect(run.plan.changes.map(({ action }) => action)).toEqual(['adopt']);
    expect(bench.text()).toMatch(/^Plan: adopt 1/);
    expect(bench.text()).toContain('the next plan WILL replace that disk');
    expect(await bench.press('approve', stranger)).toMatchObject({ code: 'not-an-approver' });
    await bench.apply();
    bench.run('applied', run.id);
    expect(bench.text()).toMatch(/^Applied: adopted 1/);
    expect(bench.cluster.asked).toEqual(['adopt']);
    expect(bench.cluster.guest(820)).toEqual({ ...before, tags: ['backup', 'proxnix'] });
    expect(bench.errors()).toEqual([]);
    await bench.press('plan-again', owner);
    await bench.settle();
    expect(bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`)).toEqual(['replace 820']);
    await bench.apply();
    expect(bench.cluster.guest(820)?.tags).toContain('backup');
  });

  it('is not taken for an apply of the commit, so a drift is still measured from the one before', async () => {
    const bench = await withForeign();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    await bench.chat.command('/proxnix reject r-2', owner);
    await adopt(bench);
    await bench.apply();
    expect(bench.store.fleet('acme').applied).toBe(shaOf(1));
  });

  it('is no drift when nobody approves it', async () => {
    const bench = await withForeign();
    await adopt(bench);
    await bench.chat.command('/proxnix reject r-2', owner);
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({
      text: `acme: nothing differs from ${shaOf(1).slice(0, 7)}, which was applied last.`,
    });
  });

  it('leaves an open plan of the fleet open, and gives way to a newer one', async () => {
    const bench = await withForeign();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    await adopt(bench);
    expect(bench.pipeline.runs().map(({ phase }) => phase)).toEqual(['applied', 'planned', 'planned']);
    await bench.push(3, { vms: threeVms({ memory_mb: 8192 }) });
    expect(bench.pipeline.runs().map(({ phase }) => phase)).toEqual(['applied', 'superseded', 'superseded', 'planned']);
  });

  it('is asked for once, also when two ask', async () => {
    const bench = await withForeign();
    await adopt(bench);
    await adopt(bench);
    bench.run('in-sync');
    expect(bench.text()).toContain('run r-2 is still open');
    bench.run('planned', 'r-2');
  });

  it('does not keep the push of a commit from being planned that was not seen before', async () => {
    const bench = await withForeign();
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    const held = gate();
    bench.builder.evaluationWaits = () => held.opened;
    await bench.chat.command('/proxnix adopt test-init', owner);
    bench.report();
    await bench.clock.advance(1000);
    held.open();
    await bench.settle();
    expect(bench.run('superseded', 'r-2').plan?.goal).toMatchObject({ adopt: 820, commit: { sha: shaOf(2) } });
    expect(bench.run('planned', 'r-3')).toMatchObject({ commit: { sha: shaOf(2) }, trigger: { kind: 'push' } });
  });

  it('voids the approval when it was changed, and is not tagged', async () => {
    const bench = await withForeign();
    await adopt(bench);
    bench.cluster.put({ ...present(bench.cluster.guest(820)), tags: ['backup', 'prod'] });
    expect(await bench.press('approve')).toMatchObject({ code: 'plan-drifted' });
    await bench.settle();
    expect(bench.run('planned').clusterChanges).toEqual(['the tags of test-init (820) changed']);
    expect(bench.cluster.asked).toEqual([]);
    const other = aForeignGuest(820, 'payroll');
    bench.cluster.before = (step) => {
      if (step.kind === 'adopt') bench.cluster.put(withConfig(other, { cores: 9 }));
      return undefined;
    };
    await bench.apply();
    expect(bench.run('failed').failure.message).toContain('changed by somebody else');
    expect(bench.cluster.guest(820)?.tags).toEqual(['backup']);
  });

  it('is refused on the card when it is locked', async () => {
    const bench = await withForeign({ lock: 'backup' });
    await adopt(bench);
    bench.run('blocked');
    expect(bench.text()).toContain('VM 820 is locked (backup)');
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
  });

  it('is refused when the flake does not want it', async () => {
    const bench = await withForeign();
    bench.cluster.put(aForeignGuest(999, 'nas'));
    const runs = bench.pipeline.runs().length;
    for (const [name, says] of [
      ['999', 'The flake declares no guest "999".'],
      ['test-inti', 'did you mean "test-init"?'],
    ]) {
      const answer = await bench.chat.command(`/proxnix adopt ${name}`, owner);
      expect(answer).toMatchObject({ kind: 'note', text: expect.stringContaining(says ?? '') });
    }
    expect(bench.pipeline.runs()).toHaveLength(runs);
    expect(bench.cluster.asked).toEqual([]);
  });

  it('needs nothing when it is ours already: that is answered, and where it is not known yet said on a card', async () => {
    const bench = await withForeign();
    expect(await bench.chat.command('/proxnix adopt test-website', owner)).toMatchObject({
      text: 'test-website (823) needs no adoption: proxnix manages it already.',
    });
    bench.commit(2);
    await adopt(bench, 'test-website');
    bench.run('in-sync');
    expect(bench.text()).toMatch(/^In sync: test-website of 0002c0f .* needs no adoption/);
  });

  it('is planned again as what it was when the bot is started anew', async () => {
    const bench = await withForeign();
    const held = gate();
    bench.builder.evaluationWaits = () => held.opened;
    await bench.chat.command('/proxnix adopt test-init', owner);
    await until(() => bench.pipeline.runs().length === 2);
    await bench.restart();
    held.open();
    await bench.settle();
    expect(bench.run('planned').plan.goal.adopt).toBe(820);
    await bench.apply();
    expect(bench.cluster.guest(820)?.tags).toEqual(['backup', 'proxnix']);
  });

  it('keeps its root disk where its tags name the image', async () => {
    const bench = await aBench();
    await bench.push(1, { vms: { init: aVm({ name: 'test-init', vm_id: 820, image_type: 'init' }) } });
    await bench.apply();
    const guest = present(bench.cluster.guest(820));
    bench.cluster.put({ ...guest, tags: guest.tags.filter((tag) => tag !== 'proxnix') });
    await adopt(bench);
    expect(bench.text()).toContain('Its root disk is kept');
    await bench.apply();
    expect(bench.cluster.guest(820)?.tags).toEqual(guest.tags);
  });
});
