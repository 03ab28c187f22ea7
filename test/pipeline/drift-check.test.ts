import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { planOf } from '../../src/core/run.ts';
import { type FakeGuest, withConfig } from '../fakes/cluster-guest.ts';
import { aBench, type Bench, type BenchOptions, owner, stranger } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { aForeignGuest, commitOf, present, shaOf, threeVms } from './support/fleet.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

const everyMs = 15 * 60_000;
const hourMs = 60 * 60_000;

/** A bench whose fleet is deployed, compared every quarter of an hour. */
async function deployed(options: BenchOptions = {}): Promise<Bench> {
  const bench = await aBench(options);
  await bench.push(1);
  await bench.apply();
  bench.pipeline.keepUp({ planIntervalMs: everyMs });
  bench.cluster.asked.length = 0;
  return bench;
}

async function check(bench: Bench, ms = everyMs): Promise<void> {
  await bench.clock.advance(ms);
  await bench.settle();
}

function change(bench: Bench, config: Partial<FakeGuest['config']> = { memoryMb: 1024 }, vmid = 823): void {
  const guest = present(bench.cluster.guest(vmid));
  bench.cluster.put(withConfig(guest, config));
}

function drifts(bench: Bench): readonly string[] {
  return bench.pipeline.runs().flatMap((run) => (run.trigger.kind === 'drift' ? [run.phase] : []));
}

describe.each(['vm', 'container'] as const)('a %s that a failed rollback left unfinished', (kind) => {
  it('is finished on the disk that it has, not given another one', async () => {
    const first = fleetOf(kind, { website: {} });
    const { bench, plan, deploy } = await startSimulated();
    await deploy(1, first);
    await deploy(2, { ...first, images: { website: 'website 2' } });
    bench.health.script(823, 'ill', 'ill');
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    bench.run('failed');
    await bench.chat.command('/proxnix drift', owner);
    await bench.settle();
    expect(plan()).toEqual(['update 823']);
    expect(bench.text()).toContain('is on its root disk');
  });
});

describe('a check that finds nothing', () => {
  it('says nothing and keeps no run', async () => {
    const bench = await deployed();
    const messages = bench.chat.messages.length;
    const reads = bench.cluster.reads;
    await check(bench);
    await check(bench);
    expect(bench.cluster.reads).toBe(reads + 2);
    expect(bench.chat.messages).toHaveLength(messages);
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.errors()).toEqual([]);
  });

  it('is not made before anything was applied', async () => {
    const bench = await aBench();
    await bench.push(1);
    const reads = bench.cluster.reads;
    bench.pipeline.keepUp({ planIntervalMs: everyMs });
    await check(bench);
    expect(bench.cluster.reads).toBe(reads);
  });

  it('compares with what was applied last, not with the newest commit', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    await bench.chat.command('/proxnix reject r-2', owner);
    await check(bench);
    expect(drifts(bench)).toEqual([]);
  });

  it('takes what could not be run at the apply for what it was', async () => {
    const bench = await aBench();
    bench.cluster.put(aForeignGuest(820));
    await bench.push(1);
    await bench.apply();
    bench.run('applied');
    bench.pipeline.keepUp({ planIntervalMs: everyMs });
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    change(bench);
    await check(bench);
    expect(drifts(bench)).toEqual(['planned']);
  });
});

