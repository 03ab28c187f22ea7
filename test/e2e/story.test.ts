import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTags, splitTags } from '../../src/core/tags.ts';
import type { Message } from '../../src/demo/console-client.ts';
import * as edits from '../../src/demo/edits.ts';
import { aWorld, changesIn, type World, wordsOf } from './demo-world.ts';

const patience = 60_000;

/** One person, one afternoon: each test goes on where the one before ended. */
describe('the story of the demo, over real sockets with real Nix and real git', () => {
  let world: World;
  let first: Message;
  beforeAll(async () => {
    world = await aWorld();
  }, 120_000);
  afterAll(() => world.stop(), 60_000);

  /** Does something that the bot answers with a new message, and waits for that to have a title that fits. */
  async function answered(action: () => Promise<unknown>, title: RegExp): Promise<Message> {
    const known = (await world.client.messages()).at(-1)?.id;
    await action();
    return world.client.waitFor(patience, (messages) => {
      const newest = messages.at(-1);
      return newest !== undefined && newest.id !== known && title.test(newest.card.title) ? newest : undefined;
    });
  }

  /** Approves a plan and waits for the same message to come to its end. */
  async function approve(plan: Message, title: RegExp): Promise<Message> {
    expect(await world.client.press(plan, 'approve')).toEqual({ kind: 'none' });
    return become(plan, title);
  }

  /** Waits for a message to have another title. */
  function become(message: Message, title: RegExp): Promise<Message> {
    return world.client.waitFor(patience, (messages) =>
      messages.find(({ id, card }) => id === message.id && title.test(card.title)),
    );
  }

  /** Takes the last commits back; the fleet is as it was. */
  async function revert(commits = 1): Promise<void> {
    const heads = Array.from({ length: commits }, (_, index) => `HEAD~${index}`);
    await answered(async () => {
      await world.git('revert', '--no-edit', ...heads);
      await world.git('push', '--quiet');
    }, /^In sync/);
  }

  const command = (text: string) => world.client.post('/api/commands', { text: `/proxnix ${text}` });

  /** Approves a plan whose one guest is destroyed, by typing its name. */
  async function confirm(plan: Message, name: string): Promise<Message> {
    expect(await world.client.press(plan, 'approve')).toMatchObject({ kind: 'form', form: { danger: true } });
    const id = plan.card.buttons[0]?.id.replace('approve', 'confirm') ?? '';
    const submitted = await world.client.post(`/api/forms/${encodeURIComponent(id)}`, { values: { names: name } });
    expect(submitted).toEqual({ kind: 'none' });
    return become(plan, /^Applied: destroyed 1$/);
  }

  /** What it took to do something: builds by Nix, and uploads. */
  async function effort(work: () => Promise<unknown>): Promise<{ builds: number; uploads: number }> {
    world.logged.length = 0;
    world.requests.length = 0;
    await work();
    return {
      builds: world.logged.filter((line) => line.includes('"msg":"built"')).length,
      uploads: world.requests.filter((call) => call.endsWith('/upload')).length,
    };
  }

  const configOf = (vmid: number) => structuredClone(world.simulator.guest(vmid)?.config);
  const tagsOf = (vmid: number) => readTags(splitTags(String(world.simulator.guest(vmid)?.config['tags'] ?? '')));
  const isRunning = (vmid: number) => world.simulator.guest(vmid)?.startedAt !== undefined;
  const snapshot = () => JSON.stringify(world.simulator.guests().map(({ vmid, config }) => [vmid, config]));

  it('begins with a plan that creates the four VMs', async () => {
    first = await answered(() => world.begin(), /^Plan:/);
    const plan = first;
    expect(plan.card.title).toBe('Plan: create 4');
    expect(changesIn(plan)).toEqual([
      '+ test-init (820) create build-qcow2-init',
      '+ test-cp (821) create build-qcow2-cp',
      '+ test-worker (822) create build-qcow2-worker',
      '+ test-website (823) create build-qcow2-website',
    ]);
    expect(world.simulator.guests()).toEqual([]);
  });

  it('ends the first apply with four running VMs and their final tags', async () => {
    const applied = await approve(first, /^Applied:/);
    expect(applied.card.title).toBe('Applied: created 4');
    for (const vmid of [820, 821, 822, 823]) {
      expect(isRunning(vmid)).toBe(true);
      expect(tagsOf(vmid)).toMatchObject({ ours: true, pending: false, foreign: [] });
      expect(wordsOf(applied)).toContain(`nix-${tagsOf(vmid).imageHash}`);
    }
    expect(new Set([820, 821, 822, 823].map((vmid) => tagsOf(vmid).commit)).size).toBe(1);
  }, 90_000);

  it('says in one line that a README changes nothing', async () => {
    const { card } = await answered(() => edits.editReadme(world.repository), /^In sync/);
    expect(card.title).toMatch(/^In sync: [0-9a-f]{7} \(Say more in the README\) changes nothing$/);
    expect(card).toMatchObject({ blocks: [], buttons: [] });
  });

  it('shows a package, a port, an administrator and another storage of one commit before anything is built', async () => {
    let words = '';
    const cost = await effort(async () => {
      const plan = await answered(() => edits.manyChanges(world.repository, 'website', 'fast'), /^Plan:/);
      words = wordsOf(plan);
    });
    expect(cost).toEqual({ builds: 0, uploads: 0 });
    for (const text of ['openssl 3.0.13 -> 3.0.14', 'TCP port 8080 opens', 'user ops joins wheel', 'local-lvm -> fast'])
      expect(words).toContain(text);
    await revert();
  });

  it('replaces exactly the VM whose image was edited, and keeps its VMID, MAC address, UUID and other disks', async () => {
    const was = structuredClone(world.simulator.guest(823)?.config);
    const plan = await answered(() => edits.editImage(world.repository, 'website'), /^Plan:/);
    expect(changesIn(plan)).toEqual(['-/+ test-website (823) replace build-qcow2-website']);
    await approve(plan, /^Applied: replaced 1$/);
    const is = world.simulator.guest(823)?.config;
    expect(is?.['net0']).toBe(was?.['net0']);
    expect(is?.['smbios1']).toBe(was?.['smbios1']);
    expect(is?.['scsi0']).not.toBe(was?.['scsi0']);
    expect(isRunning(823)).toBe(true);
    expect(
      world.simulator
        .guests()
        .map(({ vmid }) => vmid)
        .sort((a, b) => a - b),
    ).toEqual([820, 821, 822, 823]);
  }, 120_000);

  it('updates memory in place', async () => {
    const plan = await answered(() => edits.editMemory(world.repository, 'cp', 4096), /^Plan:/);
    expect(changesIn(plan)).toEqual(['~ test-cp (821) update build-qcow2-cp']);
    expect(wordsOf(plan)).toContain('memory 2048 -> 4096 MiB (restart)');
    await approve(plan, /^Applied: updated 1$/);
    expect(world.simulator.guest(821)?.config['memory']).toBe('4096');
    expect(world.simulator.guest(821)?.pending ?? {}).toEqual({});
  }, 120_000);

  it('creates the container that is declared beside the VMs', async () => {
    const plan = await answered(() => edits.addContainer(world.repository), /^Plan:/);
    expect(changesIn(plan)).toEqual(['+ test-cache (824) create lxc-cache']);
    expect(await effort(() => approve(plan, /^Applied: created 1$/))).toEqual({ builds: 1, uploads: 1 });
    expect(world.simulator.guest(824)).toMatchObject({ type: 'lxc', config: { hostname: 'test-cache', memory: 512 } });
    expect(isRunning(824)).toBe(true);
    expect(tagsOf(824)).toMatchObject({ ours: true, pending: false, foreign: [] });
  }, 120_000);

  it("swaps the container's root when its image was edited, and keeps its VMID and MAC address", async () => {
    const was = configOf(824);
    const plan = await answered(() => edits.editImage(world.repository, 'cache'), /^Plan:/);
    expect(changesIn(plan)).toEqual(['-/+ test-cache (824) replace lxc-cache']);
    await approve(plan, /^Applied: replaced 1$/);
    const is = configOf(824);
    expect(is?.['net0']).toBe(was?.['net0']);
    expect(is?.['rootfs']).not.toBe(was?.['rootfs']);
    expect(is?.['tags']).not.toBe(was?.['tags']);
    expect(isRunning(824)).toBe(true);
    expect(world.simulator.guests()).toHaveLength(5);
  }, 120_000);

  it('gives the container memory while it runs', async () => {
    const since = world.simulator.guest(824)?.startedAt;
    const plan = await answered(() => edits.editMemory(world.repository, 'cache', 1024), /^Plan:/);
    expect(changesIn(plan)).toEqual(['~ test-cache (824) update lxc-cache']);
    expect(wordsOf(plan)).not.toContain('restart');
    expect(await effort(() => approve(plan, /^Applied: updated 1$/))).toEqual({ builds: 0, uploads: 0 });
    expect(configOf(824)).toMatchObject({ memory: 1024 });
    expect(world.simulator.guest(824)).toMatchObject({ startedAt: since, pending: {} });
  }, 120_000);

  it('brings the earlier root of the container back, without a build', async () => {
    const image = tagsOf(824).imageHash;
    const plan = await answered(() => command('rollback test-cache'), /^Plan: roll back 1$/);
    expect(changesIn(plan)).toEqual(['-/+ test-cache (824) roll back lxc-cache']);
    const done = effort(() => approve(plan, /^Applied: rolled back 1$/));
    expect(await done).toEqual({ builds: 0, uploads: 0 });
    expect(tagsOf(824).imageHash).not.toBe(image);
    expect(configOf(824)).toMatchObject({ memory: 1024 });
    expect(isRunning(824)).toBe(true);
  }, 120_000);

  it('brings everything back to the commit before, as far as it differs', async () => {
    const plan = await answered(() => command('rollback'), /^Plan: /);
    expect(changesIn(plan)).toEqual(['-/+ test-cache (824) roll back lxc-cache']);
    expect(wordsOf(plan)).toContain('Update the image of test-cache');
    expect(wordsOf(plan)).toContain('memory 1024 -> 512 MiB');
    expect(await effort(() => approve(plan, /^Applied: rolled back 1$/))).toEqual({ builds: 0, uploads: 0 });
    expect(configOf(824)).toMatchObject({ memory: 512 });
  }, 120_000);

  it('destroys the container when its name is typed', async () => {
    const plan = await answered(() => edits.removeGuest(world.repository, 'cache'), /^Plan: destroy 1$/);
    await confirm(plan, 'test-cache');
    expect(world.simulator.guest(824)).toBeUndefined();
  }, 120_000);

  it.each([
    ['a broken flake', edits.breakSyntax, /Syntax error: unexpected/],
    ['an unknown field', edits.addUnknownField, /unknown field .{2}memory_mib.{2}, did you mean .{2}memory_mb/],
    ['a duplicate vm_id', edits.duplicateVmId, /is also the vm_id of test-cp/],
  ])('ends %s in a clear card, with nothing touched', async (_what, edit, words) => {
    const before = snapshot();
    const failed = await answered(() => edit(world.repository), /^Failed/);
    expect(wordsOf(failed)).toMatch(words);
    expect(snapshot()).toBe(before);
    await revert();
  });

  it('shows the log of a build that breaks, with nothing touched', async () => {
    const before = snapshot();
    const plan = await answered(() => edits.breakImage(world.repository, 'worker'), /^Plan: replace 1$/);
    const failed = await approve(plan, /^Failed: step 1 of 3, build$/);
    expect(wordsOf(failed)).toContain("unknown option 'listen-adress'");
    expect(wordsOf(failed)).toContain('No guest was touched.');
    expect(snapshot()).toBe(before);
    await revert();
  });

  it('blocks a VMID that belongs to somebody else, and keeps the VM that was to move there', async () => {
    await world.call('POST', '/nodes/pve1/qemu', { vmid: '100', name: 'somebody-elses' });
    const blocked = await answered(() => edits.takeVmid(world.repository, 'init', 100), /^Blocked/);
    expect(blocked.card.title).toBe('Blocked: 2 changes cannot be run');
    expect(changesIn(blocked)).toEqual([
      '! test-init (820) destroy, blocked',
      '! test-init (100) blocked build-qcow2-init',
    ]);
    expect(blocked.card.buttons.map(({ id }) => id.split(':')[1])).toEqual(['plan-again']);
    await revert();
  });

  it('offers no apply where a storage is full, for a move as for a new root', async () => {
    const before = snapshot();
    const moved = await answered(() => edits.useStorage(world.repository, 'worker', 'full'), /^Blocked: 1 change/);
    expect(changesIn(moved)).toEqual(['! test-worker (822) update, blocked build-qcow2-worker']);
    const replaced = await answered(() => edits.editImage(world.repository, 'worker'), /^Blocked: 1 change/);
    expect(changesIn(replaced)).toEqual(['! test-worker (822) replace, blocked build-qcow2-worker']);
    expect(wordsOf(replaced)).toMatch(/Storage .{1,2}full.{1,2} on .* has .* free/);
    expect(snapshot()).toBe(before);
    await revert(2);
  }, 120_000);

  it('brings the earlier root disk of a VM back, without a build', async () => {
    const was = configOf(823);
    const plan = await answered(() => command('rollback test-website'), /^Plan: roll back 1$/);
    expect(changesIn(plan)).toEqual(['-/+ test-website (823) roll back build-qcow2-website']);
    expect(await effort(() => approve(plan, /^Applied: rolled back 1$/))).toEqual({ builds: 0, uploads: 0 });
    const is = configOf(823);
    expect(is?.['scsi0']).not.toBe(was?.['scsi0']);
    expect([is?.['net0'], is?.['smbios1']]).toEqual([was?.['net0'], was?.['smbios1']]);
    expect(tagsOf(823)).toMatchObject({ ours: true, pending: false, foreign: [] });
    expect(isRunning(823)).toBe(true);
  }, 120_000);

  it('destroys a VM that was removed only when its name is typed', async () => {
    const plan = await answered(() => edits.removeGuest(world.repository, 'website'), /^Plan: destroy 1$/);
    expect(changesIn(plan)).toEqual(['- test-website (823) destroy']);
    const answer = await world.client.press(plan, 'approve');
    expect(answer).toMatchObject({ kind: 'form', form: { danger: true } });
    const id = plan.card.buttons[0]?.id.replace('approve', 'confirm') ?? '';
    const submit = (names: string) => world.client.post(`/api/forms/${encodeURIComponent(id)}`, { values: { names } });
    expect(await submit('test-init')).toMatchObject({ kind: 'invalid', field: 'names' });
    expect(isRunning(823)).toBe(true);
    expect(await submit('test-website')).toEqual({ kind: 'none' });
    await become(plan, /^Applied: destroyed 1$/);
    expect(world.simulator.guest(823)).toBeUndefined();
    expect(world.simulator.guest(100)).toBeDefined();
  }, 120_000);

  it('finds nothing to do when it plans again', async () => {
    await answered(() => command('plan'), /^In sync/);
  });

  it('asks at most once a guest for the state, and once for the list', async () => {
    world.requests.length = 0;
    await answered(() => edits.editReadme(world.repository), /^In sync/);
    const ours = world.simulator.guests().filter(({ vmid }) => vmid !== 100).length;
    expect(world.requests.length).toBeLessThanOrEqual(1 + ours);
  });
});
