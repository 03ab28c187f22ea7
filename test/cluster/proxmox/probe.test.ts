import { expect, it } from 'vitest';
import type { Api } from '../../../src/cluster/proxmox/api.ts';
import { readAddress } from '../../../src/cluster/proxmox/proxmox.ts';

/** An API whose guest agent tells these addresses. */
function telling(addresses: readonly string[]): Api {
  const result = [{ name: 'eth0', 'ip-addresses': addresses.map((address) => ({ 'ip-address': address })) }];
  const get = async (_: string, schema: { parse: (value: unknown) => unknown }) => schema.parse({ result });
  return { client: { get }, log: { debug: () => undefined, warn: () => undefined } } as unknown as Api;
}

const at = { guestKind: 'vm', vmid: 823, node: 'pve1' } as const;

it('what an agent tells is taken only where it is an address', async () => {
  const words = ['x'.repeat(1_000_000), 'metadata.internal', '10.0.0.1 <@everyone>', ''];
  expect(await readAddress(telling(words), at)).toBeUndefined();
  expect(await readAddress(telling([...words, 'fe80::1', '2001:db8::7', '10.0.0.7']), at)).toBe('10.0.0.7');
});
