import { readTags, splitTags } from '../../../../src/core/tags.ts';
import { volidOf } from '../../../../src/simulator/guest.ts';
import { present, shaOf } from '../fleet.ts';
import type { Point } from './deaths.ts';
import { attachData, database, declared, guestOf, init, type KindOfGuest, website } from './kinds.ts';
import { approve, deploy, finish, reject, rollback } from './person.ts';
import { namedBy } from './volumes.ts';
import { KillWorld, type Snapshot } from './world.ts';

/** What a guest must be at the end: the number of the commit its tags name, and the image. */
export interface Wanted {
  readonly vmid: number;
  readonly image: string;
  readonly commit: number;
  readonly memoryMb: number;
}

/** Something that people ask for, in which the bot is killed. */
export interface Story {
  readonly title: string;
  readonly from: Snapshot;
  /** What happens until the end, or until the bot dies. */
  readonly act: (world: KillWorld) => Promise<void>;
  /** What people do after the restart. */
  readonly recover: (world: KillWorld) => Promise<void>;
  readonly wanted: readonly Wanted[];
  /** Wanted guests that the story makes: they may be discarded half made. */
  readonly makes?: readonly number[];
  /** Only where a request to the API is made: for what is like another story otherwise. */
  readonly requestsOnly?: true;
  /** How many data disks of `website` the story takes out: they are with it to the end. */
  readonly takesOut?: number;
  /** `website` has the data disk of the flake at the end. */
  readonly hasDisk?: true;
  /** Looked at when the bot is dead, when it is back, and at the end. */
  readonly always?: (world: KillWorld) => void;
}

export const day = 24 * 60 * 60_000;

/** All stories of one kind of guest. */
export async function storiesOf(kind: KindOfGuest): Promise<readonly Story[]> {
  const other = { vmid: database, image: 'database 1', commit: 1, memoryMb: 512 };
  const old = { vmid: website, image: 'website 1', commit: 1, memoryMb: 2048 };
  const first = await made(kind);
  const pushing = (change: Parameters<typeof declared>[1]) => async (world: KillWorld) => {
    world.commit(declared(kind, change));
    await deploy(world);
  };
  const replacing = pushing({ image: 'website 2' });
  const replaced = await after(first, replacing);
  const withDisk = await after(first, pushing({ more: kind.disks(1) }));
  const killed = (write: string, when: Point['when']) => after(first, replacing, { write, when });
  return [
    {
      ...{ title: 'a create', from: first, recover: finish, makes: [init] },
      act: pushing({ guests: [init, database, website] }),
      wanted: [{ vmid: init, image: 'init 1', commit: 2, memoryMb: 512 }, other, old],
    },
    {
      ...{ title: 'an update with a restart', from: first, recover: finish },
      act: pushing({ memoryMb: 4096, more: kind.waiting }),
      wanted: [other, { ...old, commit: 2, memoryMb: 4096 }],
    },
    {
      ...{ title: 'a replace', from: first, recover: finish },
      act: pushing({ image: 'website 2', memoryMb: 4096 }),
      wanted: [other, { ...old, image: 'website 2', commit: 2, memoryMb: 4096 }],
    },
    {
      ...{ title: 'a replace whose guest is ill and gets its old disk back', from: first, recover: finish },
      requestsOnly: true,
      act: async (world) => {
        world.bench.health.script(website, 'ill', 'well');
        await replacing(world);
      },
      wanted: [other, { ...old, image: 'website 2', commit: 2 }],
    },
    {
      ...{ title: 'the finish of a replace that was killed at its swap', recover: finish },
      from: await killed(`PUT /nodes/pve1/${kind.api}/${website}/config`, 'after'),
      act: async (world) => {
        await world.settle();
        await approve(world);
      },
      wanted: [other, { ...old, image: 'website 2', commit: 2 }],
    },
    {
      ...{ title: 'a replace by another image after one that was killed at its swap', recover: finish },
      requestsOnly: true,
      from: await killed(`PUT /nodes/pve1/${kind.api}/${website}/config`, 'after'),
      act: pushing({ image: 'website 3' }),
      wanted: [other, { ...old, image: 'website 3', commit: 3 }],
    },
    {
      ...{ title: 'a replace that makes a data disk', from: first, recover: finish },
      requestsOnly: true,
      act: pushing({ image: 'website 2', more: kind.disks(2) }),
      wanted: [other, { ...old, image: 'website 2', commit: 2 }],
      always: sameData(first),
      hasDisk: true,
    },
    {
      ...{ title: 'an update that grows a data disk and a replace after it', from: withDisk, recover: finish },
      requestsOnly: true,
      act: pushing({ image: 'website 2', more: kind.disks(2) }),
      wanted: [other, { ...old, image: 'website 2', commit: 3 }],
      always: sameData(withDisk),
      hasDisk: true,
    },
    {
      ...{ title: 'an update with a restart that takes a data disk out', from: withDisk, recover: finish },
      requestsOnly: true,
      act: pushing({ more: kind.waiting }),
      wanted: [other, { ...old, commit: 3 }],
      always: sameData(withDisk),
      takesOut: 1,
    },
    {
      ...{ title: 'a replace that takes a data disk out and is ill', from: withDisk, recover: finish },
      requestsOnly: true,
      act: async (world) => {
        world.bench.health.script(website, 'ill', 'well');
        await pushing({ image: 'website 2' })(world);
      },
      wanted: [other, { ...old, image: 'website 2', commit: 3 }],
      always: sameData(withDisk),
      takesOut: 1,
    },
    {
      ...{ title: 'a destroy', from: first, recover: finish },
      act: pushing({ guests: [website] }),
      wanted: [old],
    },
    {
      ...{ title: 'a rollback', from: replaced },
      act: (world) => rollback(world, 'test-website'),
      // The plan after the restart is for the branch; where people followed it, they go back once more.
      recover: async (world) => {
        if (commitOf(world) === shaOf(1)) return reject(world);
        await finish(world);
        await rollback(world, 'test-website');
      },
      wanted: [other, old],
      always: bothDisks(replaced),
    },
    {
      ...{ title: 'the clean-up of a disk that was handed over and never swapped in', recover: finish },
      from: await killed(`PUT /nodes/pve1/${kind.api}/${website}/config`, 'before'),
      act: pushing({}),
      wanted: [other, old],
    },
    {
      ...{ title: 'the clean-up of a staging guest', recover: finish },
      from: await killed(`PUT /nodes/pve1/${kind.api}/900000823/${kind.staged}`, 'after'),
      act: pushing({}),
      wanted: [other, old],
    },
    {
      ...{ title: 'the deletion of what the rollback window has passed over', from: replaced, recover: finish },
      act: windowPasses,
      wanted: [other, { ...old, image: 'website 2', commit: 2 }],
    },
  ];
}

