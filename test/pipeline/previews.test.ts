import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { PullEvent } from '../../src/core/pull.ts';
import { planOf } from '../../src/core/run.ts';
import { FakeForge } from '../fakes/forge.ts';
import { aBench, type Bench, type BenchOptions, type Declared, owner, stranger } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { commitOf, shaOf, threeVms } from './support/fleet.ts';

const larger = { vms: threeVms({ memory_mb: 4096 }) };

const event: PullEvent = { repository: 'acme/fleet', number: 7, base: 'main', isFork: false, action: 'pushed' };

/** A bench whose first commit is applied. */
async function aWorld(options: BenchOptions = {}) {
  const forge = new FakeForge();
  const bench = await aBench({ ...options, forge });
  await bench.push(1);
  await bench.apply();
  return { bench, forge, status: (n: number) => forge.status(shaOf(n), 'proxnix/acme/preview') };
}

/** A commit is pushed to the request, and reported. */
function pushPull(bench: Bench, n: number, declared: Declared = larger, change: Partial<PullEvent> = {}) {
  bench.declare(n, declared);
  bench.git.pushPull(commitOf(n), 7);
  return bench.pipeline.pull({ ...event, head: shaOf(n), ...change });
}

async function preview(bench: Bench, n: number, declared: Declared = larger, change: Partial<PullEvent> = {}) {
  const outcome = pushPull(bench, n, declared, change);
  await bench.settle();
  return outcome;
}

