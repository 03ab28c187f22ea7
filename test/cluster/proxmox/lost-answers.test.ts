import { describe, expect, it, onTestFinished } from 'vitest';
import type { GuestKind } from '../../../src/core/guest.ts';
import type { StepSpec } from '../../../src/core/steps.ts';
import { Story } from '../../contracts/cluster.ts';
import { anImage } from '../../support/builders.ts';
import { aContainer, aGuest } from './a-guest.ts';
import { type Loss, LossyProxy } from './lossy-proxy.ts';
import { openSimulated, seed } from './on-simulator.ts';

const pending = 'proxnix;proxnix-pending';

async function start(kind: GuestKind = 'vm') {
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
  return { world, proxy, story: new Story(world, kind) };
}

/** Steps of one guest in order, through all that can be done to it; each names the writes it consists of. */
const lives: Readonly<Record<GuestKind, readonly Chapter[]>> = {
  vm: chapters('qemu', 'move_disk'),
  container: chapters('lxc', 'move_volume'),
};

interface Chapter {
  readonly step: StepSpec['kind'];
  readonly writes: readonly Pick<Loss, 'method' | 'path'>[];
  readonly facts?: Facts | ((disks: { first: string; second: string }) => Facts);
}

type Facts = NonNullable<Parameters<Story['run']>[1]>;

function chapters(type: 'qemu' | 'lxc', move: string): readonly Chapter[] {
  const make = { method: 'POST', path: new RegExp(`^/nodes/pve1/${type}$`) };
  const put = { method: 'PUT', path: /\/config$/ };
  const remove = { method: 'DELETE', path: new RegExp(`/${type}/\\d+\\?`) };
  const power = (action: string) => ({ method: 'POST', path: new RegExp(`/${action}$`) });
  const kind = type === 'qemu' ? 'vm' : 'container';
  const guest = kind === 'vm' ? aGuest({ diskGb: 3 }) : aContainer({ diskGb: 3 });
  const next = { ...guest, image: anImage('b', kind), description: 'next' };
  const tagged = { guest: next, tags: pending };
  const post = { method: 'POST', path: /\/config$/ };
  const grow = { method: 'PUT', path: /\/resize$/ };
  const staging = kind === 'vm' ? [make, put, post, grow] : [make, put];
  return [
    { step: 'create', writes: [make, put], facts: { tags: pending } },
    ...(kind === 'vm' ? [{ step: 'import', writes: [post] } as const] : []),
    { step: 'resize', writes: [grow], facts: { guest } },
    { step: 'start', writes: [power('start')] },
    { step: 'finish', writes: [put], facts: { tags: 'proxnix' } },
    { step: 'backup', writes: [{ method: 'POST', path: /\/vzdump$/ }], facts: { storage: 'vault', notes: 'x' } },
    { step: 'prepare', writes: staging, facts: tagged },
    { step: 'attach', writes: [{ method: 'POST', path: new RegExp(`/${move}$`) }, remove], facts: tagged },
    { step: 'configure', writes: [put], facts: tagged },
    { step: 'swap', writes: [put], facts: { ...tagged, tags: 'proxnix' } },
    { step: 'rollback', writes: [put], facts: ({ first }) => ({ guest: next, volid: first }) },
    { step: 'swap', writes: [put], facts: ({ second }) => ({ ...tagged, volid: second }) },
    { step: 'restart', writes: [power('reboot')] },
    { step: 'rollback', writes: [put, power('stop')], facts: ({ first }) => ({ guest: next, volid: first }) },
    { step: 'start', writes: [power('start')] },
    { step: 'swap', writes: [put], facts: ({ second }) => ({ guest: next, tags: 'proxnix', volid: second }) },
    { step: 'restart', writes: [power('reboot')] },
    { step: 'free', writes: [put], facts: ({ first }) => ({ volids: [first] }) },
    { step: 'stop', writes: [power('stop')] },
    { step: 'destroy', writes: [remove] },
  ];
}

/** Lives through the chapters before `end`. @returns how many writes there were after each, and its disks */
async function live(story: Story, proxy: LossyProxy, end: number, before: (index: number) => void = () => {}) {
  const disks = { first: '', second: '' };
  const writes: number[] = [];
  await story.upload('a');
  await story.upload('b');
  for (const [index, { step, facts = {} }] of lives[story.kind].slice(0, end).entries()) {
    before(index);
    await story.run(step, typeof facts === 'function' ? facts(disks) : facts);
    writes.push(proxy.writes.length);
    const root = Object.values((await story.find())?.config?.disks ?? {})[0]?.volid ?? '';
    if (step === 'start') disks.first ||= root;
    if (step === 'swap') disks.second ||= root;
  }
  return { disks, writes };
}

