import { expect, it } from 'vitest';
import type { ImageFacts } from '../../src/core/image-facts.ts';
import { nobody, someFacts } from '../support/facts.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { commitOf, shaOf, threeVms } from './support/fleet.ts';

const withOps: ImageFacts = {
  ...someFacts,
  users: [...(someFacts.users ?? []), { ...nobody, name: 'ops', wheel: true }],
};
const first = { inside: { website: { facts: someFacts, made: ['openssl-3.0.13'] } } };
const second = {
  images: { website: 'website 2' },
  inside: { website: { facts: withOps, made: ['openssl-3.0.14'] } },
};
const planDiff = (bench: Bench) => bench.message(bench.run('planned').id).cards.at(-1)?.files[0]?.text;
const known = (bench: Bench) => (bench.store.fleet('acme').images ?? []).map(({ facts }) => facts);

it('a plan says what changes inside of an image, and the run keeps it', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  await bench.push(2, second);
  expect(bench.text()).toContain('Access to test-website (823): user ops is new; user ops joins wheel.');
  expect(bench.text()).toContain('openssl 3.0.13 -> 3.0.14');
  expect(planDiff(bench)).toContain('  user ops joins wheel\n  openssl 3.0.13 -> 3.0.14\n');
  await bench.restart();
  expect(bench.run('planned').review?.images).toHaveLength(1);
  expect(bench.text()).toContain('user ops joins wheel');
});

it('a plan says who may log in to a new guest, and which ports are open', async () => {
  const bench = await aBench();
  const users = [{ ...nobody, name: 'ops', wheel: true, keys: [{ name: 'ada@home', digest: '1' }] }];
  await bench.push(1, { inside: { website: { facts: { ...someFacts, users }, made: [] } } });
  const access = 'ops (1 key, wheel) may log in; open: TCP 22';
  expect(bench.text()).toContain(`Access to test-website (823): ${access}.`);
  expect(planDiff(bench)).toContain('NixOS 25.05\n  kernel 6.12.30\n  services: nginx as nginx, sshd as root\n');
  await bench.restart();
  expect(bench.text()).toContain(access);
  const told = bench.run('planned').review?.newImages?.find(({ facts }) => facts !== undefined)?.facts;
  expect(told).toEqual({
    users,
    firewall: someFacts.firewall,
    services: someFacts.services,
    release: '25.05',
    kernel: '6.12.30',
  });
});

it('facts are no part of what is approved: with them and without a plan is the same', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  await bench.push(2, second);
  const { id, plan } = bench.run('planned');
  expect(JSON.stringify(plan)).not.toContain('wheel');
  await bench.push(3, { ...second, inside: {} });
  expect(bench.run('in-sync').standing).toBe(id);
});

it('guests that change alike are compared once', async () => {
  const vms = { ...threeVms(), mirror: { ...threeVms().website, name: 'test-mirror', vm_id: 824 } };
  const bench = await aBench();
  await bench.push(1, { ...first, vms });
  await bench.apply();
  await bench.push(2, { ...second, vms });
  expect(bench.run('planned').review?.images).toHaveLength(1);
  expect(bench.text()).toContain('Access to test-website (823), test-mirror (824): ');
});

it('where nothing is known of the running image, that is said and the old commit is not evaluated', async () => {
  const bench = await aBench();
  await bench.push(1);
  await bench.apply();
  const asked = bench.builder.calls.evaluateImages;
  await bench.push(2, second);
  expect(bench.text().replaceAll(/\s+/g, ' ')).toContain('nothing is known of the running image');
  expect(bench.builder.calls.evaluateImages).toBe(asked + 1);
});

it('the images of a plan in sync are known with the next one', async () => {
  const bench = await aBench();
  await bench.push(1);
  await bench.apply();
  await bench.push(2, first);
  bench.run('in-sync');
  await bench.push(3, second);
  expect(bench.text()).toContain('user ops joins wheel');
});

it('without the derivations in the store packages are told by their names alone', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  bench.builder.collectGarbage();
  await bench.push(2, second);
  expect(bench.text()).toContain('user ops joins wheel');
  expect(bench.text()).not.toContain('openssl');
});

it('what a pull request tells of an image that guests run is not believed later', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  const before = known(bench);
  const lie = { ...first, vms: threeVms({ memory_mb: 4096 }), inside: { website: { facts: withOps } } };
  bench.declare(2, lie);
  bench.git.pushPull(commitOf(2), 7);
  const pull = { repository: 'acme/fleet', number: 7, base: 'main', isFork: false, action: 'pushed' } as const;
  bench.pipeline.pull({ ...pull, head: shaOf(2) });
  await bench.settle();
  bench.run('previewed');
  expect(known(bench)).toEqual(before);
  bench.declare(3, second);
  bench.git.pushPull(commitOf(3), 7);
  bench.pipeline.pull({ ...pull, head: shaOf(3) });
  await bench.settle();
  expect(bench.text(), 'of its own image it is told').toContain('user ops joins wheel');
  expect(known(bench)).toEqual(before);
});

it('what cannot be compared ends no plan', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  bench.builder.packageVersions = () => Promise.reject(new Error('no store'));
  await bench.push(2, second);
  expect(bench.run('planned').review).not.toHaveProperty('images');
  expect(bench.logged.filter(({ level }) => level === 'warn')).toMatchObject([{ facts: { what: 'images' } }]);
});

it('images are known while a guest runs them, a plan wants them or a disk is retained', async () => {
  const bench = await aBench();
  await bench.push(1, first);
  await bench.apply();
  await bench.push(2, second);
  expect(known(bench), 'runs and is wanted').toEqual([someFacts, withOps]);
  const third = { images: { website: 'website 3' }, inside: { website: { facts: { release: '26.05' } } } };
  await bench.push(3, third);
  expect(known(bench), 'the second was wanted until now').toEqual([someFacts, withOps, { release: '26.05' }]);
  await bench.apply();
  await bench.push(4, third);
  expect(known(bench), 'the first is retained, the second was never applied').toEqual([
    someFacts,
    { release: '26.05' },
  ]);
  await bench.store.saveFleet('acme', { retainedDisks: [] });
  await bench.push(5, third);
  expect(known(bench)).toEqual([{ release: '26.05' }]);
});
