import { expect } from 'vitest';
import { hasEnded } from '../../../../src/core/advance.ts';
import { imageHash } from '../../../../src/core/guest.ts';
import type { RetainedDisk } from '../../../../src/core/retained-disks.ts';
import { readTags, splitTags } from '../../../../src/core/tags.ts';
import { type Guest, volidOf } from '../../../../src/simulator/guest.ts';
import type { WorldState } from '../../../../src/simulator/simulator.ts';
import { present, shaOf } from '../fleet.ts';
import { guestOf, type KindOfGuest, website } from './kinds.ts';
import { type Story, windowPasses } from './stories.ts';
import { diskOf, orphansIn, unusedOf } from './volumes.ts';
import type { KillWorld } from './world.ts';

/** Everything that must hold when people have done their part after a kill. */
export async function expectRecovered(world: KillWorld, kind: KindOfGuest, story: Story): Promise<void> {
  const before = story.from.cluster;
  await expectGuests(world, kind, story, before);
  expectForeignUntouched(world, before);
  expect(orphansIn(world), 'orphans').toEqual([]);
  expectUnusedKnown(world, story);
  expectWayBack(world, kind, story);
  expectNothingTwice(world, story);
  for (const run of world.bench.pipeline.runs()) expect(hasEnded(run), `${run.id} ${run.phase}`).toBe(true);
  await windowPasses(world);
  for (const { vmid } of story.wanted) {
    const out = vmid === website ? (story.takesOut ?? 0) : 0;
    expect(unusedOf(guestOf(world, vmid)), `unused of ${vmid}`).toHaveLength(out);
  }
  const disk = guestOf(world, website).config[kind.diskSlot];
  if (story.hasDisk) expect(disk, 'the data disk of the flake').toMatch(/size=2G/);
  if (story.takesOut !== undefined) expect(disk, 'the data disk of the flake').toBeUndefined();
  expect(world.bench.store.fleet('acme').retainedDisks ?? [], 'records').toEqual([]);
  expect(orphansIn(world), 'orphans after the window').toEqual([]);
  expect(world.bench.errors()).toEqual([]);
}

async function expectGuests(world: KillWorld, kind: KindOfGuest, { wanted }: Story, before: WorldState): Promise<void> {
  const ours = world.simulator.guests().filter(({ vmid }) => !isForeign(vmid));
  expect(ours.map(({ vmid }) => vmid)).toEqual(wanted.map(({ vmid }) => vmid).toSorted((a, b) => a - b));
  for (const { vmid, image, commit, memoryMb } of wanted) {
    const guest = guestOf(world, vmid);
    const tags = readTags(splitTags(String(guest.config['tags'] ?? '')));
    const done = { ours: true, pending: false, imageHash: await hashOf(world, kind, image), commit: shaOf(commit) };
    expect(tags, `tags of ${vmid}`).toMatchObject(done);
    expect(String(guest.config['memory']), `memory of ${vmid}`).toBe(String(memoryMb));
    expect(guest.startedAt, `${vmid} runs`).toBeDefined();
    expect([guest.pending, guest.pendingDelete], `pending of ${vmid}`).toEqual([{}, []]);
    expect(diskOf(guest, kind.rootSlot), `root disk of ${vmid}`).toMatch(/^fast:/);
    const old = before.guests.find((one) => one.vmid === vmid);
    if (old !== undefined) expect(kind.identity(guest), `identity of ${vmid}`).toEqual(kind.identity(old));
  }
  const data = present(before.guests.find(({ vmid }) => vmid === website)).config[kind.dataDisk.slot];
  expect(guestOf(world, website).config[kind.dataDisk.slot], 'the disk with the data').toBe(present(data));
}

/** What stands for an image's content names the same image in every commit. */
async function hashOf({ bench }: KillWorld, { kind }: KindOfGuest, content: string): Promise<string> {
  bench.builder.commit('any', { fleet: {}, images: { any: content } });
  const [found] = await bench.builder.evaluateImages({ rev: 'any' } as never, [{ kind, type: 'any' }]);
  return imageHash(present(found).image);
}

function isForeign(vmid: number): boolean {
  return vmid === 900 || vmid === 901;
}

function expectForeignUntouched({ simulator }: KillWorld, before: WorldState): void {
  const foreign = (guests: readonly Guest[]) => guests.filter(({ vmid }) => isForeign(vmid));
  expect(foreign(simulator.guests())).toEqual(foreign(before.guests));
  const theirs = (volumes: WorldState['volumes']) => volumes.filter(({ volid }) => /-90[01]-/.test(volid));
  expect(theirs(simulator.volumes())).toEqual(theirs(before.volumes));
}

/** An unused disk of ours is an old root disk, of which is known that it is one. */
function expectUnusedKnown(world: KillWorld, { wanted, takesOut = 0 }: Story): void {
  const kept = world.bench.store.fleet('acme').retainedDisks ?? [];
  for (const { vmid } of wanted) {
    const known = kept.filter((disk) => disk.vmid === vmid).map(({ volid }) => volid);
    const unknown = unusedOf(guestOf(world, vmid)).filter((volid) => !known.includes(volid));
    expect(unknown, `unused of ${vmid} without a record`).toHaveLength(vmid === website ? takesOut : 0);
  }
}

/** Where the root disk is another one now, what the one of before holds is known: people can go back to it. */
function expectWayBack(world: KillWorld, { rootSlot }: KindOfGuest, { from }: Story): void {
  const before = present(from.cluster.guests.find(({ vmid }) => vmid === website)).config;
  const volid = volidOf(before[rootSlot]);
  if (diskOf(guestOf(world, website), rootSlot) === volid) return;
  const recordIn = (kept: readonly RetainedDisk[] = []) => kept.find((disk) => disk.volid === volid)?.imageHash;
  const known =
    readTags(splitTags(String(before['tags']))).imageHash ?? recordIn(from.store.fleets['acme']?.retainedDisks);
  expect(recordIn(world.bench.store.fleet('acme').retainedDisks), `the image on ${volid}`).toBe(present(known));
}

/** No image is imported over another, and no guest is deleted that shall live. */
function expectNothingTwice({ simulator }: KillWorld, { wanted, makes = [] }: Story): void {
  const done = simulator.tasks().filter(({ exit }) => exit === 'OK');
  const count = (type: string, id: number) =>
    done.filter((task) => task.type === type && task.id === String(id)).length;
  for (const id of new Set(done.map((task) => Number(task.id)).filter((vmid) => vmid > 0))) {
    expect(count('qmconfig', id), `imports into ${id}`).toBeLessThanOrEqual(count('qmcreate', id));
  }
  for (const { vmid } of wanted) {
    if (makes.includes(vmid)) continue;
    expect(count('qmdestroy', vmid) + count('vzdestroy', vmid), `deletions of ${vmid}`).toBe(0);
  }
}
