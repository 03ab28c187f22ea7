import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { imageHash } from '../../src/core/guest.ts';
import { readTags } from '../../src/core/tags.ts';
import { anImage } from '../support/builders.ts';
import { aBench, type Bench, owner, stranger } from '../support/pipeline.ts';
import { aForeignGuest, present, shaOf, threeVms } from './support/fleet.ts';

const other = { images: { website: 'website 2' } };
const minute = 60_000;
const hour = 60 * minute;

async function rollback(bench: Bench, to = ''): Promise<void> {
  const run = bench.pipeline.runs().length + 1;
  const answer = await bench.chat.command(`/proxnix rollback ${to}`.trim(), owner);
  expect(answer).toEqual({ kind: 'note', text: `Planning as run r-${run}.` });
  await bench.settle();
}

function rootOf(bench: Bench, vmid = 823) {
  return bench.cluster.guest(vmid)?.config.disks['scsi0']?.volid;
}

function unusedOf(bench: Bench, vmid = 823) {
  return Object.values(bench.cluster.guest(vmid)?.config.unused ?? {});
}

const plannedActions = (bench: Bench) =>
  bench.run('planned').plan.changes.map(({ action, vmid }) => `${action} ${vmid}`);

describe('a guest that was replaced', () => {
  let bench: Bench;
  let oldRoot: string | undefined;
  let newRoot: string | undefined;
  beforeEach(async () => {
    bench = await aBench();
    await bench.push(1);
    await bench.apply();
    oldRoot = rootOf(bench);
    await bench.push(2, other);
    await bench.apply();
    newRoot = rootOf(bench);
    bench.cluster.asked.length = 0;
    bench.builder.calls.build = 0;
  });

  it('keeps its old root disk, and the card says until when and how to go back', () => {
    expect(unusedOf(bench)).toEqual([oldRoot]);
    expect(bench.text()).toContain('kept until');
    expect(bench.text()).toContain('/proxnix rollback test-website');
  });

  it.each(['test-website', '823'])('goes back to it after an approval, without a build: %s', async (name) => {
    await rollback(bench, name);
    expect(plannedActions(bench)).toEqual(['rollback 823']);
    expect(bench.text()).toMatch(/^Plan: roll back 1/);
    expect(bench.text()).toContain('Owner asks to roll test-website (823) back to the root disk it had before.');
    expect(await bench.press('approve', stranger)).toMatchObject({ code: 'not-an-approver' });
    await bench.apply();
    bench.run('applied');
    expect(bench.text()).toMatch(/^Applied: rolled back 1/);
    expect(bench.cluster.asked).toEqual(['swap', 'restart', 'start', 'finish']);
    expect(bench.builder.calls.build).toBe(0);
    expect(rootOf(bench)).toBe(oldRoot);
    expect(unusedOf(bench)).toEqual([newRoot]);
    expect(bench.errors()).toEqual([]);
  });

  it('carries the tags of the image and the commit it went back to', async () => {
    const [was] = bench.run('applied', 'r-1').plan.goal.guests.filter((guest) => guest.vmid === 823);
    await rollback(bench, 'test-website');
    await bench.apply();
    const { imageHash: hash, commit, pending } = readTags(present(bench.cluster.guest(823)).tags);
    expect(hash).toBe(imageHash(present(was).image));
    expect(commit).toBe(shaOf(1));
    expect(pending).toBe(false);
  });

  it('comes forth and back as often as somebody likes', async () => {
    await rollback(bench, 'test-website');
    await bench.apply();
    await rollback(bench, 'test-website');
    await bench.apply();
    expect(rootOf(bench)).toBe(newRoot);
    expect(readTags(present(bench.cluster.guest(823)).tags).commit).toBe(shaOf(2));
  });

  it('makes no drift of it: it was meant', async () => {
    await rollback(bench, 'test-website');
    await bench.apply();
    const before = bench.pipeline.runs().length;
    bench.pipeline.keepUp({ planIntervalMs: minute });
    await bench.clock.advance(minute);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(before);
    bench.cluster.remove(822);
    await bench.clock.advance(minute);
    await bench.settle();
    expect(bench.run('planned').trigger.kind).toBe('drift');
    expect(plannedActions(bench)).toEqual(['create 822']);
    expect(bench.text()).toContain('test-website (823) is no part of it');
  });

  it('that is ill on the disk it went back to gets the one of before again', async () => {
    await rollback(bench, 'test-website');
    const tags = bench.cluster.guest(823)?.tags;
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.text()).toMatch(/^Failed, rolled back: step 1 of 1, roll back test-website \(823\)/);
    expect(rootOf(bench)).toBe(newRoot);
    expect(bench.cluster.guest(823)?.tags).toEqual(tags);
  });

  it('is planned anew when the kept disk went between the plan and the press', async () => {
    await rollback(bench, 'test-website');
    const guest = present(bench.cluster.guest(823));
    bench.cluster.put({ ...guest, config: { ...guest.config, unused: {} } } as typeof guest);
    await bench.press('approve');
    await bench.settle();
    expect(bench.run('blocked').plan.changes[0]?.blocked?.reason).toBe('nothing-retained');
    expect(bench.text()).toContain('No earlier root disk of it is kept.');
  });

  it('is replaced again by the next push', async () => {
    await rollback(bench, 'test-website');
    await bench.apply();
    await bench.push(3, { ...other, vms: threeVms({ memory_mb: 4096 }) });
    expect(plannedActions(bench)).toEqual(['replace 823']);
  });

  it('is not gone back to under another machine of the same VMID', async () => {
    const guest = present(bench.cluster.guest(823));
    const config = { ...guest.config, uuid: 'b4c5b0de-0000-4000-8000-000000000823' };
    bench.cluster.put({ ...guest, config } as typeof guest);
    await rollback(bench, 'test-website');
    expect(bench.run('blocked').plan.changes[0]?.blocked?.reason).toBe('nothing-retained');
  });
});

