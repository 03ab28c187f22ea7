import { readTags, splitTags } from '../../../../src/core/tags.ts';
import { database, declared, guestOf, type KindOfGuest, website } from './kinds.ts';
import { deploy, finish } from './person.ts';
import { made, type Story } from './stories.ts';
import type { KillWorld, Snapshot } from './world.ts';

/** The stories in which a guest that HA keeps running is stopped or started by requests, which take 16 s. */
export async function haStoriesOf(kind: KindOfGuest): Promise<readonly Story[]> {
  const from: Snapshot = { ...(await made(kind)), managed: [database, website] };
  const other = { vmid: database, image: 'database 1', commit: 1, memoryMb: 512 };
  const replaced = { vmid: website, image: 'website 2', commit: 2, memoryMb: 2048 };
  const pushing = (change: Parameters<typeof declared>[1]) => async (world: KillWorld) => {
    world.commit(declared(kind, change));
    await deploy(world);
  };
  const recover = async (world: KillWorld) => {
    await finish(world);
    for (const vmid of [database, website]) expectKeptRunning(world, vmid);
  };
  const stories: Story[] = [
    {
      ...{ title: 'a replace under HA whose guest is ill and gets its old disk back', from, recover },
      requestsOnly: true,
      act: async (world) => {
        world.bench.health.script(website, 'ill', 'well');
        await pushing({ image: 'website 2' })(world);
      },
      wanted: [other, replaced],
    },
    {
      ...{ title: 'a destroy under HA', from, recover: finish },
      act: pushing({ guests: [website] }),
      wanted: [{ ...replaced, image: 'website 1', commit: 1 }],
    },
  ];
  if (kind.kind === 'container') return stories;
  return [
    ...stories,
    {
      ...{ title: 'a replace under HA of a VM that is stopped for its swap', recover },
      requestsOnly: true,
      from: withoutRootInBoot(from),
      act: pushing({ image: 'website 2' }),
      wanted: [other, replaced],
    },
  ];
}

/** At rest HA holds the guest in the state in which it was. */
function expectKeptRunning(world: KillWorld, vmid: number): void {
  const { config, startedAt } = guestOf(world, vmid);
  if (readTags(splitTags(String(config['tags']))).pending) throw new Error(`${vmid} is pending`);
  if (startedAt === undefined) throw new Error(`${vmid} does not run`);
  const requests = world.simulator
    .tasks()
    .filter(({ type, id, exit }) => /^ha(?:start|stop)$/.test(type) && id === String(vmid) && exit === 'OK');
  if (requests[0]?.type === 'hastop') throw new Error(`HA was last asked to stop ${vmid}`);
}

function withoutRootInBoot(from: Snapshot): Snapshot {
  const guests = from.cluster.guests.map((guest) =>
    guest.vmid === website ? { ...guest, config: { ...guest.config, boot: 'order=net0' } } : guest,
  );
  return { ...from, cluster: { ...from.cluster, guests } };
}
