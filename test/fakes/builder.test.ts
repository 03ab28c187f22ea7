import { builderContract, website, worker } from '../contracts/builder.ts';
import { FakeBuilder } from './builder.ts';

const fleet = { vms: { 'test-website': { vm_id: 823, image_type: website } } };

builderContract('FakeBuilder', async () => {
  const builder = new FakeBuilder();
  const source =
    (rev: string, images: Record<string, string>, openssl = '3.0.13') =>
    async () => {
      const of = (version: string) => ({ facts: { packages: [`openssl-${version}`] }, made: [`openssl-${version}`] });
      const inside = { [website]: of(openssl), [worker]: of('3.0.13') };
      builder.commit(rev, { fleet, images, inside });
      return { mirror: '/fake/mirror.git', ref: 'refs/proxnix/r-1', rev };
    };
  builder.breakBuild('worker broken', ['unknown option']);
  builder.holdBuild('website endless', new Promise(() => {}));
  return {
    builder,
    good: source('a'.repeat(40), { [website]: 'website 1', [worker]: 'worker 1' }),
    editedWebsite: source('b'.repeat(40), { [website]: 'website 2', [worker]: 'worker 1' }),
    bumpedWebsite: source('f'.repeat(40), { [website]: 'website 3', [worker]: 'worker 1' }, '3.0.14'),
    brokenWorker: source('c'.repeat(40), { [website]: 'website 1', [worker]: 'worker broken' }),
    endlessWebsite: source('d'.repeat(40), { [website]: 'website endless' }),
    workerWithoutTarball: async () => {
      const images = { [website]: 'website 1', [worker]: 'worker 1' };
      builder.commit('e'.repeat(40), { fleet, images, withoutTarball: [worker] });
      return { mirror: '/fake/mirror.git', ref: 'refs/proxnix/r-1', rev: 'e'.repeat(40) };
    },
    isBuilt: async (image) => builder.isBuilt(image),
    collectGarbage: async () => builder.collectGarbage(),
  };
});
