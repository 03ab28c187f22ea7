import { describe, expect, it, onTestFinished } from 'vitest';
import type { GuestKind } from '../../../../src/core/guest.ts';
import { Story } from '../../../contracts/cluster.ts';
import { anImage } from '../../../support/builders.ts';
import { aContainer, aGuest } from '../a-guest.ts';
import { LossyProxy } from '../lossy-proxy.ts';
import { openSimulated, type SimulatedWorld, seed } from '../on-simulator.ts';

async function start(kind: GuestKind) {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(seed(), async (url) => {
    const made = new LossyProxy(url);
    proxies.push(made);
    return made.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
  onTestFinished(async () => {
    await world.close();
    proxy.close();
  });
  const story = new Story(world, kind);
  await story.make();
  return { world, proxy, story };
}

it.each(['vm', 'container'] as const)('a %s goes with the disks of its configuration and no other', async (kind) => {
  const { proxy, story } = await start(kind);
  // Without destroy-unreferenced-disks: volumes that somebody keeps under its VMID stay.
  proxy.lose({ method: 'DELETE', path: /\/823\?purge=1$/, what: 'time', meanwhile: async () => {} });
  expect(await story.run('destroy')).toBeUndefined();
  expect(proxy.waiting).toBe(0);
});

it.each(['vm', 'container'] as const)(
  'the staging guest of a %s goes without its disk that was handed over',
  async (kind) => {
    const { proxy, story } = await start(kind);
    await story.upload('b');
    const guest = { ...(kind === 'vm' ? aGuest() : aContainer()), image: anImage('b', kind) };
    await story.run('prepare', { guest });
    proxy.lose({ method: 'DELETE', path: /\/900000823\?purge=1$/, what: 'time', meanwhile: async () => {} });
    await story.run('attach', { guest });
    expect(proxy.waiting).toBe(0);
  },
);

describe.each(['vm', 'container'] as const)('while it is stopped for its deletion, a %s', (kind) => {
  const changes: readonly (readonly [string, (world: SimulatedWorld) => Promise<void>, string])[] = [
    ['made anew under its VMID', (world) => world.recreate(823), 'is another machine than planned'],
    ['let go of by its tag', (world) => world.edit(823, { tags: 'prod' }), 'does not carry the tag "proxnix"'],
    ['protected', (world) => world.edit(823, { protected: true }), 'is protected in Proxmox'],
  ];

  it.each(changes)('that is %s is not deleted', async (_, change, words) => {
    const { world, proxy, story } = await start(kind);
    const meanwhile = () => change(world);
    proxy.lose({ method: 'POST', path: /823\/status\/stop$/, what: 'time', meanwhile });
    await expect(story.run('destroy')).rejects.toThrow(words);
    expect(proxy.writes.filter((write) => /stop$|^DELETE/.test(write))).toEqual([
      expect.stringMatching(/^POST .*\/823\/status\/stop$/),
    ]);
    expect(world.simulator.guest(823)).toBeDefined();
  });
});
