import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { ForgeBusy } from '../../src/forge/forge.ts';
import { FakeForge } from '../fakes/forge.ts';
import { aBench } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { aForeignGuest, commitOf, shaOf, threeVms } from './support/fleet.ts';

const larger = { vms: threeVms({ memory_mb: 4096 }) };

async function aWorld() {
  const forge = new FakeForge();
  const bench = await aBench({ forge });
  return { bench, forge, status: (n: number) => forge.status(shaOf(n), 'proxnix/acme') };
}

/** Every status that a commit got, in short. */
const all = (forge: FakeForge, n: number) =>
  (forge.state.statuses.get(shaOf(n)) ?? []).map(({ state, description }) => `${state} ${description}`);

describe('the status of a commit', () => {
  it('follows plan and apply, once for each state, with a link to the run', async () => {
    const { bench, forge } = await aWorld();
    await bench.push(1);
    await bench.apply();
    expect(all(forge, 1)).toEqual([
      'pending planning (run r-1)',
      'pending waits for approval: create 3 (run r-1)',
      'pending approved: create 3 (run r-1)',
      'pending applying: create 3 (run r-1)',
      'success applied: created 3 (run r-1)',
    ]);
    expect(forge.state.statuses.get(shaOf(1))?.at(-1)?.url).toBe('https://bot.example/runs/r-1');
  });

  it('is success where nothing is to be done, and where an open plan stands', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1);
    await bench.push(2);
    expect(status(2)).toBe('success changes nothing in the plan of run r-1 (run r-2)');
    await bench.apply();
    await bench.push(3);
    expect(status(3)).toBe('success nothing to do (run r-3)');
  });

  it('is failure where no plan could be made, and after a rejection', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1, { broken: true });
    expect(status(1)).toBe('failure no plan could be made (run r-1)');
    await bench.push(2);
    await bench.chat.command(`/proxnix reject r-2 ${bench.run('planned').plan.id}`);
    await bench.settle();
    expect(status(2)).toBe('failure the plan was rejected: nothing was changed (run r-2)');
  });

  it('is failure after nobody decided', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1);
    await bench.clock.advance(25 * 60 * 60_000);
    await bench.settle();
    expect(status(1)).toBe('failure nobody decided in time: nothing was changed (run r-1)');
  });

  it('does not stay pending after a newer plan took its place', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1);
    await bench.push(2, larger);
    expect(status(1)).toBe('success superseded by run r-2: nothing was changed (run r-1)');
    expect(status(2)).toMatch(/^pending waits for approval/);
  });

  it('does not stay pending after a newer commit came while it was planned', async () => {
    const { bench, status } = await aWorld();
    const { opened, open } = gate();
    bench.builder.evaluationWaits = () => opened;
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    await until(() => bench.run('planning').activity === 'evaluating');
    bench.commit(2);
    bench.report();
    await bench.clock.advance(500);
    await until(() => bench.run('planning').commit?.sha === shaOf(2));
    open();
    await bench.settle();
    expect(status(1)).toBe('success a newer commit took its place: nothing was changed');
    expect(status(2)).toMatch(/^pending waits/);
  });

  it('is that of the newest run for the commit', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1);
    bench.cluster.put(aForeignGuest(900));
    bench.cluster.put({ ...aForeignGuest(820) });
    await bench.chat.command('/proxnix plan main');
    await bench.settle();
    bench.run('superseded', 'r-1');
    expect(status(1)).toMatch(/^pending waits for approval.*\(run r-2\)$/);
  });

  it('stays that of an open plan when the same commit is planned once more', async () => {
    const { bench, status } = await aWorld();
    await bench.push(1);
    await bench.chat.command('/proxnix plan main');
    await bench.settle();
    bench.run('in-sync', 'r-2');
    expect(status(1)).toBe('pending waits for approval: create 3 (run r-1)');
    await bench.apply();
    expect(status(1)).toBe('success applied: created 3 (run r-1)');
  });

  it('is given to commits of the branch alone, and not for drift, rollback and adoption', async () => {
    const { bench, forge } = await aWorld();
    await bench.push(1);
    await bench.apply();
    const given = all(forge, 1).length;
    bench.cluster.remove(820);
    await bench.chat.command('/proxnix drift');
    await bench.settle();
    bench.declare(2, larger);
    bench.git.point('refs/heads/feature', shaOf(1));
    bench.git.push(commitOf(2), 'feature');
    await bench.chat.command('/proxnix plan feature');
    await bench.settle();
    expect(bench.pipeline.runs().map(({ trigger }) => trigger.kind)).toContain('drift');
    expect(all(forge, 2)).toEqual([]);
    expect(all(forge, 1)).toHaveLength(given);
  });

  it('is sent nowhere without a token', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    expect(bench.logged.filter(({ message }) => message.includes('forge'))).toEqual([]);
  });
});

