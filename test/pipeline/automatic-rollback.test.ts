import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { imageHash } from '../../src/core/guest.ts';
import { aBench, type Bench, owner } from '../support/pipeline.ts';
import { gate } from './support/clock.ts';
import { present, threeVms } from './support/fleet.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

const other = { images: { website: 'website 2' } };

describe('a replaced guest', () => {
  let bench: Bench;
  let before: ReturnType<Bench['cluster']['guest']>;
  beforeEach(async () => {
    bench = await aBench();
    await bench.push(1);
    await bench.apply();
    before = bench.cluster.guest(823);
    bench.cluster.asked.length = 0;
    bench.health.watched.length = 0;
    await bench.push(2, other);
  });

  const root = () => bench.cluster.guest(823)?.config.disks['scsi0']?.volid;

  it('is looked at before it gets its final tags', async () => {
    await bench.apply();
    bench.run('applied');
    expect(bench.health.watched.map(({ vmid }) => vmid)).toEqual([823]);
    expect(bench.cluster.asked.slice(-3)).toEqual(['restart', 'start', 'finish']);
  });

  it('that does not become healthy gets its old root disk back, and the run says failed, rolled back', async () => {
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    const failed = bench.run('failed');
    expect(failed.failure.rolledBack).toMatchObject({ vmid: 823, imageHash: expect.any(String) });
    expect(root()).toBe(before?.config.disks['scsi0']?.volid);
    expect(bench.cluster.guest(823)).toMatchObject({ status: 'running', tags: before?.tags });
    expect(bench.text()).toMatch(/^Failed, rolled back: step 3 of 3, replace test-website \(823\)/);
    expect(bench.text()).toMatch(/did not become healthy on image/);
    expect(bench.text()).toMatch(/runs image [0-9a-z]{8} again and is healthy/);
    expect(bench.health.watched).toHaveLength(2);
  });

  it('is in sync with its old commit after the way back, and the new one is planned again', async () => {
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    await bench.press('plan-again');
    await bench.settle();
    expect(bench.run('planned').plan.changes.map(({ action, vmid }) => [action, vmid])).toEqual([['replace', 823]]);
  });

  it.each(['restart', 'start'] as const)('whose %s fails gets its old root disk back', async (at) => {
    bench.cluster.failNext({ at, when: 'before', error: new UserError('QEMU exited with code 1') });
    await bench.apply();
    expect(bench.run('failed').failure).toMatchObject({
      message: 'QEMU exited with code 1',
      rolledBack: { vmid: 823 },
    });
    expect(root()).toBe(before?.config.disks['scsi0']?.volid);
  });

  it('that is ill on its old disk as well stays marked as unfinished, and the card says both', async () => {
    bench.health.script(823, 'ill', 'ill');
    await bench.apply();
    const { failure } = bench.run('failed');
    expect(failure.rolledBack).toBeUndefined();
    expect(failure.next).toMatch(
      /could not be rolled back: test-website \(823\) is not healthy on its old root disk either/,
    );
    expect(bench.cluster.guest(823)?.tags).toContain('proxnix-pending');
    expect(bench.text()).toMatch(/^Failed: step 3 of 3/);
  });

  it('is not rolled back over a change that somebody else made meanwhile', async () => {
    bench.health.script(823, 'ill');
    const error = new UserError('VM 823 was changed by somebody else.');
    bench.cluster.failNext({ at: 'rollback', when: 'before', error });
    await bench.apply();
    expect(bench.run('failed').failure.next).toMatch(/could not be rolled back: VM 823 was changed by somebody else/);
  });

  it('that could not be judged is not taken for ill: its new root disk stays, marked as unfinished', async () => {
    bench.health.script(823, new UserError('The cluster does not answer.'));
    await bench.apply();
    expect(bench.run('failed').failure).toMatchObject({ message: 'The cluster does not answer.' });
    expect(bench.run('failed').failure.rolledBack).toBeUndefined();
    expect(root()).not.toBe(before?.config.disks['scsi0']?.volid);
    expect(bench.cluster.guest(823)?.tags).toContain('proxnix-pending');
  });

  it('stops the run: what comes after it is not started', async () => {
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.cluster.asked.at(-1)).toBe('finish');
    expect(bench.run('failed').steps.at(-1)?.state).toBe('not-started');
  });
});

