import { expect, it } from 'vitest';
import type { z } from 'zod';
import type { Api } from '../../../../src/cluster/proxmox/api.ts';
import { deleteStaging } from '../../../../src/cluster/proxmox/steps/staging.ts';
import { silent } from '../../../../src/cluster/proxmox/tasks.ts';

it('a guest that is no staging guest of its owner any more is not deleted', async () => {
  const at = { guestKind: 'vm', vmid: 900_000_823, node: 'pve1' } as const;
  const writes: string[] = [];
  const get = async (path: string, schema: z.ZodType) => {
    if (path.endsWith('/pending')) return schema.parse([{ key: 'description', value: 'somebody took the VMID' }]);
    return schema.parse(path.endsWith('/tasks') ? [] : { status: 'stopped' });
  };
  const request = async (method: string) => {
    writes.push(method);
    throw new Error('nothing may be written');
  };
  const client = { get, request, serverTime: () => 0 };
  const api = { client, now: () => 0, timeouts: { busyMs: 0 }, seenUpids: new Set() } as unknown as Api;
  await deleteStaging(api, at, 823, silent);
  expect(writes).toEqual([]);
});
