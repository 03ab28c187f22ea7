import { expect, it } from 'vitest';
import type { z } from 'zod';
import type { Api } from '../../../src/cluster/proxmox/api.ts';
import { listImages } from '../../../src/cluster/proxmox/images.ts';

it('only files that proxnix named after a store hash are images of ours', async () => {
  const hash = 'a'.repeat(32);
  const ours = [`local:import/proxnix-${hash}.qcow2`, `local:vztmpl/proxnix-${hash}.tar.xz`];
  const theirs = [
    'local:import/debian-13.qcow2',
    'local:import/proxnix-golden.qcow2',
    `local:iso/proxnix-${hash}.iso`,
    `local:import/old-proxnix-${hash}.qcow2`,
  ];
  const answers: Readonly<Record<string, unknown>> = {
    '/cluster/resources': [
      { type: 'storage', id: 'storage/pve1/local', storage: 'local', node: 'pve1', status: 'available', shared: 0 },
    ],
    '/nodes/pve1/storage/local/content': [...theirs, ...ours].map((volid) => ({ volid, size: 1, ctime: 1 })),
  };
  const get = async (path: string, schema: z.ZodType) => schema.parse(answers[path]);
  const api = { imageStorage: 'local', client: { get } } as unknown as Api;
  expect((await listImages(api)).map(({ volid }) => volid)).toEqual(ours);
});