describe('the check of a rollback', () => {
  const web = { tcp: [22] };
  const page = { http: 'http://10.0.0.1/' };
  const withHealth = (health: object, image = 'website 1') => ({
    vms: threeVms({ health }),
    images: { website: image },
  });
  const checked = (bench: Bench) => bench.health.watched.filter(({ vmid }) => vmid === 823).map(({ check }) => check);

  it('is that of the old image, not that of the commit that failed', async () => {
    const bench = await aBench();
    await bench.push(1, withHealth(web));
    await bench.apply();
    bench.health.watched.length = 0;
    await bench.push(2, withHealth(page, 'website 2'));
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(checked(bench)).toMatchObject([page, web]);
    expect(checked(bench)[1]).not.toHaveProperty('http');
  });

  it('is the one that a commit gave the image that was running already', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, withHealth(web));
    bench.run('in-sync');
    await bench.push(3, withHealth(page, 'website 2'));
    bench.health.watched.length = 0;
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(checked(bench)).toMatchObject([page, web]);
  });

  it('is the default rule where nothing is known of the old image', async () => {
    const bench = await aBench();
    await bench.push(1, withHealth(web));
    await bench.apply();
    await bench.store.saveFleet('acme', { guests: undefined });
    await bench.push(2, withHealth(page, 'website 2'));
    bench.health.watched.length = 0;
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(checked(bench)[1]).toBeUndefined();
  });

  it('is that of the old image also where a person asks for it, there and back', async () => {
    const bench = await aBench();
    await bench.push(1, withHealth(web));
    await bench.apply();
    await bench.push(2, withHealth(page, 'website 2'));
    await bench.apply();
    for (const expected of [web, page, web]) {
      bench.health.watched.length = 0;
      await bench.chat.command('/proxnix rollback test-website', owner);
      await bench.settle();
      await bench.apply();
      bench.run('applied');
      expect(checked(bench)).toMatchObject([expected]);
    }
  });

  it('names the image that did not become healthy, not the one of the commit', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    const back = bench.run('planned').plan.changes[0];
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    const image = back?.action === 'rollback' ? back.to?.imageHash?.slice(0, 8) : undefined;
    expect(bench.run('failed').failure.message).toBe(`test-website (823) did not become healthy on image ${image}.`);
  });
});

describe('a guest agent', () => {
  it('that answered once is remembered, and missed on a new image, with what to do', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    expect(bench.store.fleet('acme').guests).toContainEqual(expect.objectContaining({ vmid: 823, hadAgent: true }));
    await bench.push(2, other);
    bench.health.watched.length = 0;
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.health.watched.map(({ hadAgent }) => hadAgent)).toEqual([true, true]);
    expect(bench.text()).toContain('For an image without one set health.agent = false in the flake.');
  });

  it('is missed only on a disk where it answered: an older image may have none', async () => {
    const bench = await aBench();
    bench.health.script(823, 'silent');
    await bench.push(1);
    await bench.apply();
    bench.health.script(823, 'well');
    await bench.push(2, other);
    await bench.apply();
    const missed = () => bench.health.watched.splice(0).map(({ hadAgent }) => hadAgent);
    missed();
    bench.health.script(823, 'silent');
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    expect(missed()).toEqual([false]);
    bench.health.script(823, 'ill', 'silent');
    await bench.push(3, { images: { website: 'website 3' } });
    await bench.apply();
    expect(missed()).toEqual([true, false]);
    bench.health.script(823, 'well');
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    expect(missed()).toEqual([true]);
  });

  it('of a guest that is gone is forgotten', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const { website, database } = threeVms();
    await bench.push(2, { vms: { website, database } });
    await bench.apply();
    bench.run('applied');
    expect(bench.store.fleet('acme').guests?.map(({ vmid }) => vmid)).not.toContain(820);
  });

  it('that nobody asked leaves the final card to say that nothing more is known', async () => {
    const bench = await aBench();
    await bench.push(1, { vms: threeVms({ health: { agent: false } }) });
    await bench.apply();
    expect(bench.text()).toContain('Only seen running: test-website (823). Nothing more is known');
  });
});