describe('a drift', () => {
  it('becomes a plan that is applied again when it is approved', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    const run = bench.run('planned');
    expect(run.commit.sha).toBe(shaOf(1));
    expect(bench.text()).toMatch(/^Drift: update 1/);
    expect(bench.buttons().map(({ label }) => label)).toEqual(['Re-apply', 'Ignore for 24 h', 'Accept', 'Full plan']);
    expect(bench.cluster.asked).toEqual([]);
    expect(await bench.press('approve', stranger)).toMatchObject({ code: 'not-an-approver' });
    await bench.apply();
    bench.run('applied');
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(2048);
    await check(bench);
    expect(drifts(bench)).toEqual(['applied']);
  });

  it('of a guest that is gone makes it anew', async () => {
    const bench = await deployed();
    bench.cluster.remove(823);
    await check(bench);
    expect(bench.text()).toContain('create');
    await bench.apply();
    expect(bench.cluster.guest(823)?.status).toBe('running');
  });

  it('is said once, however long nobody decides', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    await check(bench, 26 * hourMs);
    expect(drifts(bench)).toEqual(['expired']);
    change(bench, { memoryMb: 512 });
    await check(bench);
    expect(drifts(bench)).toEqual(['expired', 'planned']);
  });

  it('is said again when it comes back after it was gone', async () => {
    const bench = await deployed({ fleets: [{ planExpiryMs: hourMs }] });
    const before = present(bench.cluster.guest(823));
    change(bench);
    await check(bench, 2 * hourMs);
    bench.cluster.put(before);
    await check(bench);
    change(bench);
    await check(bench);
    expect(drifts(bench)).toEqual(['expired', 'planned']);
  });

  it('that is ignored is silent for a day, also over a restart, and then said again', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    const asked = await bench.press('reject', owner);
    if (asked.kind !== 'form') throw new Error('no form');
    expect(asked.form.title).toBe('Ignore the drift of run r-2?');
    await bench.chat.submit(asked.form, { reason: '' });
    await bench.settle();
    expect(bench.text()).toMatch(/^Ignored: drift, update 1/);
    await check(bench, 12 * hourMs);
    await bench.restart();
    bench.pipeline.keepUp({ planIntervalMs: everyMs });
    await check(bench, 11 * hourMs);
    expect(drifts(bench)).toEqual(['rejected']);
    await check(bench, 2 * hourMs);
    expect(drifts(bench)).toEqual(['rejected', 'planned']);
  });

  it('that is ignored hides no other one', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    await bench.chat.command('/proxnix reject r-2', owner);
    change(bench, { cores: 8 }, 822);
    await check(bench);
    expect(drifts(bench)).toEqual(['rejected', 'planned']);
  });

  it('that nobody can run is said once, without a button to approve', async () => {
    const bench = await deployed();
    change(bench, { memoryMb: 1024, protected: true });
    await check(bench);
    await check(bench);
    expect(drifts(bench)).toEqual(['blocked']);
    expect(bench.text()).toMatch(/^Drift: 1 change cannot be run/);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again', 'accept']);
  });

  it('that is gone at the press ends its run', async () => {
    const bench = await deployed();
    const before = present(bench.cluster.guest(823));
    change(bench);
    await check(bench);
    bench.cluster.put(before);
    await bench.press('approve', owner);
    await bench.settle();
    bench.run('in-sync');
    expect(bench.text()).toMatch(/^In sync: the drift from 0001c0f .* is gone/);
  });

  it('gives way to a newer commit', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    expect(drifts(bench)).toEqual(['superseded']);
    bench.run('planned');
  });

  it('keeps a guest that would have to be made again on the node that was chosen', async () => {
    const bench = await deployed();
    bench.cluster.remove(823);
    const real = bench.cluster.readState.bind(bench.cluster);
    let best = 'pve2';
    bench.cluster.readState = async (wanted) => {
      const nodes = ['pve1', 'pve2', 'pve3'].map((node) => ({
        ...{ node, online: true, storages: ['fast'], freeMemory: node === best ? 2 : 1 },
      }));
      return { ...(await real(wanted)), nodes };
    };
    await check(bench);
    await bench.chat.command('/proxnix reject r-2', owner);
    best = 'pve3';
    await check(bench);
    expect(drifts(bench)).toEqual(['rejected']);
  });
});

