import { describe, expect, it } from 'vitest';
import { imageHash } from '../../src/core/guest.ts';
import { aBench } from '../support/pipeline.ts';
import { textOf } from './support/card-text.ts';
import { aForeignGuest, aVm, shaOf, threeVms } from './support/fleet.ts';

describe('a push', () => {
  it('becomes a plan with buttons, and an approval ends in the final tags', async () => {
    const bench = await aBench();
    await bench.push(1);
    const planned = bench.run('planned');
    expect(bench.text()).toMatch(/^Plan: create 3/);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['approve', 'reject', 'details']);
    expect(bench.cluster.asked).toEqual([]);
    expect(bench.builder.calls.build).toBe(0);

    expect(await bench.apply()).toEqual({ kind: 'none' });

    const applied = bench.run('applied');
    expect(bench.chat.messages).toHaveLength(1);
    for (const { vmid, image } of applied.plan.goal.guests) {
      const guest = bench.cluster.guest(vmid);
      expect(guest?.status).toBe('running');
      expect(guest?.tags).toEqual([`commit-${shaOf(1)}`, `nix-${imageHash(image)}`, 'proxnix']);
      expect(bench.text()).toContain(`nix-${imageHash(image)}`);
    }
    expect(bench.text()).toMatch(/^Applied: created 3/);
    expect(bench.text()).toContain(`commit-${shaOf(1)}`);
    expect(bench.text()).toContain('10.0.0.73');
    expect(bench.audit()).toEqual(['approved console:owner', 'started proxnix', 'ended proxnix applied']);
    expect(bench.store.audited().map((entry) => entry.plan)).toEqual([
      planned.plan.digest,
      planned.plan.digest,
      undefined,
    ]);
    expect(bench.store.fleet('acme')).toMatchObject({
      lastSeen: shaOf(1),
      applied: shaOf(1),
      running: [820, 822, 823],
      uploadedImages: applied.plan.goal.guests.map((guest) => imageHash(guest.image)),
    });
    expect(bench.builder.kept.map(imageHash).sort()).toEqual(
      applied.plan.goal.guests.map((guest) => imageHash(guest.image)).sort(),
    );
    expect(bench.errors()).toEqual([]);
  });

  it('says how it ended in the thread, after the final card', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const [message] = bench.chat.messages;
    expect(message?.replies.map(({ title }) => title)).toEqual([expect.stringMatching(/^Applied: created 3/)]);
  });

  it('planned again right after an apply finds nothing and asks for nothing', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2);
    expect(bench.run('in-sync').standing).toBeUndefined();
    expect(bench.buttons()).toEqual([]);
    expect(bench.text()).toMatch(/^In sync/);
  });

  it('changes, replaces and destroys in one run, builds before everything and destroys last', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    bench.cluster.asked.length = 0;
    const { website, database } = threeVms({ memory_mb: 4096 });
    await bench.push(2, { vms: { website, database }, images: { database: 'database 2' } });
    const answer = await bench.press('approve');
    if (answer.kind !== 'form') throw new Error(`a destroy asks for the name, not ${JSON.stringify(answer)}`);
    await bench.chat.submit(answer.form, { names: 'test-init' });
    await bench.settle();
    bench.run('applied');
    expect(bench.cluster.asked).toEqual([
      ...['upload', 'prepare', 'attach', 'swap', 'restart', 'start', 'finish'],
      ...['configure', 'restart', 'finish'],
      ...['stop', 'destroy'],
    ]);
    expect(bench.cluster.guest(820)).toBeUndefined();
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(4096);
  });

  it('sends an image that two VMs share once', async () => {
    const bench = await aBench();
    const vms = { a: aVm(), b: aVm({ name: 'test-second', vm_id: 824 }) };
    await bench.push(1, { vms });
    await bench.apply();
    expect(bench.cluster.asked.filter((kind) => kind === 'upload')).toHaveLength(1);
  });

  const branch = 'refs/heads/main';
  const otherRepository = 'the push is for acme/other, expected is acme/fleet (WEBHOOK_REPOSITORY)';
  it.each([
    ['of another repository', { repository: 'acme/other', ref: branch, after: shaOf(1) }, otherRepository, true],
    ...['dev', 'fleet'].map((name) => {
      const why = `the push is for refs/heads/${name}, expected is main`;
      return ['of another branch', { ref: `refs/heads/${name}`, after: shaOf(1) }, why, false] as const;
    }),
    ['of a tag', { ref: 'refs/tags/main', after: shaOf(1) }, 'the push is for refs/tags/main, expected is main', false],
    ['of a deleted branch', { ref: branch }, 'the branch was deleted', false],
  ] as const)('%s is ignored, with what came and what is expected', async (_, push, why, isOtherRepository) => {
    const bench = await aBench();
    bench.commit(1);
    const outcome = bench.pipeline.push({ repository: 'acme/fleet', ...push });
    expect(outcome).toEqual({ kind: 'ignored', why, isOtherRepository });
    await bench.settle();
    expect(bench.pipeline.runs()).toEqual([]);
  });

  it.each([
    ['git/acme/fleet', 'acme/fleet', 'accepted'],
    ['git/acme/fleet', 'git/acme/fleet', 'accepted'],
    ['git/acme/fleet', 'me/fleet', 'ignored'],
    ['acme/fleet', 'git/acme/fleet', 'ignored'],
  ])('of a clone address with %s, whose forge says %s, is %s', async (repository, pushed, kind) => {
    const bench = await aBench({ fleets: [{ repository }] });
    bench.commit(1);
    expect(bench.pipeline.push({ repository: pushed, ref: branch, after: shaOf(1) }).kind).toBe(kind);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(kind === 'accepted' ? 1 : 0);
  });

  it('names a commit that the repository does not have: the head of the branch is planned', async () => {
    const bench = await aBench();
    bench.commit(1);
    bench.pipeline.push({ repository: 'acme/fleet', ref: 'refs/heads/main', after: shaOf(666) });
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
  });

  it('whose flake does not evaluate says so and offers to plan again', async () => {
    const bench = await aBench();
    await bench.push(1, { broken: true });
    expect(bench.run('failed').failure.message).toContain('does not evaluate');
    expect(bench.text()).toMatch(/^Failed: nothing was changed/);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);

    bench.builder.commit(shaOf(1), { fleet: { vms: threeVms() }, images: { website: '', database: '', init: '' } });
    await bench.press('plan-again');
    await bench.settle();
    bench.run('planned');
  });

  it('whose flake has a mistake names the VM and the field', async () => {
    const bench = await aBench();
    await bench.push(1, { vms: { website: aVm({ coers: 2 }) } });
    expect(bench.run('failed').failure.message).toContain('website: unknown field "coers", did you mean "cores"?');
  });

  it('that finds only what is blocked shows why, without Approve', async () => {
    const bench = await aBench();
    await bench.push(1, { vms: { website: aVm({ storage_location: 'nowhere' }) } });
    const run = bench.run('blocked');
    expect(bench.text()).toMatch(/^Blocked: 1 change cannot be run/);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
    const answer = await bench.chat.command(`/proxnix approve ${run.id}`);
    expect(answer).toMatchObject({ code: 'already-decided' });
    expect(bench.cluster.asked).toEqual([]);
  });

  it('runs what is not blocked and leaves a foreign guest under a wanted VMID alone', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const foreign = aForeignGuest(900, 'nas');
    bench.cluster.put(foreign);
    await bench.push(2, { vms: { ...threeVms({ memory_mb: 1024 }), nas: aVm({ name: 'test-nas', vm_id: 900 }) } });
    expect(bench.text()).toContain('1 blocked');
    await bench.apply();
    bench.run('applied');
    expect(bench.cluster.guest(900)).toEqual(foreign);
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(1024);
  });

  it('with an empty fleet asks for the whole sentence before it destroys everything', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { vms: {} });
    const asked = await bench.press('approve');
    if (asked.kind !== 'form') throw new Error('the sentence must be typed');
    expect(await bench.chat.submit(asked.form, { names: 'test-init test-database test-website' })).toMatchObject({
      kind: 'invalid',
      text: 'Type destroy 3 guests of acme',
    });
    bench.run('planned');
    await bench.chat.submit(asked.form, { names: 'destroy 3 guests of acme' });
    await bench.settle();
    bench.run('applied');
    expect([820, 822, 823].map((vmid) => bench.cluster.guest(vmid))).toEqual([undefined, undefined, undefined]);
    expect(textOf(bench.chat.card())).toContain('Applied: destroyed 3');
  });
});