describe('a pull request', () => {
  it('gets a plan as a quiet card without buttons, and as a comment', async () => {
    const { bench, forge, status } = await aWorld();
    expect(await preview(bench, 2)).toEqual({ kind: 'accepted' });
    const run = bench.run('previewed');
    expect(run).toMatchObject({ trigger: { kind: 'pull', number: 7 }, commit: { sha: shaOf(2) }, ref: 'pull/7' });
    const card = bench.message(run.id).cards.at(-1);
    expect(card).toMatchObject({ tone: 'quiet', title: 'Preview of #7: update 1', buttons: [] });
    expect(bench.text()).toContain('memory 2048 -> 4096 MiB');
    expect(bench.text()).toContain('nothing can be approved yet');
    const [comment] = forge.comments(7);
    expect(forge.comments(7)).toHaveLength(1);
    expect(comment).toContain('Preview for fleet acme: update 1');
    expect(comment).toContain('memory 2048 -> 4096 MiB');
    expect(comment).toContain(`Run [${run.id}](https://bot.example/runs/${run.id})`);
    expect(status(2)).toBe(`success preview: update 1 (run ${run.id})`);
  });

  it('builds nothing and changes nothing', async () => {
    const { bench } = await aWorld();
    const before = JSON.stringify(await bench.cluster.list());
    const { lastSeen, applied } = bench.store.fleet('acme');
    await preview(bench, 2);
    expect(JSON.stringify(await bench.cluster.list())).toBe(before);
    expect(bench.store.fleet('acme')).toMatchObject({ lastSeen, applied });
    expect(bench.audit().filter((line) => line.includes('r-2'))).toEqual([]);
  });

  it('has one card and one comment, which the next commit edits', async () => {
    const { bench, forge, status } = await aWorld();
    await preview(bench, 2);
    const messages = bench.chat.messages.length;
    await preview(bench, 3, { vms: threeVms({ memory_mb: 8192 }) });
    expect(bench.chat.messages).toHaveLength(messages);
    expect(bench.pipeline.runs()).toHaveLength(2);
    expect(bench.text()).toContain('8192');
    expect(forge.comments(7)).toEqual([expect.stringContaining('8192')]);
    expect(status(2)).toMatch(/^success a newer commit took its place/);
    expect(status(3)).toMatch(/^success preview/);
  });

  it('that changes nothing says so', async () => {
    const { bench, forge } = await aWorld();
    await preview(bench, 2, {});
    expect(bench.text()).toContain('Preview of #7: nothing to do');
    expect(forge.comments(7)).toEqual([expect.stringContaining('nothing to do')]);
    bench.run('previewed');
  });

  it('that cannot be planned says so, and its next commit is planned', async () => {
    const { bench, forge, status } = await aWorld();
    await preview(bench, 2, { broken: true });
    const run = bench.run('failed');
    expect(bench.message(run.id).cards.at(-1)?.buttons).toEqual([]);
    expect(forge.comments(7)).toEqual([expect.stringContaining('no plan could be made')]);
    expect(status(2)).toMatch(/^failure/);
    await preview(bench, 3);
    expect(forge.comments(7)).toEqual([expect.stringContaining('memory 2048 -> 4096 MiB')]);
    bench.run('previewed');
  });

  it('reported ten times at once makes one preview, of the newest commit', async () => {
    const { bench } = await aWorld();
    for (let n = 2; n <= 11; n += 1) pushPull(bench, n);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(2);
    expect(bench.run('previewed').commit.sha).toBe(shaOf(11));
  });

  it('that gets a commit while it is planned is planned for that one', async () => {
    const { bench, forge } = await aWorld();
    const { opened, open } = gate();
    bench.builder.evaluationWaits = () => opened;
    pushPull(bench, 2);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    pushPull(bench, 3);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').commit?.sha === shaOf(3));
    open();
    await bench.settle();
    expect(bench.run('previewed').commit.sha).toBe(shaOf(3));
    expect(forge.comments(7)).toHaveLength(1);
  });

  it('is looked for again when git does not have its commit yet', async () => {
    const { bench } = await aWorld();
    bench.declare(2, larger);
    bench.pipeline.pull({ ...event, head: shaOf(2) });
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
    bench.git.pushPull(commitOf(2), 7);
    await bench.clock.advance(2_000);
    await bench.settle();
    expect(bench.run('previewed').commit.sha).toBe(shaOf(2));
  });

  it('is looked for again when the repository is away, and given up in the end', async () => {
    const { bench } = await aWorld();
    bench.git.unreachable = new UserError('The repository cannot be fetched.');
    pushPull(bench, 2);
    await bench.clock.advance(60_000);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.logged.filter(({ message }) => message === 'a request could not be previewed')).toHaveLength(1);
    bench.git.unreachable = undefined;
    await preview(bench, 3);
    bench.run('previewed');
  });

  it('of another base, or of another repository, gets nothing', async () => {
    const { bench } = await aWorld();
    expect(await preview(bench, 2, larger, { base: 'next' })).toMatchObject({
      kind: 'ignored',
      isOtherRepository: false,
    });
    expect(await preview(bench, 2, larger, { repository: 'eve/fleet' })).toMatchObject({ isOtherRepository: true });
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('that moves to another base is over', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2);
    await preview(bench, 2, larger, { base: 'next' });
    bench.run('closed');
  });

  it('that is closed ends its preview, also one that is being made', async () => {
    const { bench, forge } = await aWorld();
    await preview(bench, 2);
    expect(bench.pipeline.pull({ ...event, action: 'closed' })).toEqual({ kind: 'accepted' });
    await bench.settle();
    const run = bench.run('closed');
    expect(bench.text(bench.message(run.id))).toBe('Closed: preview of #7');
    expect(bench.git.pinned(run.id)).toBeUndefined();
    bench.builder.evaluationWaits = () => new Promise(() => undefined);
    pushPull(bench, 3);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    bench.pipeline.pull({ ...event, action: 'closed' });
    await until(() => bench.pipeline.runs().at(-1)?.phase === 'closed');
    await bench.settle();
    expect(forge.status(shaOf(3), 'proxnix/acme/preview')).toMatch(/^success the request is closed/);
    expect(bench.errors()).toEqual([]);
  });

  it('that is closed before git had its commit is not previewed', async () => {
    const { bench } = await aWorld();
    pushPull(bench, 2);
    bench.pipeline.pull({ ...event, action: 'closed' });
    await bench.clock.advance(60_000);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('that is closed while its commit is fetched is not previewed', async () => {
    const { bench } = await aWorld();
    const { opened, open } = gate();
    let fetches = 0;
    bench.git.beforeFetch = () => {
      fetches += 1;
      return opened;
    };
    pushPull(bench, 2);
    await bench.clock.advance(500);
    await until(() => fetches === 1);
    bench.pipeline.pull({ ...event, action: 'closed' });
    open();
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('whose end nobody told is over when its plan is old', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2);
    await bench.clock.advance(25 * 60 * 60_000);
    await bench.settle();
    expect(bench.pipeline.run('r-2')?.phase).toBe('closed');
  });

  it('is previewed after a restart in its middle', async () => {
    const { bench, forge } = await aWorld();
    bench.builder.evaluationWaits = () => new Promise(() => undefined);
    pushPull(bench, 2);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    bench.builder.evaluationWaits = () => undefined;
    await bench.restart();
    await bench.settle();
    bench.run('previewed');
    expect(forge.comments(7)).toHaveLength(1);
    const { writes } = forge;
    await bench.restart();
    await bench.settle();
    await preview(bench, 3);
    expect(forge.comments(7)).toHaveLength(1);
    expect(forge.writes).toBeGreaterThan(writes);
  });

  it('keeps the newest comment over a restart, also when an earlier preview of it failed and it is closed', async () => {
    const { bench, forge } = await aWorld();
    await preview(bench, 2, { broken: true });
    await preview(bench, 3);
    bench.pipeline.pull({ ...event, action: 'closed' });
    await bench.settle();
    const before = forge.comments(7);
    expect(before).toEqual([expect.stringContaining('memory 2048 -> 4096 MiB')]);
    await bench.restart();
    await bench.settle();
    expect(forge.comments(7)).toEqual(before);
  });

  it('has its card without a token as well', async () => {
    const bench = await aBench();
    await preview(bench, 2);
    bench.run('previewed');
    expect(bench.text()).toContain('Preview of #7: create 3');
    expect(bench.errors()).toEqual([]);
  });

  it('gets no secret into its comment', async () => {
    const { bench, forge } = await aWorld({ gate: (text) => text.replaceAll('4096', '[secret]') });
    await preview(bench, 2);
    expect(forge.comments(7)).toEqual([expect.stringContaining('memory 2048 -> [secret] MiB')]);
  });
});

describe('a preview', () => {
  it('is approved by no button and by no command, whatever is allowed', async () => {
    const { bench } = await aWorld({ policy: { allowOtherBranches: true } });
    await preview(bench, 2);
    const run = bench.run('previewed');
    const planId = run.preview.id;
    const refusal = { kind: 'note', code: 'other-branch', text: expect.stringContaining('is a preview') };
    for (const action of ['approve', 'reject'] as const) {
      expect(await bench.chat.press({ action, runId: run.id, planId }, owner)).toMatchObject(refusal);
      expect(await bench.chat.command(`/proxnix ${action} ${run.id} ${planId}`)).toMatchObject(refusal);
    }
    expect(await bench.chat.command(`/proxnix approve ${run.id}`)).toMatchObject(refusal);
    expect(await bench.chat.command(`/proxnix cancel ${run.id}`)).toMatchObject({ code: 'already-decided' });
    await bench.settle();
    expect(bench.run('previewed').id).toBe(run.id);
    expect(planOf(run)).toBeUndefined();
  });

  it('takes the place of no plan, and none takes its place', async () => {
    const { bench } = await aWorld();
    await bench.push(2, larger);
    await preview(bench, 3, larger);
    bench.run('planned', 'r-2');
    bench.run('previewed', 'r-3');
    await bench.push(4, { vms: threeVms({ memory_mb: 8192 }) });
    bench.run('superseded', 'r-2');
    bench.run('previewed', 'r-3');
    bench.run('planned', 'r-4');
  });

  it('stands for no plan of its commit once that is merged', async () => {
    const { bench, forge, status } = await aWorld();
    await preview(bench, 2);
    bench.git.push(commitOf(2));
    bench.report();
    bench.pipeline.pull({ ...event, action: 'closed' });
    await bench.settle();
    bench.run('closed', 'r-2');
    expect(bench.run('planned').id).toBe('r-3');
    expect(forge.status(shaOf(2), 'proxnix/acme')).toMatch(/^pending waits for approval/);
    expect(status(2)).toMatch(/^success preview/);
    await bench.apply();
    bench.run('applied');
  });

  it('is merged while it is planned: the branch gets a run of its own', async () => {
    const { bench } = await aWorld();
    const { opened, open } = gate();
    bench.builder.evaluationWaits = () => opened;
    pushPull(bench, 2);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    bench.git.push(commitOf(2));
    bench.report();
    await bench.clock.advance(500);
    open();
    await bench.settle();
    expect(bench.run('planned').id).toBe('r-3');
    bench.run('previewed', 'r-2');
  });

  it('is not what a person gets who plans the branch of the request', async () => {
    const { bench } = await aWorld();
    const { opened, open } = gate();
    bench.builder.evaluationWaits = () => opened;
    pushPull(bench, 2);
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    bench.git.point('refs/heads/feature', shaOf(2));
    expect(await bench.chat.command('/proxnix plan feature')).toMatchObject({ text: 'Planning as run r-3.' });
    open();
    await bench.settle();
    bench.run('previewed', 'r-2');
    bench.run('planned', 'r-3');
  });

  it('holds up no check for drift, which is not measured against it', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2);
    await bench.chat.command('/proxnix drift');
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(2);
    bench.cluster.remove(820);
    await bench.chat.command('/proxnix drift');
    await bench.settle();
    const run = bench.run('planned');
    expect(run.trigger.kind).toBe('drift');
    expect(run.plan.goal.commit.sha).toBe(shaOf(1));
    expect(run.plan.changes).toHaveLength(1);
  });

  it('stands in the history with its request', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2);
    expect(JSON.stringify(await bench.chat.command('/proxnix history'))).toMatch(
      /r-2 previewed \w+, pull\/7: update 1/,
    );
  });

  it('that failed is not the last run of the status', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2, { broken: true });
    const answer = await bench.chat.command('/proxnix status');
    expect(JSON.stringify(answer)).toContain('r-1');
    expect(JSON.stringify(answer)).not.toContain('r-2');
  });
});