describe('a guest whose root disk was of an unknown image', () => {
  /** A guest made by hand is adopted and replaced. */
  async function adopted(): Promise<Bench> {
    const bench = await aBench();
    bench.cluster.put(aForeignGuest(820, 'test-init'));
    await bench.push(1);
    await bench.apply();
    await bench.chat.command('/proxnix adopt test-init', owner);
    await bench.settle();
    await bench.apply();
    await bench.press('plan-again');
    await bench.settle();
    expect(plannedActions(bench)).toEqual(['replace 820']);
    return bench;
  }

  it('is rolled back as its cards promise, and its tags name no image then', async () => {
    const bench = await adopted();
    const old = rootOf(bench, 820);
    expect(bench.text()).toContain('/proxnix rollback test-init');
    await bench.apply();
    expect(bench.text()).toContain('undo with Roll back, or /proxnix rollback test-init');
    const status = await bench.chat.command('/proxnix status test-init', owner);
    expect(JSON.stringify(status)).toContain('An earlier root disk of an unknown image');
    await rollback(bench, 'test-init');
    expect(bench.text()).toContain('-> unknown');
    expect(bench.text()).toContain('It is not known which image the disk of test-init (820) holds');
    await bench.apply();
    bench.run('applied');
    expect([rootOf(bench, 820), bench.cluster.guest(820)?.tags]).toEqual([old, ['backup', 'proxnix']]);
    expect(bench.errors()).toEqual([]);
  });

  it('goes forth again by a rollback, and by the next plan of a commit', async () => {
    const bench = await adopted();
    const old = rootOf(bench, 820);
    await bench.apply();
    const current = rootOf(bench, 820);
    await rollback(bench, 'test-init');
    await bench.apply();
    expect(rootOf(bench, 820)).toBe(old);
    await rollback(bench, 'test-init');
    await bench.apply();
    expect(rootOf(bench, 820)).toBe(current);
    await rollback(bench, 'test-init');
    await bench.apply();
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    expect(plannedActions(bench)).toEqual(['replace 820']);
  });

  it('is no drift after its rollback: it was meant', async () => {
    const bench = await adopted();
    await bench.apply();
    await rollback(bench, 'test-init');
    await bench.apply();
    const runs = bench.pipeline.runs().length;
    bench.pipeline.keepUp({ planIntervalMs: minute });
    await bench.clock.advance(2 * minute);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(runs);
    expect(await bench.pipeline.drift(bench.fleet)).toMatchObject({ kind: 'same', rolledBack: [{ vmid: 820 }] });
  });

  it('is rolled back also where it was half made when its first replacement came', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const guest = present(bench.cluster.guest(823));
    bench.cluster.put({ ...guest, tags: ['proxnix', 'proxnix-pending'] });
    const old = rootOf(bench);
    await bench.push(2, other);
    await bench.apply();
    await rollback(bench, 'test-website');
    expect(plannedActions(bench)).toEqual(['rollback 823']);
    await bench.apply();
    expect([rootOf(bench), bench.cluster.guest(823)?.tags]).toEqual([old, ['proxnix']]);
  });

  it('is not offered the disk on which it never became healthy', async () => {
    const bench = await adopted();
    bench.health.script(820, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 820 });
    await rollback(bench, 'test-init');
    expect(bench.run('blocked').plan.changes[0]?.blocked?.reason).toBe('nothing-retained');
  });
});

