import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ImageFile } from '../../../src/cluster/cluster.ts';
import { uploadBody } from '../../../src/cluster/proxmox/images.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { Story } from '../../contracts/cluster.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated, quick, seed } from './on-simulator.ts';

const name = (letter: string, format = 'qcow2') => `local:import/proxnix-${letter.repeat(32)}.${format}`;

async function start(from = seed()) {
  const world = await openSimulated(from);
  onTestFinished(() => world.close());
  const story = new Story(world);
  const upload = (file: ImageFile) => world.cluster.upload(file, 'pve1', story.monitor);
  const posts = () => world.requests.filter((request) => request.startsWith('POST '));
  return { world, story, upload, posts, volids: () => world.simulator.volumes().map((volume) => volume.volid) };
}

/** The demo's cluster with another storage for images. */
function withImages(change: Partial<Seed['storages'][number]>): Seed {
  const base = seed();
  return { ...base, storages: base.storages.map((one) => (one.storage === 'local' ? { ...one, ...change } : one)) };
}

describe('an image', () => {
  it('is named by its store hash and its format', async () => {
    const { world, upload, volids } = await start();
    await upload(world.imageFile('a'));
    const raw = world.imageFile('b').path.replace('.qcow2', '.raw');
    writeFileSync(raw, Buffer.alloc(4096));
    await upload({ ...world.imageFile('b'), path: raw, size: 4096 });
    expect(volids()).toEqual(expect.arrayContaining([name('a'), name('b', 'raw')]));
  });

  it('travels once, whoever asks', async () => {
    const { world, upload, posts } = await start();
    await upload(world.imageFile('a'));
    await world.connect({}).upload(world.imageFile('a'), 'pve1', new Story(world).monitor);
    expect(posts()).toHaveLength(1);
  });

  it('tells its progress in bytes, up to the last one', async () => {
    const { world, story, upload } = await start();
    await upload(world.imageFile('a'));
    expect(story.sent.map(([done]) => done)).toEqual([...story.sent.map(([done]) => done)].sort((a, b) => a - b));
    expect(story.sent.at(-1)).toEqual([65_536, 65_536, 'bytes']);
  });

  it('that the node finds damaged is an error with its words', async () => {
    const { world, upload, volids } = await start();
    const file = world.imageFile('a');
    writeFileSync(file.path, Buffer.alloc(file.size));
    await expect(upload(file)).rejects.toThrow(/^The upload to local failed: ./);
    expect(volids()).not.toContain(name('a'));
  });
});

describe('nothing is sent', () => {
  it('when the file on the storage has another size: it is not overwritten', async () => {
    const there = { volid: name('a'), content: 'import', format: 'qcow2', size: 1000, virtualSize: 2 ** 30 };
    const { world, upload, posts } = await start(seed({ volumes: [there] }));
    await expect(upload(world.imageFile('a'))).rejects.toMatchObject({
      message: `${name('a')} on pve1 has 1000 bytes, the image has 65536: it was cut or is another file.`,
      next: expect.stringContaining(`pvesm free ${name('a')}`),
    });
    expect(posts()).toEqual([]);
  });

  it.each([
    ['takes no images', withImages({ content: ['iso'] }), "does not support 'import' content"],
    ['is too full', withImages({ avail: 1000 }), 'Storage "local" on pve1 has 1000 B free'],
    ['is disabled', withImages({ enabled: false }), 'local'],
  ])('to a storage that %s', async (_, from, words) => {
    const { world, upload, posts } = await start(from);
    await expect(upload(world.imageFile('a'))).rejects.toThrow(words);
    expect(posts()).toEqual([]);
  });

  it('by a token that may not upload: the refusal would look like a lost connection', async () => {
    const tokens = seed().tokens.map((token) => ({
      ...token,
      privileges: { ...token.privileges, '/storage/local': ['Datastore.Audit'] },
    }));
    const { world, upload, posts } = await start(seed({ tokens }));
    await expect(upload(world.imageFile('a'))).rejects.toMatchObject({
      message: expect.stringContaining('Datastore.AllocateTemplate'),
      next: expect.stringContaining('pveum acl modify /storage/local '),
    });
    expect(posts()).toEqual([]);
  });

  it('of a file that is gone or changed after the build', async () => {
    const { world, upload, posts } = await start();
    const file = world.imageFile('a');
    truncateSync(file.path, 10);
    await expect(upload(file)).rejects.toThrow('has 10 bytes instead of 65536');
    unlinkSync(file.path);
    await expect(upload(file)).rejects.toThrow('is gone');
    expect(posts()).toEqual([]);
  });
});