describe('a request from another repository', () => {
  const fork = { isFork: true } as const;

  it('is not evaluated, and nothing is said', async () => {
    const { bench, forge } = await aWorld();
    let evaluations = 0;
    bench.builder.evaluationWaits = () => {
      evaluations += 1;
      return undefined;
    };
    expect(await preview(bench, 2, larger, fork)).toMatchObject({ kind: 'ignored' });
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(forge.comments(7)).toEqual([]);
    expect(forge.state.statuses.get(shaOf(2))).toBeUndefined();
    expect(evaluations).toBe(0);
  });

  it('is previewed where PREVIEW_FORKS allows it', async () => {
    const { bench, forge } = await aWorld({ fleets: [{ previewForks: true }] });
    await preview(bench, 2, larger, fork);
    bench.run('previewed');
    expect(forge.comments(7)).toHaveLength(1);
  });

  it.each(['pull/7', 'refs/pull/7/head', 'merge-requests/7', 'acme pull/7'])(
    'is previewed when an approver types /proxnix plan %s, and not again by itself',
    async (ref) => {
      const { bench, forge } = await aWorld();
      await preview(bench, 2, larger, fork);
      expect(await bench.chat.command(`/proxnix plan ${ref}`)).toMatchObject({ text: 'Previewing #7 as run r-2.' });
      await bench.settle();
      expect(bench.run('previewed')).toMatchObject({ commit: { sha: shaOf(2) }, trigger: { by: { id: 'owner' } } });
      expect(forge.comments(7)).toHaveLength(1);
      await preview(bench, 3, larger, fork);
      expect(bench.run('previewed').commit.sha).toBe(shaOf(2));
    },
  );

  it('is compared with the cluster again when an approver asks again', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2);
    bench.cluster.remove(820);
    expect(await bench.chat.command('/proxnix plan pull/7')).toMatchObject({ text: 'Previewing #7 as run r-2.' });
    await bench.settle();
    expect(
      bench
        .run('previewed')
        .preview.changes.map(({ action }) => action)
        .sort(),
    ).toEqual(['create', 'update']);
  });

  it('is previewed for nobody else who may read', async () => {
    const { bench } = await aWorld();
    await preview(bench, 2, larger, fork);
    expect(await bench.chat.command('/proxnix plan pull/7', stranger)).toMatchObject({ code: 'not-an-approver' });
    expect(bench.audit().at(-1)).toBe('refused console:stranger not-an-approver plan');
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('that is not there is told so', async () => {
    const { bench } = await aWorld();
    expect(await bench.chat.command('/proxnix plan pull/99')).toMatchObject({
      text: expect.stringContaining('no pull or merge request 99'),
    });
  });
});