describe('an updated guest', () => {
  let bench: Bench;
  let before: ReturnType<Bench['cluster']['guest']>;
  beforeEach(async () => {
    bench = await aBench();
    await bench.push(1);
    await bench.apply();
    before = bench.cluster.guest(823);
    bench.cluster.asked.length = 0;
    bench.health.watched.length = 0;
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
  });

  it('whose restart fails gets its old settings back, and the run says failed, rolled back', async () => {
    bench.cluster.failNext({ at: 'restart', when: 'before', error: new UserError('MAX 2 vcpus allowed per VM') });
    await bench.apply();
    expect(bench.run('failed').failure).toMatchObject({
      message: 'MAX 2 vcpus allowed per VM',
      rolledBack: { vmid: 823, settings: true },
    });
    expect(bench.cluster.guest(823)).toEqual(before);
    expect(bench.cluster.asked).toEqual(['configure', 'restart', 'configure', 'restart', 'start', 'finish']);
    expect(bench.text()).toMatch(/^Failed, rolled back: step 1 of 1, update test-website \(823\)/);
    expect(bench.text()).toContain('test-website (823) runs with its old settings again and is healthy.');
  });

  it('that does not become healthy gets its old settings back', async () => {
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(bench.cluster.guest(823)).toEqual(before);
    expect(bench.health.watched).toHaveLength(2);
  });

  it('that is ill with its old settings as well stays marked as unfinished', async () => {
    bench.health.script(823, 'ill', 'ill');
    await bench.apply();
    expect(bench.run('failed').failure.next).toMatch(/could not be rolled back: .* with its old settings either/);
    expect(bench.cluster.guest(823)?.tags).toContain('proxnix-pending');
  });

  it('that could not be judged keeps its new settings', async () => {
    bench.health.script(823, new UserError('The cluster does not answer.'));
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toBeUndefined();
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(4096);
  });

  it('that an interrupted apply left stopped is started and judged by the next plan', async () => {
    await bench.press('reject');
    const guest = present(bench.cluster.guest(823));
    bench.cluster.put({ ...guest, status: 'stopped', tags: [...guest.tags, 'proxnix-pending'] });
    await bench.store.saveFleet('acme', { running: [823] });
    await bench.push(3);
    expect(bench.text()).toContain('is started: it ran before the interrupted apply');
    await bench.apply();
    bench.run('applied');
    expect(bench.cluster.asked).toEqual(['configure', 'start', 'finish']);
    expect(bench.health.watched.map(({ vmid }) => vmid)).toEqual([823]);
    expect(bench.cluster.guest(823)?.status).toBe('running');
    expect(bench.cluster.guest(823)?.tags).not.toContain('proxnix-pending');
  });

  it('that was stopped before an interrupted apply stays stopped', async () => {
    await bench.press('reject');
    const guest = present(bench.cluster.guest(823));
    bench.cluster.put({ ...guest, status: 'stopped', tags: [...guest.tags, 'proxnix-pending'] });
    await bench.store.saveFleet('acme', { running: [820] });
    await bench.push(3);
    await bench.apply();
    expect(bench.cluster.guest(823)?.status).toBe('stopped');
    expect(bench.cluster.guest(823)?.tags).not.toContain('proxnix-pending');
  });

  it('is known to run when its apply begins, so that a kill cannot leave it down', async () => {
    await bench.apply();
    expect(bench.store.fleet('acme').running).toContain(823);
  });
});

