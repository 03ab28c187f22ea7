import { expect, it, onTestFinished } from 'vitest';
import { Story } from '../../../contracts/cluster.ts';
import type { SimulatedWorld } from '../on-simulator.ts';
import { openSimulated, seed } from '../on-simulator.ts';

async function start(change: Parameters<typeof seed>[0] = {}): Promise<{ world: SimulatedWorld; story: Story }> {
  const world = await openSimulated(seed(change));
  onTestFinished(() => world.close());
  const story = new Story(world);
  await story.make();
  return { world, story };
}

const to = (storage: string) => ({ storage, notes: '{{guestname}} before a commit' });

it('tells how far it is by the lines of its log', async () => {
  const { story } = await start();
  await story.run('backup', to('vault'));
  expect(story.sent.some(([done, total, unit]) => unit === 'bytes' && done > 0 && done <= total)).toBe(true);
  expect(story.lines.join('\n')).toContain('creating vzdump archive');
});

it('without its right fails in the task, with the right to grant', async () => {
  const tokens = seed().tokens.map((token) => ({
    ...token,
    privileges: Object.fromEntries(
      Object.entries(token.privileges).map(([path, all]) => [path, all.filter((one) => one !== 'VM.Backup')] as const),
    ),
  }));
  const { story } = await start({ tokens });
  await expect(story.run('backup', to('vault'))).rejects.toMatchObject({
    message: 'The backup of VM 823 to vault failed: 403 Permission check failed (/vms/823, VM.Backup)',
    next: expect.stringMatching(/^Nothing was changed on VM 823\. Grant VM\.Backup on \/vms .*pveum acl modify/),
  });
});

it('to a storage that takes none names the content to allow', async () => {
  const { story } = await start();
  await expect(story.run('backup', to('fast'))).rejects.toMatchObject({
    message: expect.stringContaining("can't use storage 'fast' for backups - wrong content type"),
    next: expect.stringContaining('`pvesm set fast --content backup,...`'),
  });
});

it('waits for the backup of somebody else, whose lock does not end the run', async () => {
  const { world, story } = await start();
  await world.admin('POST', '/nodes/pve1/vzdump', { vmid: 823, storage: 'vault', mode: 'snapshot', remove: 0 }, false);
  await story.run('backup', to('vault'));
  expect(world.simulator.volumes().filter(({ content }) => content === 'backup')).toHaveLength(2);
});

it('of a guest that somebody changes meanwhile ends the run before anything else is written', async () => {
  const { world, story } = await start();
  const changed = world.simulator.outside({ do: 'edit', vmid: 823, set: { description: 'theirs' } });
  await changed;
  await expect(story.run('backup', to('vault'))).rejects.toThrow('was changed by somebody else');
  expect(world.simulator.tasks().filter(({ type }) => type === 'vzdump')).toEqual([]);
});