describe('a fleet', () => {
  it('goes back to the commit before: kept disks where there are some, without a build', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const oldRoot = rootOf(bench);
    await bench.push(2, { ...other, vms: threeVms({ memory_mb: 4096 }) });
    await bench.apply();
    bench.builder.calls.build = 0;
    await rollback(bench);
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
    expect(plannedActions(bench)).toEqual(['rollback 823']);
    expect(bench.text()).toContain('Owner asks to roll the fleet back to this commit.');
    await bench.apply();
    bench.run('applied');
    expect(bench.builder.calls.build).toBe(0);
    expect(rootOf(bench)).toBe(oldRoot);
    expect(bench.cluster.guest(823)?.config.memoryMb).toBe(2048);
    expect(bench.store.fleet('acme').applied).toBe(shaOf(1));
    await bench.chat.command(`/proxnix plan ${shaOf(1)}`, owner);
    await bench.settle();
    bench.run('in-sync');
  });

  it('goes back to any commit, and builds what is not kept any more', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    await bench.push(3, { images: { website: 'website 3', database: 'database 3' } });
    await bench.apply();
    const guest = present(bench.cluster.guest(822));
    bench.cluster.put({ ...guest, config: { ...guest.config, unused: {} } } as typeof guest);
    await rollback(bench, shaOf(1));
    expect(plannedActions(bench)).toEqual(['replace 822', 'rollback 823']);
    await bench.apply();
    bench.run('applied');
    const first = bench.run('applied', 'r-1').plan.goal.guests;
    for (const { vmid, image } of first) {
      expect(readTags(present(bench.cluster.guest(vmid)).tags).imageHash).toBe(imageHash(image));
    }
  });

  it('does not take a kept disk of another size than the commit wants', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { ...other, vms: threeVms({ disk_gb: 8 }) });
    await bench.apply();
    await bench.push(3, { vms: threeVms({ disk_gb: 8 }) });
    await bench.chat.command('/proxnix reject r-3', owner);
    await rollback(bench, shaOf(3));
    expect(plannedActions(bench)).toEqual(['replace 823']);
  });

  it('is measured for drift from the commit it went back to, also when nothing was left to do', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    await rollback(bench, 'test-website');
    await bench.apply();
    expect(bench.store.fleet('acme').applied).toBe(shaOf(2));
    await rollback(bench);
    bench.run('in-sync');
    expect(bench.store.fleet('acme').applied).toBe(shaOf(1));
    expect(await bench.chat.command('/proxnix drift', owner)).toMatchObject({
      text: expect.stringMatching(/nothing differs from 0001c0f/),
    });
  });

  it('says what it does not know', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix rollback', owner)).toMatchObject({
      text: expect.stringMatching(/^No earlier commit is known that was applied\./),
    });
    await bench.apply();
    expect(await bench.chat.command('/proxnix rollback test-webiste', owner)).toMatchObject({
      text: 'There is no guest and no commit "test-webiste", did you mean "test-website"? Name a guest of the fleet, or a branch, a tag or a hash.',
    });
  });
});