describe.each(['vm', 'container'] as const)('a %s whose apply was killed', (kind) => {
  const first = fleetOf(kind, { website: {} });
  const second = { ...first, images: { website: 'website 2' } };
  const slot = kind === 'vm' ? 'scsi0' : 'rootfs';

  /** The bot dies before the first step of a kind, and comes back. */
  async function killedBefore(step: 'start' | 'restart' | 'finish', number = 1) {
    const story = await startSimulated();
    if (number === 2) await story.deploy(1, first);
    await story.bench.push(number, number === 1 ? first : second);
    const died = gate();
    story.beforeNext(step, async () => {
      story.bench.kill();
      died.open();
      await new Promise(() => undefined);
    });
    void story.bench.press('approve');
    await died.opened;
    const root = () => String(story.config()[slot]).split(',')[0];
    const here = root();
    await story.bench.restart();
    await story.bench.settle();
    const imports = () => story.asked.filter(({ kind: what }) => what === 'import' || what === 'prepare').length;
    return { ...story, here, root, imports, before: imports() };
  }

  it.each([
    ['at its first start', 'start', 1],
    ['before its final tags', 'finish', 1],
    ['before the restart of a replace', 'restart', 2],
    ['before the final tags of a replace', 'finish', 2],
  ] as const)('%s is finished without a second import', async (_, step, number) => {
    const story = await killedBefore(step, number);
    const { bench } = story;
    expect(story.plan()).toEqual(['update 823']);
    expect(bench.text()).toContain('is on its root disk');
    expect(bench.text()).not.toContain('will not be on the new');
    const wanted = imageHash(present(bench.run('planned').plan.goal.guests[0]).image);
    await bench.apply();
    bench.run('applied');
    expect(bench.health.watched.at(-1)?.vmid).toBe(823);
    expect([story.runs(), story.simulator.guest(823)?.pending, story.imports()]).toEqual([true, {}, story.before]);
    expect(String(story.config()['tags'])).toContain(`nix-${wanted}`);
    if (step !== 'restart') expect(story.root()).toBe(story.here);
    expect(bench.store.fleet('acme').guests?.find(({ vmid }) => vmid === 823)).not.toHaveProperty('root');
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    bench.run('in-sync');
  });

  it('in a replace whose image is ill gets its old root disk back', async () => {
    const story = await killedBefore('finish', 2);
    const { bench } = story;
    const old = present(bench.store.fleet('acme').retainedDisks?.[0]);
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toEqual({
      vmid: 823,
      name: 'test-website',
      imageHash: old.imageHash,
    });
    expect([story.root(), story.runs()]).toEqual([old.volid, true]);
    expect(String(story.config()['tags'])).toContain(`nix-${old.imageHash}`);
  });

  it('in its automatic rollback is judged and tagged as what its old disk holds when that is needed again', async () => {
    const story = await startSimulated();
    const { bench } = story;
    const health = { tcp: [80] };
    await story.deploy(1, fleetOf(kind, { website: { health } }));
    const tags = String(story.config()['tags']);
    await bench.push(2, second);
    bench.health.script(823, 'ill', 'ill', 'well');
    const died = gate();
    story.beforeNext('rollback', () =>
      story.beforeNext('start', async () => {
        bench.kill();
        died.open();
        await new Promise(() => undefined);
      }),
    );
    void bench.press('approve');
    await died.opened;
    await bench.restart();
    await bench.settle();
    expect(story.plan()).toEqual(['replace 823']);
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823, imageHash: expect.any(String) });
    expect(bench.health.watched.at(-1)?.check).toMatchObject(health);
    expect([story.runs(), String(story.config()['tags'])]).toEqual([true, tags]);
  });

  it('is replaced as before where the store knows nothing of the disk', async () => {
    const story = await killedBefore('finish');
    const { bench } = story;
    await bench.store.saveFleet('acme', { guests: undefined });
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    expect(story.plan()).toEqual(['replace 823']);
  });
});