describe.each(['vm', 'container'] as const)('when the answer to a write is lost, of a %s', (kind) => {
  const losses = lives[kind].flatMap(({ step, writes }, index) =>
    writes.map(({ method, path }) => ({ index, step, method, path, name: `${method} ${path.source}` })),
  );
  let undisturbed: { readonly all: readonly string[]; readonly after: readonly number[] } | undefined;

  it('there is none too many while nothing is lost', async () => {
    const { proxy, story } = await start(kind);
    const { disks, writes: after } = await live(story, proxy, lives[kind].length - 2);
    const { config } = await story.read();
    expect(config).toMatchObject({ pending: [], unused: {}, description: 'next' });
    expect(Object.values(config?.disks ?? {})).toMatchObject([{ volid: disks.second, sizeMb: 3072 }]);
    expect(disks.second).not.toBe(disks.first);
    expect(after.at(-1)).toBe(losses.filter(({ index }) => index < after.length).length + 2);
  });

  it.each(losses)('$name in step $index, $step, is found again, done once, and the run goes on', async (loss) => {
    if (undisturbed === undefined) {
      const other = await start(kind);
      const { writes: after } = await live(other.story, other.proxy, lives[kind].length);
      undisturbed = { all: other.proxy.writes, after };
    }
    const { proxy, story } = await start(kind);
    const { index, method, path } = loss;
    // The next step needs the precondition that this one left.
    const end = Math.min(index + 2, lives[kind].length);
    await live(story, proxy, end, (at) => {
      if (at === index) proxy.lose({ method, path, what: 'answer' });
    });
    expect(proxy.waiting).toBe(0);
    expect(proxy.writes).toEqual(undisturbed.all.slice(0, undisturbed.after[end - 1]));
  });

  it('an upload is found again and sent once', async () => {
    const { proxy, story } = await start(kind);
    proxy.lose({ method: 'POST', path: /\/upload$/, what: 'answer' });
    await story.upload('a');
    await story.upload('a');
    expect(proxy.writes).toEqual(['POST /nodes/pve1/storage/local/upload']);
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

  it('a task of the same kind that is known is not taken for the one of the lost answer', async () => {
    const { proxy, story } = await start();
    await story.make();
    await story.run('stop');
    await story.run('start');
    proxy.lose({ method: 'POST', path: /\/stop$/, what: 'request' });
    await expect(story.run('stop')).rejects.toThrow('no task of it is to be found');
    await story.upload('a');
    proxy.lose({ method: 'POST', path: /\/upload$/, what: 'request' });
    await expect(story.upload('b')).rejects.toThrow('does not answer');
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
      'does not answer',
    );
    expect((await story.read()).config?.description).toBe('theirs');
    expect(proxy.writes.filter((write) => write.endsWith('/823/config'))).toHaveLength(3);
  });
});

describe.each([
  ['vm', 'qemu', 'move_disk'],
  ['container', 'lxc', 'move_volume'],
] as const)('when somebody else writes between our look and our write, of a %s', (kind, type, move) => {
  const change = { diskGb: 3, memoryMb: 4096, storage: 'slow', protected: true };
  const next = { ...(kind === 'vm' ? aGuest(change) : aContainer(change)), image: anImage('b', kind) };
  const put = { method: 'PUT', path: /823\/config$/ };
  const writes: readonly (readonly [StepSpec['kind'], Pick<Loss, 'method' | 'path'>, readonly StepSpec['kind'][]])[] = [
    ['configure', put, []],
    ['finish', put, []],
    ['swap', put, ['prepare', 'attach']],
    ['resize', { method: 'PUT', path: /823\/resize$/ }, []],
    ['attach', { method: 'POST', path: new RegExp(`900000823/${move}$`) }, ['prepare']],
  ];
  const moveDisk = ['move-disk', { method: 'POST', path: /823\/move_disk$/ }, []] as const;

  it.each(kind === 'vm' ? [...writes, moveDisk] : writes)('%s is refused by its digest', async (step, call, before) => {
    const { proxy, story, world } = await start(kind);
    await story.make();
    await story.upload('b');
    for (const earlier of before) await story.run(earlier, { guest: next });
    const was = await story.read();
    const meanwhile = () => world.admin('PUT', `/nodes/pve1/${type}/823/config`, { description: 'theirs' });
    proxy.lose({ ...call, what: 'time', meanwhile });
    await expect(story.run(step, { guest: next, tags: pending })).rejects.toThrow(
      /checksum mismatch|detected modified configuration/,
    );
    const { config, ...rest } = await story.read();
    expect(rest).toEqual({ ...was, config: undefined });
    expect({ ...config, digest: '', description: '' }).toEqual({ ...was.config, digest: '', description: '' });
    expect(config?.description).toBe('theirs');
  });
});

describe.each(['vm', 'container'] as const)(
  'when somebody starts or stops it between our look and our call, a %s',
  (kind) => {
    it('is as wanted, and the run goes on', async () => {
      const { proxy, story, world } = await start(kind);
      await story.make();
      const path = `/nodes/pve1/${kind === 'vm' ? 'qemu' : 'lxc'}/823/status`;
      const theirs = (action: string) => {
        const meanwhile = () => world.admin('POST', `${path}/${action}`);
        proxy.lose({ method: 'POST', path: new RegExp(`/${action}$`), what: 'time', meanwhile });
      };
      theirs('stop');
      await story.run('stop');
      expect((await story.read()).status).toBe('stopped');
      theirs('start');
      await story.run('start');
      expect((await story.read()).status).toBe('running');
      expect(proxy.waiting).toBe(0);
      expect(proxy.writes.slice(-2)).toEqual([`POST ${path}/stop`, `POST ${path}/start`]);
    });
  },
);
