import { describe, expect, it } from 'vitest';
import type { GuestKind } from '../../src/core/guest.ts';
import { seed } from '../cluster/proxmox/on-simulator.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

const images = { website: 'website 2' };
const vault = { storage: 'vault' };

/** A guest that runs, as the flake declares it with the default of its fleet. */
async function deployed(
  kind: GuestKind,
  { common, own, from }: { common?: object; own?: object; from?: ReturnType<typeof seed> } = {},
) {
  const world = await startSimulated(from === undefined ? {} : { seed: from });
  const { bench, simulator } = world;
  const ofFleet = (n: number, change: object, fleet: object | undefined = common) => {
    bench.commit(n, {
      ...fleetOf(kind, { website: { ...(own === undefined ? {} : { backup: own }), ...change } }),
      images,
    });
    const evaluate = bench.builder.evaluateFleet.bind(bench.builder);
    bench.builder.evaluateFleet = async (...args) => ({
      ...((await evaluate(...args)) as object),
      ...(fleet === undefined ? {} : { backup: fleet }),
    });
    bench.report();
    return bench.settle();
  };
  await world.deploy(1, fleetOf(kind, { website: own === undefined ? {} : { backup: own } }));
  const backups = () => simulator.volumes().filter(({ content }) => content === 'backup');
  const dumps = () => simulator.tasks().filter(({ type }) => type === 'vzdump');
  return { ...world, ofFleet, backups, dumps };
}

describe.each(['vm', 'container'] as const)('a %s with a backup before', (kind) => {
  const of = kind === 'vm' ? 'qemu' : 'lxc';

  it('is backed up before the first write of its replace, and the card and the history name the volume', async () => {
    const { bench, proxy, backups, ofFleet } = await deployed(kind, { own: vault });
    await ofFleet(2, {});
    expect(bench.text()).toContain('backup to vault before');
    const sent = proxy.sent.length;
    await bench.apply();
    bench.run('applied');
    const writes = proxy.sent.slice(sent).filter((write) => !write.endsWith('/upload'));
    expect(writes[0]).toBe('POST /nodes/pve1/vzdump');
    const [made] = backups();
    expect(backups()).toHaveLength(1);
    expect(made?.volid).toMatch(new RegExp(`^vault:backup/vzdump-${of}-823-`));
    expect(made?.backup).toMatchObject({
      isProtected: true,
      notes: expect.stringMatching(/^test-website before 0002/),
    });
    expect(bench.text()).toContain(`Backup of test-website (823): ${made?.volid}`);
    const history = await bench.chat.command('/proxnix history');
    expect(JSON.stringify(history)).toContain(`backup of test-website: ${made?.volid}`);
  });

  it('that left the flake is backed up before its destroy as the flake last said', async () => {
    const { bench, backups } = await deployed(kind, { own: vault });
    await bench.push(2, { vms: {} });
    expect(bench.text()).toContain('backup to vault before');
    await bench.apply();
    bench.run('applied');
    expect(backups()).toHaveLength(1);
  });

  it('is backed up before an update only where the flake says so', async () => {
    const { bench, backups, ofFleet } = await deployed(kind, { own: { ...vault, before: ['update'] } });
    await ofFleet(2, {});
    expect(bench.text()).not.toContain('backup');
    await bench.apply();
    await ofFleet(3, { memory_mb: 4096 });
    expect(bench.text()).toContain('backup to vault before');
    await bench.apply();
    bench.run('applied');
    expect(backups()).toHaveLength(1);
  });
});

describe('a VM', () => {
  it('follows the default of its fleet, which it may be taken out of', async () => {
    const { bench, ofFleet } = await deployed('vm');
    await ofFleet(2, {}, vault);
    expect(bench.text()).toContain('backup to vault before');
    await ofFleet(3, { backup: { before: [] } }, vault);
    expect(bench.text()).not.toContain('backup to vault');
  });

  it('is backed up once when the answer is lost', async () => {
    const { bench, proxy, ofFleet, dumps } = await deployed('vm', { own: vault });
    await ofFleet(2, {});
    proxy.lose({ method: 'POST', path: /\/vzdump$/, what: 'answer' });
    await bench.apply();
    bench.run('applied');
    expect(dumps()).toHaveLength(1);
  });

  it('is untouched when its backup fails, and the reason is told', async () => {
    const { bench, simulator, ofFleet, config, proxy } = await deployed('vm', { own: vault });
    await ofFleet(2, {});
    const before = config();
    const sent = proxy.sent.length;
    await simulator.outside({ do: 'end-task', type: 'vzdump', when: 'before', exit: 'disk quota exceeded' });
    await bench.apply();
    const { failure } = bench.run('failed');
    expect(failure.message).toBe('The backup of VM 823 to vault failed: disk quota exceeded');
    expect(failure.next).toContain('Nothing was changed on VM 823.');
    expect(config()).toEqual(before);
    expect(proxy.sent.slice(sent).filter((write) => !write.endsWith('/upload'))).toEqual(['POST /nodes/pve1/vzdump']);
  });

  it('whose backup was under way when the bot was killed gets another one, and the card says so', async () => {
    const { bench, ofFleet, dumps, simulator } = await deployed('vm', { own: vault });
    await ofFleet(2, {});
    await bench.press('approve');
    const settled = bench.settle();
    // The task is journaled: the next process waits for its end.
    const isFollowed = () => JSON.stringify(bench.store.runs()).includes(':vzdump:');
    await expect.poll(() => isFollowed() && dumps().some(({ exit }) => exit === undefined), { interval: 5 }).toBe(true);
    bench.kill();
    await Promise.race([settled, bench.life.ended]);
    await bench.restart();
    await bench.settle();
    expect(simulator.guest(823)?.config['lock']).toBeUndefined();
    expect(bench.chat.messages.map((message) => bench.text(message)).join('\n')).toContain(
      'The next run makes a backup of its own.',
    );
    await bench.apply();
    bench.run('applied');
    expect(dumps()).toHaveLength(2);
  });

  it.each([
    ['nowhere', 'Node pve1 has no storage "nowhere" for the backup before.'],
    ['fast', 'The storage fast on pve1 takes no backups.'],
  ])('is blocked when its backup cannot go to the storage %s', async (storage, advice) => {
    const { bench, ofFleet } = await deployed('vm');
    await ofFleet(2, { backup: { storage } });
    const [change] = bench.run('blocked').plan.changes;
    expect(change?.blocked).toEqual({ reason: 'backup', advice: expect.stringContaining(advice) });
  });

  it.each([
    ['VM.Backup', 'The token lacks VM.Backup on /vms/823'],
    ['Datastore.AllocateSpace', 'The token lacks Datastore.AllocateSpace on /storage/vault'],
  ])('is blocked when the token lacks %s, with the line that grants it', async (privilege, advice) => {
    const base = seed();
    const without = (path: string, all: readonly string[]) =>
      path === '/vms' || path === '/storage/vault' ? all.filter((one) => one !== privilege) : [...all];
    const tokens = base.tokens.map((token) => ({
      ...token,
      privileges: Object.fromEntries(
        Object.entries(token.privileges).map(([path, all]) => [path, without(path, all)] as const),
      ),
    }));
    const { bench, ofFleet } = await deployed('vm', { from: seed({ tokens }) });
    await ofFleet(2, { backup: vault });
    const [change] = bench.run('blocked').plan.changes;
    expect(change?.blocked?.reason).toBe('backup');
    expect(change?.blocked?.advice).toContain(advice);
    expect(change?.blocked?.advice).toContain('pveum acl modify');
  });
});
