import { describe, expect, it, onTestFinished } from 'vitest';
import { Story } from '../cluster.contract.ts';
import { aGuest, anImage } from './a-guest.ts';
import { type Loss, LossyProxy } from './lossy-proxy.ts';
import { openSimulated, seed } from './on-simulator.ts';

const pending = 'proxnix;proxnix-pending';

async function start() {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(seed(), async (url) => {
    const proxy = new LossyProxy(url);
    proxies.push(proxy);
    return proxy.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
  onTestFinished(async () => {
    await world.close();
    proxy.close();
  });
  return { world, proxy, story: new Story(world) };
}

describe('when the answer to a write is lost', () => {
  const calls: readonly Omit<Loss, 'what'>[] = [
    { method: 'POST', path: /\/upload$/ },
    { method: 'POST', path: /^\/nodes\/pve1\/qemu$/ },
    { method: 'PUT', path: /\/config$/ },
    { method: 'POST', path: /\/config$/ },
    { method: 'PUT', path: /\/resize$/ },
    { method: 'POST', path: /\/start$/ },
    { method: 'POST', path: /\/move_disk$/ },
    { method: 'DELETE', path: /\/qemu\/\d+\?/ },
    { method: 'POST', path: /\/reboot$/ },
  ];

  const next = aGuest({ image: anImage('b'), diskGb: 3 });
  const wholeStory = async (story: Story) => {
    await story.make();
    await story.upload('b');
    for (const kind of ['stage', 'hand-over'] as const) await story.run(kind, { guest: next });
    await story.run('swap', { guest: next, tags: pending });
    await story.run('restart');
    await story.run('finish', { guest: next, tags: 'proxnix' });
  };
  let undisturbed: readonly string[] | undefined;

  it.each(calls)('the $method of $path is found again, done once, and the run goes on', async (call) => {
    const { proxy, story } = await start();
    if (undisturbed === undefined) {
      const other = await start();
      await wholeStory(other.story);
      undisturbed = other.proxy.writes;
    }
    proxy.lose({ ...call, what: 'answer' });
    await wholeStory(story);
    expect(proxy.waiting).toBe(0);
    expect(proxy.writes).toEqual(undisturbed);
    expect(await story.read()).toMatchObject({
      tags: ['proxnix'],
      status: 'running',
      config: { pending: [], disks: { scsi0: { sizeMb: 3072 } } },
    });
  });
});

describe('when a write is lost on its way', () => {
  it('a task is not begun blindly: the run stops and says that nothing was repeated', async () => {
    const { proxy, story } = await start();
    await story.upload('a');
    proxy.lose({ method: 'POST', path: /^\/nodes\/pve1\/qemu$/, what: 'request' });
    await expect(story.run('create', { tags: pending })).rejects.toMatchObject({
      message: 'POST /nodes/pve1/qemu: the answer was lost and no task of it is to be found.',
      next: expect.stringContaining('Nothing was repeated'),
    });
    expect(await story.find()).toBeUndefined();
    expect(proxy.writes).toEqual(['POST /nodes/pve1/storage/local/upload']);
  });

  it('a write with a digest is sent again: the second of two would be refused', async () => {
    const { proxy, story } = await start();
    await story.make();
    proxy.lose({ method: 'PUT', path: /\/config$/, what: 'request' });
    await story.run('configure', { guest: aGuest({ description: 'new' }), tags: pending });
    expect((await story.read()).config?.description).toBe('new');
  });

  it('but not when somebody else wrote meanwhile', async () => {
    const { proxy, story, world } = await start();
    await story.make();
    const meanwhile = () => world.admin('PUT', '/nodes/pve1/qemu/823/config', { description: 'theirs' });
    proxy.lose({ method: 'PUT', path: /\/config$/, what: 'request', meanwhile });
    await expect(story.run('configure', { guest: aGuest({ description: 'new' }), tags: pending })).rejects.toThrow(
      'no answer',
    );
    expect((await story.read()).config?.description).toBe('theirs');
    expect(proxy.writes.filter((write) => write.endsWith('/823/config'))).toHaveLength(3);
  });
});

describe('when somebody else writes between our look and our write', () => {
  const theirs = (call: Pick<Loss, 'method' | 'path'>) => async () => {
    const { proxy, story, world } = await start();
    await story.make();
    await story.upload('b');
    const next = aGuest({ image: anImage('b'), diskGb: 3, memoryMb: 4096, storage: 'slow' });
    const handedOver = async () => {
      for (const kind of ['stage', 'hand-over'] as const) await story.run(kind, { guest: next });
    };
    const meanwhile = () => world.admin('PUT', '/nodes/pve1/qemu/823/config', { description: 'theirs' });
    return { story, next, handedOver, disturb: () => proxy.lose({ ...call, what: 'time', meanwhile }) };
  };
  const put = { method: 'PUT', path: /823\/config$/ };

  it.each([
    ['configure', theirs(put), false],
    ['finish', theirs(put), false],
    ['swap', theirs(put), true],
    ['resize', theirs({ method: 'PUT', path: /823\/resize$/ }), false],
    ['move-disk', theirs({ method: 'POST', path: /823\/move_disk$/ }), false],
    ['hand-over', theirs({ method: 'POST', path: /900000823\/move_disk$/ }), false],
  ] as const)('%s is refused by its digest and what they wrote stays', async (kind, prepare, needsDisk) => {
    const { story, next, handedOver, disturb } = await prepare();
    if (needsDisk) await handedOver();
    if (kind === 'hand-over') await story.run('stage', { guest: next });
    const before = await story.read();
    disturb();
    await expect(story.run(kind, { guest: next, tags: pending })).rejects.toThrow(
      /checksum mismatch|detected modified configuration/,
    );
    const { config, ...rest } = await story.read();
    expect(rest).toEqual({ ...before, config: undefined });
    expect({ ...config, digest: '', description: '' }).toEqual({ ...before.config, digest: '', description: '' });
    expect(config?.description).toBe('theirs');
  });
});