describe('what the rollback window has passed over', () => {
  async function replaced(): Promise<Bench> {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    return bench;
  }

  const files = async (bench: Bench) => (await bench.cluster.images()).length;

  it('stays until then', async () => {
    const bench = await replaced();
    const messages = bench.chat.messages.length;
    await bench.clock.advance(23 * hour);
    await bench.settle();
    expect(unusedOf(bench)).toHaveLength(1);
    expect(await files(bench)).toBe(4);
    expect(bench.chat.messages).toHaveLength(messages);
  });

  it('is deleted then: the old disk, the image that nothing runs, and its root, and that is said once', async () => {
    const bench = await replaced();
    await bench.clock.advance(26 * hour);
    await bench.settle();
    expect(unusedOf(bench)).toEqual([]);
    expect(await files(bench)).toBe(3);
    expect(bench.builder.kept).toHaveLength(3);
    const said = bench.chat.messages.map((message) => bench.text(message)).filter((text) => text.startsWith('Deleted'));
    expect(said.join()).toContain('1 old root disk');
    expect(said.join()).toContain('1 image file');
    expect(said.join()).toContain('test-website (823)');
    expect(bench.store.fleet('acme').retainedDisks).toEqual([]);
    expect(bench.audit().some((line) => line.startsWith('collected proxnix acme: fast:'))).toBe(true);
    const before = bench.chat.messages.length;
    await bench.clock.advance(26 * hour);
    await bench.settle();
    expect(bench.chat.messages).toHaveLength(before);
    expect(bench.errors()).toEqual([]);
  });

  it('leaves the image files of another bot on the same storage, also one that it uses itself', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    const shared = present(bench.run('planned').plan.goal.guests.find(({ vmid }) => vmid === 823)).image;
    const theirs = anImage('x');
    for (const image of [theirs, shared]) {
      const monitor = { task() {}, progress() {}, line() {} };
      await bench.cluster.upload({ image, path: '/nix/store/x', size: 1 }, 'pve1', monitor);
    }
    await bench.apply();
    await bench.push(3);
    await bench.apply();
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    await bench.clock.advance(30 * hour);
    await bench.settle();
    const left = (await bench.cluster.images()).map(({ hash }) => hash);
    expect(left).toContain(imageHash(theirs));
    expect(left).toContain(imageHash(shared));
    expect(left).toHaveLength(5);
  });

  it('is deleted also after a restart, and then forgotten', async () => {
    const bench = await replaced();
    await bench.restart();
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    expect(bench.store.fleet('acme').uploadedImages).toHaveLength(4);
    await bench.clock.advance(26 * hour);
    await bench.settle();
    expect(await files(bench)).toBe(3);
    expect(bench.store.fleet('acme').uploadedImages).toHaveLength(3);
  });

  it.each<[string, (bench: Bench) => Promise<void> | void]>([
    ['the disk was never ours', (bench) => bench.store.saveFleet('acme', { retainedDisks: [] })],
    [
      'another machine has the VMID',
      (bench) => {
        const guest = present(bench.cluster.guest(823));
        bench.cluster.put({ ...guest, config: { ...guest.config, uuid: 'another' } } as typeof guest);
      },
    ],
    [
      'the guest is protected',
      (bench) => {
        const guest = present(bench.cluster.guest(823));
        bench.cluster.put({ ...guest, config: { ...guest.config, protected: true } } as typeof guest);
      },
    ],
    [
      'the guest is not ours any more',
      (bench) => bench.cluster.put({ ...present(bench.cluster.guest(823)), tags: ['backup'] }),
    ],
    [
      'the guest is unfinished',
      (bench) => bench.cluster.put({ ...present(bench.cluster.guest(823)), tags: ['proxnix', 'proxnix-pending'] }),
    ],
    ['the guest is locked', (bench) => bench.cluster.put({ ...present(bench.cluster.guest(823)), lock: 'backup' })],
    ['applies are locked', (bench) => void bench.chat.command('/proxnix lock moving house', owner)],
  ])('is left alone when %s', async (_, move) => {
    const bench = await replaced();
    await move(bench);
    await bench.clock.advance(30 * hour);
    await bench.settle();
    expect(unusedOf(bench)).toHaveLength(1);
  });

  it('is tried again later when Proxmox refuses it', async () => {
    const bench = await replaced();
    bench.cluster.failNext({ at: 'free', when: 'before', error: new UserError('volume is still in use (snapshot?)') });
    await bench.clock.advance(24 * hour);
    await bench.settle();
    expect(unusedOf(bench)).toHaveLength(1);
    await bench.clock.advance(10 * minute);
    await bench.settle();
    expect(unusedOf(bench)).toEqual([]);
  });

  it('goes also when one image file cannot be deleted, and that one later', async () => {
    const bench = await aBench();
    for (const n of [1, 2, 3]) {
      await bench.push(n, { images: { website: `website ${n}` } });
      await bench.apply();
    }
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    const remove = bench.cluster.removeImage.bind(bench.cluster);
    let refused = 0;
    bench.cluster.removeImage = async (image) => {
      if (refused++ === 0) throw new UserError('Permission check failed (/storage/local, Datastore.Allocate)');
      await remove(image);
    };
    expect(await files(bench)).toBe(5);
    // One look after their time: one file is refused, the other one goes.
    await bench.clock.advance(24 * hour + 20 * minute);
    await bench.settle();
    expect(await files(bench)).toBe(4);
    await bench.clock.advance(2 * hour);
    await bench.settle();
    expect(await files(bench)).toBe(3);
    expect(bench.logged.some(({ message }) => message === 'image files could not be deleted')).toBe(true);
    expect(bench.errors()).toEqual([]);
  });

  it('keeps the image of a guest that was rolled back to it', async () => {
    const bench = await replaced();
    await rollback(bench, 'test-website');
    await bench.apply();
    await bench.clock.advance(30 * hour);
    await bench.settle();
    const hash = readTags(present(bench.cluster.guest(823)).tags).imageHash;
    expect((await bench.cluster.images()).map((image) => image.hash)).toContain(hash);
    expect(await files(bench)).toBe(3);
  });

  it('takes the disk with it that a guest became ill on', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(unusedOf(bench)).toHaveLength(1);
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    await bench.clock.advance(26 * hour);
    await bench.settle();
    expect(unusedOf(bench)).toEqual([]);
    expect(rootOf(bench)).toBeDefined();
  });
});