describe('a forge that does not take a status', () => {
  it('holds up no apply, is tried again, and gets the newest', async () => {
    const { bench, forge, status } = await aWorld();
    forge.broken = new UserError('The forge does not answer.', { mayPass: true });
    await bench.push(1);
    await bench.apply();
    bench.run('applied');
    expect(all(forge, 1)).toEqual([]);
    forge.broken = undefined;
    await bench.clock.advance(10 * 60_000);
    expect(all(forge, 1)).toEqual([status(1)]);
    expect(status(1)).toBe('success applied: created 3 (run r-1)');
  });

  it('is not asked before the wait that it named is over', async () => {
    const { bench, forge } = await aWorld();
    bench.commit(1);
    const asked: number[] = [];
    const send = forge.setStatus.bind(forge);
    forge.setStatus = async (sha, status) => {
      asked.push(bench.clock.now());
      if (asked.length === 1) throw new ForgeBusy(120_000, 'wait');
      await send(sha, status);
    };
    bench.report();
    await bench.clock.advance(500);
    await until(() => bench.pipeline.runs().at(-1)?.phase === 'planned');
    await bench.clock.advance(300_000);
    const [first = 0, second = 0] = asked;
    expect(second - first).toBe(120_000);
    expect(asked).toHaveLength(2);
  });

  it('because it refuses that one takes the others meanwhile', async () => {
    const { bench, forge, status } = await aWorld();
    const send = forge.setStatus.bind(forge);
    forge.setStatus = async (sha, given) => {
      if (sha === shaOf(1)) throw new UserError('The forge refuses this commit (422).');
      await send(sha, given);
    };
    await bench.push(1, { broken: true });
    await bench.push(2);
    expect(status(2)).toMatch(/^pending waits for approval/);
  });

  it('for good is given up, and said as an error', async () => {
    const { bench, forge } = await aWorld();
    let asked = 0;
    forge.setStatus = async () => {
      asked += 1;
      throw new UserError('The forge does not let FORGE_TOKEN do this (403).');
    };
    await bench.push(1, { broken: true });
    await bench.clock.advance(24 * 60 * 60_000);
    expect(asked).toBeLessThan(20);
    expect(bench.errors()).toEqual(['the forge does not take a message, and it is dropped']);
  });
});

describe('after a restart', () => {
  it('a status that was not sent is sent, of open runs and of those that ended lately', async () => {
    const { bench, forge, status } = await aWorld();
    forge.broken = new UserError('The forge does not answer.', { mayPass: true });
    await bench.push(1);
    await bench.apply();
    await bench.push(2, larger);
    forge.broken = undefined;
    await bench.restart();
    await bench.settle();
    expect(status(1)).toBe('success applied: created 3 (run r-1)');
    expect(status(2)).toMatch(/^pending waits for approval/);
  });

  it('a commit keeps the status of the newest run for it', async () => {
    const { bench, forge, status } = await aWorld();
    await bench.push(1, { broken: true });
    bench.declare(1);
    await bench.chat.command('/proxnix plan');
    await bench.settle();
    await bench.restart();
    await bench.settle();
    expect(status(1)).toBe('pending waits for approval: create 3 (run r-2)');
    expect(all(forge, 1).at(-1)).toBe(status(1));
  });
});