describe.each(['vm', 'container'] as const)('a %s whose new settings keep it from starting', (kind) => {
  it('runs with its old settings again', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleetOf(kind, { website: { cores: 1 } }));
    const before = story.config();
    const waiting = kind === 'vm' ? { cores: 2 } : { features: {} };
    await story.bench.push(2, fleetOf(kind, { website: { cores: 1, ...waiting, name: 'website-fail-start' } }));
    await story.bench.apply();
    expect(story.bench.run('failed').failure).toMatchObject({ rolledBack: { vmid: 823, settings: true } });
    expect(story.config()).toEqual(before);
    expect([story.runs(), story.simulator.guest(823)?.pending]).toEqual([true, {}]);
  });

  it('and that came with a new image runs with its old root disk and its old settings again', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleetOf(kind, { website: {} }));
    const { unused0: _, ...before } = story.config();
    const images = { website: 'website 2' };
    await story.bench.push(2, { ...fleetOf(kind, { website: { name: 'website-fail-start' } }), images });
    await story.bench.apply();
    expect(story.bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823, imageHash: expect.any(String) });
    expect(story.config()).toMatchObject(before);
    expect([story.runs(), story.simulator.guest(823)?.pending]).toEqual([true, {}]);
  });
});

describe('a guest that has no value where the flake brings one', () => {
  it.each([
    ['vm', 'name', undefined],
    ['vm', 'net0', expect.not.stringContaining('bridge')],
    ['container', 'cores', undefined],
  ] as const)('runs without it again when it does not start with it: %s, %s', async (kind, key, left) => {
    const story = await startSimulated();
    await story.deploy(1, fleetOf(kind, { website: { cores: 1 } }));
    await story.simulator.outside({ do: 'edit', vmid: 823, set: { [key]: null } });
    const restarting = kind === 'vm' ? {} : { features: {} };
    await story.bench.push(2, fleetOf(kind, { website: { cores: 2, name: 'website-fail-start', ...restarting } }));
    expect(story.plan()).toEqual(['update 823']);
    await story.bench.apply();
    expect(story.bench.run('failed').failure).toMatchObject({ rolledBack: { vmid: 823, settings: true } });
    expect([story.runs(), story.config()[key]]).toEqual([true, left]);
  });
});

describe('a VM whose processors stand still', () => {
  it('is neither restarted nor stopped by force, and it is said what to do', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleetOf('vm', { website: { cores: 1 } }));
    await story.bench.push(2, fleetOf('vm', { website: { cores: 2 } }));
    story.beforeNext('restart', () => story.simulator.outside({ do: 'pause', vmid: 823 }));
    story.bench.health.script(823, 'ill');
    await story.bench.apply();
    const { message, next } = story.bench.run('failed').failure;
    expect([message, next]).toEqual([
      'VM 823 is paused, so it is not restarted.',
      expect.stringMatching(/^Resume it \(`qm resume 823` on pve1; make room on its storage first/),
    ]);
    expect([story.runs(), story.simulator.guest(823)?.pending]).toEqual([true, {}]);
  });
});

describe('a VM that wants more CPUs than its node has', () => {
  it('is blocked with the figures before it is restarted', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleetOf('vm', { website: {} }));
    await story.bench.push(2, fleetOf('vm', { website: { sockets: 4, cores: 4 } }));
    expect(story.bench.run('blocked').plan.changes[0]?.blocked).toEqual({
      reason: 'cpus',
      advice:
        'sockets = 4 and cores = 4 make 16 CPUs, and node pve1 has 8: Proxmox would not start it. Lower sockets or cores in the flake.',
    });
  });
});

describe('a new guest that does not become healthy', () => {
  it('stays as it is, marked as unfinished', async () => {
    const bench = await aBench();
    bench.health.script(820, 'ill');
    await bench.push(1);
    await bench.apply();
    expect(bench.run('failed').failure.message).toMatch(/did not become healthy/);
    expect(bench.cluster.guest(820)).toMatchObject({ status: 'running' });
    expect(bench.cluster.guest(820)?.tags).toContain('proxnix-pending');
  });
});