it('an upload on which nothing moves any more is given up, and whether it is there is looked up', async () => {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(seed(), (url) => {
    const proxy = new LossyProxy(url);
    proxies.push(proxy);
    return proxy.listen();
  });
  onTestFinished(async () => {
    await world.close();
    proxies[0]?.close();
  });
  proxies[0]?.lose({ method: 'POST', path: /upload$/, what: 'request', meanwhile: () => new Promise(() => undefined) });
  const impatient = world.connect({ url: proxies[0]?.url ?? '', timeouts: { ...quick, stallMs: 200 } });
  const { monitor } = new Story(world);
  await expect(impatient.upload(world.imageFile('a'), 'pve1', monitor)).rejects.toThrow(
    'does not answer (no answer in time)',
  );
});

describe('the image of a container', () => {
  const tarball = `local:vztmpl/proxnix-${'a'.repeat(32)}.tar.xz`;

  it('is a template, named by its store hash and its ending, which is listed and deleted with the others', async () => {
    const { world, upload, volids } = await start();
    const file = world.imageFile('a', 'container');
    await upload(file);
    await upload(world.imageFile('b'));
    expect(volids()).toEqual(expect.arrayContaining([tarball, name('b')]));
    const images = await world.cluster.images();
    for (const one of [
      { nodes: ['pve1'], volid: name('b'), hash: 'b'.repeat(32), size: 65_536 },
      { nodes: ['pve1'], volid: tarball, hash: 'a'.repeat(32), size: file.size },
    ])
      expect(images).toContainEqual(expect.objectContaining(one));
    expect(images).toHaveLength(2);
    for (const image of images) await world.cluster.removeImage(image);
    expect(await world.cluster.images()).toEqual([]);
  });

  it('travels once, also beside the disk image of a VM with its hash', async () => {
    const { world, upload, posts } = await start();
    for (const kind of ['vm', 'container', 'vm', 'container'] as const) await upload(world.imageFile('a', kind));
    expect(posts()).toHaveLength(2);
  });

  it('is not sent to a storage that takes no templates', async () => {
    const { world, upload, posts } = await start(withImages({ content: ['import', 'iso'] }));
    await expect(upload(world.imageFile('a', 'container'))).rejects.toMatchObject({
      message: "storage 'local' does not support 'vztmpl' content",
      next: expect.stringMatching(/^`pvesm set local --content (?:import,iso|iso,import),vztmpl` allows it\.$/),
    });
    expect(posts()).toEqual([]);
  });

  it('is not sent when it is no tarball', async () => {
    const { world, upload, posts } = await start();
    const file = world.imageFile('a');
    const { image } = world.imageFile('a', 'container');
    await expect(upload({ ...file, image })).rejects.toMatchObject({
      message: `The image ${file.path} is no tarball that Proxmox can unpack.`,
      next: expect.stringContaining('.tar.xz'),
    });
    expect(posts()).toEqual([]);
  });
});

async function whole(size: number, chunks: readonly string[], sent: number[] = []) {
  const body = uploadBody({ name: 'x.qcow2', size, content: 'import' }, 'edge');
  const parts: Buffer[] = [];
  for await (const part of body.parts(Readable.from(chunks), (bytes) => sent.push(bytes))) parts.push(part);
  return { body, text: Buffer.concat(parts).toString() };
}

it('the content comes before the file, whose part is named filename', async () => {
  const { text } = await whole(5, ['he', 'llo']);
  expect(text.split('\r\n')).toEqual([
    '--edge',
    'Content-Disposition: form-data; name="content"',
    '',
    'import',
    '--edge',
    'Content-Disposition: form-data; name="filename"; filename="x.qcow2"',
    '',
    'hello',
    '--edge--',
    '',
  ]);
});

it('the length is known before the first byte goes out', async () => {
  const { body, text } = await whole(5, ['hello']);
  expect(body.length).toBe(Buffer.byteLength(text));
});

it('bytes are counted as they go out', async () => {
  const sent: number[] = [];
  await whole(5, ['he', 'llo'], sent);
  expect(sent).toEqual([2, 5]);
});

it('a file that changed meanwhile is not completed', async () => {
  await expect(whole(6, ['hello'])).rejects.toThrow('x.qcow2 changed while it was sent: 5 bytes instead of 6');
});
