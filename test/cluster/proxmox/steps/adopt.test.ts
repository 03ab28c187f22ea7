import { expect, it, onTestFinished } from 'vitest';
import { Story } from '../../../contracts/cluster.ts';
import { openSimulated, seed } from '../on-simulator.ts';

it('a VM that became a template since the plan is not taken over', async () => {
  const world = await openSimulated(seed());
  onTestFinished(() => world.close());
  const story = new Story(world);
  await story.make();
  await story.run('stop');
  await world.edit(823, { tags: 'prod' });
  await world.admin('POST', '/nodes/pve1/qemu/823/template');
  await story.look();
  await expect(story.run('adopt', { tags: 'prod;proxnix' })).rejects.toThrow(
    'VM 823 is a template: it is not taken over.',
  );
  expect(world.simulator.guest(823)?.config['tags']).toBe('prod');
});