describe('the button Roll back of an applied run', () => {
  const press = (bench: Bench, runId: string, person = owner) =>
    bench.chat.press({ action: 'rollback', runId }, person);
  const labels = (bench: Bench, run: string) =>
    bench
      .message(run)
      .cards.at(-1)
      ?.buttons.map(({ label }) => label);

  it('plans to put the old root disk of the one replaced guest back', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const first = bench.run('applied').id;
    await bench.push(2, other);
    await bench.apply();
    const second = bench.run('applied').id;
    expect(labels(bench, second)).toEqual(['Roll back']);
    expect(labels(bench, first)).toEqual([]);
    expect(await press(bench, second, stranger)).toMatchObject({ code: 'not-an-approver' });
    expect(await press(bench, first)).toMatchObject({ kind: 'note' });
    expect(bench.pipeline.runs()).toHaveLength(2);
    expect(await press(bench, second)).toEqual({ kind: 'note', text: 'Planning as run r-3.' });
    await bench.settle();
    expect(plannedActions(bench)).toEqual(['rollback 823']);
    await bench.apply();
    expect(labels(bench, second)).toEqual([]);
    expect(bench.text(bench.message(second))).not.toContain('kept until');
    expect(labels(bench, 'r-3')).toEqual(['Roll back']);
    expect(bench.text(bench.message('r-3'))).toContain('; undo with Roll back, or /proxnix rollback test-website');
  });

  it('makes one plan, however often it is pressed', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    const { id } = bench.run('applied');
    const planning = { kind: 'note', text: 'Planning as run r-3.' };
    expect(await Promise.all([press(bench, id), press(bench, id)])).toEqual([planning, planning]);
    await bench.settle();
    expect(await press(bench, id)).toEqual({
      kind: 'note',
      text: 'Run r-3 has this plan already; its card shows it.',
    });
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(3);
    await bench.chat.command('/proxnix rollback 822', owner);
    expect(bench.pipeline.runs()).toHaveLength(4);
  });

  it('plans the commit applied before where the run changed more', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    expect(labels(bench, bench.run('applied').id)).toEqual([]);
    await bench.push(2, { images: { website: 'website 2', database: 'database 2' } });
    await bench.apply();
    await press(bench, bench.run('applied').id);
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(1));
    expect(plannedActions(bench)).toEqual(['rollback 822', 'rollback 823']);
  });

  it('goes when the window is over, and when a later apply failed half way', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, other);
    await bench.apply();
    const { id } = bench.run('applied');
    bench.clock.jump(23 * hour);
    await bench.clock.advance(2 * minute);
    expect(labels(bench, id)).toEqual(['Roll back']);
    bench.clock.jump(hour);
    await bench.clock.advance(2 * minute);
    expect(labels(bench, id)).toEqual([]);
    expect(await press(bench, id)).toMatchObject({
      text: expect.stringContaining(`Run ${id} can no longer be rolled back with its button.`),
    });
  });
});