/** The rollback window passes, and what it was for is deleted. */
export async function windowPasses(world: KillWorld): Promise<void> {
  const { clock, pipeline } = world.bench;
  clock.jump(2 * day);
  pipeline.keepUp({ collectIntervalMs: 1000 });
  await world.untilDeath(clock.advance(1000));
  await world.settle();
}

/** Two guests that run, one of them with a disk of its own for its data. */
export async function made(kind: KindOfGuest): Promise<Snapshot> {
  const world = await KillWorld.open();
  try {
    world.commit(declared(kind));
    await deploy(world);
    world.bench.run('applied');
    await attachData(world, kind);
    return await world.snapshot();
  } finally {
    await world.close();
  }
}

/** What is left of a world after something happened in it. */
async function after(from: Snapshot, act: (world: KillWorld) => Promise<void>, point?: Point): Promise<Snapshot> {
  const world = await KillWorld.open(from, point);
  try {
    await act(world);
    if (point === undefined) world.bench.run('applied');
    else if (!world.isDead) throw new Error(`was never ${point.when} ${point.write}: ${world.writes.join('\n')}`);
    return await world.snapshot();
  } finally {
    await world.close();
  }
}

/** The disks with the data of `website` are there and named by it, with every byte, whatever happens. */
function sameData(from: Snapshot): (world: KillWorld) => void {
  const { config } = present(from.cluster.guests.find(({ vmid }) => vmid === website));
  const slots = Object.keys(config).filter((key) => /^(?:scsi[1-9]|mp)\d*$/.test(key));
  const volids = slots.map((slot) => volidOf(config[slot]));
  const markOf = (volumes: Snapshot['cluster']['volumes'], volid: string) =>
    volumes.find((one) => one.volid === volid)?.mark;
  return (world) => {
    const now = new Set(namedBy(guestOf(world, website)));
    const wrong = volids.filter(
      (volid) => !now.has(volid) || markOf(world.simulator.volumes(), volid) !== markOf(from.cluster.volumes, volid),
    );
    if (wrong.length > 0) throw new Error(`data lost on ${wrong.join(', ')}`);
  };
}

/** The commit that the tags of `website` name, where work on it is done. */
function commitOf(world: KillWorld): string | undefined {
  const { pending, commit } = readTags(splitTags(String(guestOf(world, website).config['tags'])));
  return pending ? undefined : commit;
}

/** The disk that a guest runs and the one that is kept of it are there, whatever happens. */
function bothDisks(from: Snapshot): (world: KillWorld) => void {
  const disks = namedBy(present(from.cluster.guests.find(({ vmid }) => vmid === website)));
  return (world) => {
    const now = new Set(namedBy(guestOf(world, website)));
    const volumes = new Set(world.simulator.volumes().map(({ volid }) => volid));
    const lost = disks.filter((volid) => !now.has(volid) || !volumes.has(volid));
    if (lost.length > 0) throw new Error(`lost of ${disks.join(', ')}: ${lost.join(', ')}`);
  };
}