describe('what the head wants otherwise', () => {
  const { website: _, ...others } = threeVms();
  const larger = { ...threeVms({ memory_mb: 4096 }), database: { ...others.database, cores: 4 } };

  /** Commit 2 removes 823, which is protected; commit 3 brings it back, and its plan is blocked only. */
  async function broughtBack(): Promise<Bench> {
    const bench = await deployed();
    change(bench, { protected: true });
    await bench.push(2, { vms: { ...others, init: { ...others.init, cores: 4 } } });
    await bench.apply();
    bench.run('applied');
    await bench.push(3, { vms: { ...threeVms({ memory_mb: 4096 }), init: { ...others.init, cores: 4 } } });
    bench.run('blocked');
    change(bench, { protected: false });
    return bench;
  }

  it('is never destroyed: the guest that was removed while it was protected, and brought back', async () => {
    const bench = await broughtBack();
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    const text =
      'acme: nothing differs from 0002c0f, which was applied last, apart from what 0003c0f, planned since, changes.';
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({ text });
  });

  it('stays out of the plan of another drift, also when that is planned again', async () => {
    const bench = await broughtBack();
    change(bench, { cores: 8 }, 822);
    await check(bench);
    const vmids = () => bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`);
    expect(vmids()).toEqual(['update 822']);
    change(bench, { cores: 6 }, 822);
    await bench.press('approve', owner);
    await bench.settle();
    expect(vmids()).toEqual(['update 822']);
    await bench.restart();
    await bench.apply();
    bench.run('applied');
    expect(bench.cluster.guest(823)).toBeDefined();
    expect(bench.cluster.guest(822)?.config.cores).toBe(2);
  });

  it.each([
    ['a value', { vms: larger }, { memoryMb: 4096 }],
    ['a value beside one that drifted', { vms: larger }, { memoryMb: 1024, onboot: false }],
  ])('is not put back: %s', async (_, declared, drifted) => {
    const bench = await deployed();
    await bench.push(2, declared);
    await bench.chat.command('/proxnix reject r-2', owner);
    change(bench, drifted);
    await check(bench);
    expect(drifts(bench)).toEqual([]);
  });

  it('is not put back: an image', async () => {
    const bench = await deployed();
    const images = { website: 'website 2' };
    await bench.push(2, { images });
    await bench.apply();
    await bench.push(3);
    await bench.chat.command('/proxnix reject r-3', owner);
    // Somebody took the tags of 823 away, and gave it the tag again: which image it has is unknown.
    bench.cluster.put({ ...present(bench.cluster.guest(823)), tags: ['proxnix'] });
    await check(bench);
    expect(drifts(bench)).toEqual([]);
  });

  it('is not made: a guest that the head removed', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: others });
    await bench.chat.command('/proxnix reject r-2', owner);
    bench.cluster.remove(823);
    await check(bench);
    expect(drifts(bench)).toEqual([]);
  });

  it('does not hide what the head wants as well', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: larger });
    await bench.chat.command('/proxnix reject r-2', owner);
    change(bench, { onboot: false });
    change(bench, { cores: 8 }, 820);
    await check(bench);
    expect(bench.run('planned').plan.changes.map(({ vmid }) => vmid)).toEqual([820, 823]);
  });

  it('is not what a rollback would have brought that was rejected', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: larger });
    await bench.apply();
    await bench.chat.command(`/proxnix rollback ${shaOf(1)}`, owner);
    await bench.settle();
    await bench.chat.command('/proxnix reject r-3', owner);
    change(bench);
    await check(bench);
    expect(bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`)).toEqual(['update 823']);
  });

  it('is what was applied, after a rollback of the fleet', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: larger });
    await bench.apply();
    await bench.push(3, { vms: others });
    await bench.chat.command('/proxnix reject r-3', owner);
    await bench.chat.command(`/proxnix rollback ${shaOf(1)}`, owner);
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    bench.cluster.remove(823);
    await check(bench);
    expect(bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`)).toEqual(['create 823']);
  });
});

describe('a check', () => {
  it('is left out while a plan is open, and while a run is at work', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    change(bench, { cores: 8 }, 822);
    const reads = bench.cluster.reads;
    await check(bench);
    expect(bench.cluster.reads).toBe(reads);
    await bench.press('approve', owner);
    await bench.settle();
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'configure' ? held.opened : undefined);
    await bench.press('approve', owner);
    await until(() => bench.cluster.atWork === 1);
    const before = bench.cluster.reads;
    await bench.clock.advance(2 * everyMs);
    expect(bench.cluster.reads).toBe(before);
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({
      text: 'acme: a plan or apply is under way; try again when it ends.',
    });
    held.open();
    await bench.settle();
    expect(drifts(bench)).toEqual([]);
  });

  it('does not propose to go back when an apply was cut off in the middle', async () => {
    const bench = await deployed();
    const vms = threeVms({ memory_mb: 4096 });
    await bench.push(2, { vms: { ...vms, init: { ...vms.init, memory_mb: 4096 } } });
    bench.cluster.before = async (step) => {
      if (step.vmid === 823) throw new UserError('The node is on fire.');
    };
    await bench.apply();
    bench.run('failed');
    bench.cluster.before = () => undefined;
    expect(bench.cluster.guest(820)?.config.memoryMb).toBe(4096);
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    const text = 'acme: run r-2 was not finished; plan again to finish it.';
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({ text });
    await bench.press('plan-again', owner);
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    change(bench);
    await check(bench);
    expect(drifts(bench)).toEqual(['planned']);
  });

  it('is made all the same when a run failed before it touched a guest', async () => {
    const bench = await deployed();
    await bench.push(2, { broken: true });
    bench.run('failed');
    change(bench);
    await check(bench);
    expect(drifts(bench)).toEqual(['planned']);
  });

  it('evaluates the commit anew when no run of it is kept, and keeps no pin', async () => {
    const bench = await deployed();
    const runs = bench.store.runs().map(({ run }) => run);
    expect(runs.map((run) => planOf(run)?.goal.commit.sha)).toEqual([shaOf(1)]);
    await bench.store.saveFleet('acme', { applied: shaOf(3) });
    bench.commit(3, { vms: threeVms({ memory_mb: 4096 }) });
    await check(bench);
    expect(bench.run('planned').commit).toEqual(commitOf(3));
    expect(bench.text()).toContain('memory 2048 -> 4096 MiB');
    expect(bench.git.pinned('drift')).toBeUndefined();
  });

  it('of a commit that the repository has lost is left out', async () => {
    const bench = await deployed();
    await bench.store.saveFleet('acme', { applied: 'f'.repeat(40) });
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    expect(bench.logged.at(-1)).toMatchObject({ level: 'debug', facts: { finding: 'unknown-commit' } });
  });

  it('that fails is logged, and made again at the next time', async () => {
    const bench = await deployed();
    change(bench);
    bench.cluster.failNext({ at: 'read', when: 'before', error: new UserError('The cluster does not answer.') });
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    expect(bench.logged.at(-1)).toMatchObject({ level: 'warn', facts: { why: 'The cluster does not answer.' } });
    await check(bench);
    expect(drifts(bench)).toEqual(['planned']);
  });

  it('that somebody asks for answers them alone, and shows also what is ignored', async () => {
    const bench = await deployed();
    const text = async () => {
      const answer = await bench.chat.command('/proxnix drift', owner);
      await bench.settle();
      return answer.kind === 'note' ? answer.text : answer.kind;
    };
    const messages = bench.chat.messages.length;
    expect(await text()).toBe(`acme: nothing differs from ${shaOf(1).slice(0, 7)}, which was applied last.`);
    expect(bench.chat.messages).toHaveLength(messages);
    change(bench);
    expect(await text()).toBe('acme: it has drifted; see run r-2.');
    expect(await text()).toBe('acme: run r-2 is open; decide it first.');
    await bench.chat.command('/proxnix reject r-2', owner);
    await check(bench);
    expect(drifts(bench)).toEqual(['rejected']);
    expect(await text()).toBe('acme: it has drifted; see run r-3.');
  });
});

describe('the button Accept of a drift', () => {
  const entry = '{\n  website = {\n    vm_id = 823;\n    memory_mb = 2048;\n  };\n}\n';
  const accept = (bench: Bench) => bench.press('accept', owner);

  it('answers with a patch for the flake that makes the drift as wanted', async () => {
    const bench = await aBench();
    await bench.push(1, {}, { nixFiles: [{ path: 'vms.nix', text: entry }] });
    await bench.apply();
    bench.pipeline.keepUp({ planIntervalMs: everyMs });
    change(bench);
    await check(bench);
    const answer = await accept(bench);
    if (answer.kind !== 'card') throw new Error('no card');
    expect(answer.card.files[0]?.name).toBe('accept.patch');
    expect(answer.card.files[0]?.text).toContain('-    memory_mb = 2048;\n+    memory_mb = 1024;\n');
    expect(bench.run('planned').phase).toBe('planned');
  });

  it('answers in words where no file has the entry, and of what no field says', async () => {
    const bench = await deployed();
    change(bench);
    bench.cluster.put({ ...present(bench.cluster.guest(822)), tags: ['proxnix', 'seen'] });
    await check(bench);
    const answer = await accept(bench);
    if (answer.kind !== 'card') throw new Error('no card');
    expect(answer.card.files).toEqual([]);
    expect(JSON.stringify(answer.card.blocks)).toContain('website: memory_mb = 1024;');
  });

  it('takes what is blocked into the flake as well, and tells what no value says', async () => {
    const bench = await aBench();
    await bench.push(1, {}, { nixFiles: [{ path: 'vms.nix', text: entry }] });
    await bench.apply();
    bench.pipeline.keepUp({ planIntervalMs: everyMs });
    const before = present(bench.cluster.guest(823));
    const scsi0 = present(before.config.disks['scsi0']);
    bench.cluster.put(
      withConfig(before, { disks: { ...before.config.disks, scsi0: { ...scsi0, sizeMb: 64 * 1024 } } }),
    );
    bench.cluster.remove(822);
    await check(bench);
    expect(bench.run('planned').plan.changes.map(({ action, blocked }) => [action, blocked?.reason])).toEqual([
      ['create', undefined],
      ['update', 'shrink'],
    ]);
    const answer = await accept(bench);
    if (answer.kind !== 'card') throw new Error('no card');
    expect(answer.card.files[0]?.text).toContain('+    disk_gb = 64;');
    expect(JSON.stringify(answer.card.blocks)).toContain('test-database: is gone from the cluster: remove its entry');
    expect(JSON.stringify(answer.card.blocks)).toContain('but for what follows');
  });

  it('is not offered where a guest is gone', async () => {
    const bench = await deployed();
    bench.cluster.remove(823);
    await check(bench);
    expect(bench.buttons().map(({ label }) => label)).not.toContain('Accept');
  });
});

describe('a plan of the head after a rollback', () => {
  it('says that it takes the rollback back', async () => {
    const bench = await deployed();
    await bench.push(2, { images: { website: 'website 2' } });
    await bench.apply();
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    expect(bench.run('planned').plan.changes.map(({ action }) => action)).toEqual(['replace']);
    expect(bench.text()).toContain('Takes back a rollback of test-website (823): Owner rolled it back in run r-3.');
  });
});

describe('the card of a drift', () => {
  it('says who did what to its guests since the last apply, where the cluster tells it', async () => {
    const bench = await deployed();
    const at = bench.clock.now();
    bench.cluster.did(823, { did: 'started', who: 'root@pam', at: at - hourMs });
    bench.cluster.did(823, { did: 'changed', who: 'ada@pve!laptop', at: at + 1000 });
    bench.cluster.did(822, { did: 'resized', who: 'root@pam', at: at + 1000 });
    bench.cluster.did(823, { did: 'restarted', who: 'root@pam', at: at + 1000, power: true });
    change(bench);
    await check(bench);
    expect(bench.text()).toMatch(/test-website \(823\) was changed by ada@pve!laptop on 2026-/);
    expect(bench.text()).not.toMatch(/root@pam/);
  });

  it('says that nobody is known where the task list tells nothing', async () => {
    const bench = await deployed();
    change(bench);
    await check(bench);
    expect(bench.text()).toContain('Who changed it is not known: the task list of Proxmox does not tell.');
  });

  it('is posted without it where the cluster does not answer', async () => {
    const bench = await deployed();
    bench.cluster.tasksOf = () => Promise.reject(new UserError('Proxmox does not answer.'));
    change(bench);
    await check(bench);
    expect(bench.text()).toMatch(/^Drift: update 1/);
    expect(bench.run('planned').review).toEqual({});
  });
});

describe('a guest that a person rolled back', () => {
  async function rolledBack(): Promise<Bench> {
    const bench = await deployed();
    await bench.push(2, { images: { website: 'website 2' } });
    await bench.apply();
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    return bench;
  }
  const image = (bench: Bench) => bench.cluster.guest(823)?.tags.find((tag) => tag.startsWith('nix-'));

  it('is no drift, and a person who asks is told so', async () => {
    const bench = await rolledBack();
    await check(bench);
    expect(drifts(bench)).toEqual([]);
    const answer = await bench.chat.command('/proxnix drift', owner);
    expect(answer).toMatchObject({
      text: expect.stringMatching(/Rolled back since, and not compared: test-website \(823\) \(by Owner, run r-3\)\.$/),
    });
  });

  it('is named on the card of another drift and stays as it is when that is re-applied', async () => {
    const bench = await rolledBack();
    const before = image(bench);
    change(bench, { memoryMb: 512 }, 822);
    await check(bench);
    const { plan } = bench.run('planned');
    expect(plan.changes.map(({ action, vmid }) => `${action} ${vmid}`)).toEqual(['update 822']);
    expect(bench.text()).toContain('test-website (823) is no part of it: Owner rolled it back in run r-3.');
    await bench.apply();
    bench.run('applied');
    expect(image(bench)).toBe(before);
  });

  it('is a drift when it changes after the rollback, and is planned when somebody asks for a plan', async () => {
    const bench = await rolledBack();
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    expect(bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`)).toEqual(['replace 823']);
    await bench.press('reject', owner);
    const other = present(bench.cluster.guest(823));
    bench.cluster.put({
      ...other,
      tags: other.tags.map((tag) => (tag.startsWith('nix-') ? `nix-${'z'.repeat(32)}` : tag)),
    });
    const [form] = [await bench.press('reject', owner)];
    if (form.kind === 'form') await bench.chat.submit(form.form, { reason: '' });
    await check(bench);
    expect(drifts(bench)).toEqual(['planned']);
  });
});
