import { expect, it, onTestFinished } from 'vitest';
import { Story } from '../../../contracts/cluster.ts';
import { aGuest } from '../a-guest.ts';
import { openSimulated, seed } from '../on-simulator.ts';

async function start() {
  const world = await openSimulated(seed());
  onTestFinished(() => world.close());
  const story = new Story(world);
  await story.make();
  world.requests.length = 0;
  return { world, story };
}

it('a step with a name that is none in Proxmox sends nothing', async () => {
  const { world, story } = await start();
  const guest = aGuest({ bridge: 'vmbr0,firewall=0' });
  await expect(story.run('configure', { guest })).rejects.toThrow('is no name of a bridge in Proxmox');
  expect(world.requests).toEqual([]);
});

it('a step with the precondition of another guest writes nothing', async () => {
  const { world, story } = await start();
  if (story.precondition === undefined) throw new Error('no precondition');
  story.precondition = { ...story.precondition, vmid: 824 };
  await expect(story.run('stop')).rejects.toThrow('the precondition of /nodes/pve1/qemu/824 came with a step of');
  expect(world.requests.filter((request) => !request.startsWith('GET'))).toEqual([]);
});
