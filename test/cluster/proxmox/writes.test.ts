import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { defaultTimeouts } from '../../../src/cluster/proxmox/api.ts';
import { Client } from '../../../src/cluster/proxmox/client.ts';
import { isStored, putConfig } from '../../../src/cluster/proxmox/writes.ts';
import type { GuestKind } from '../../../src/core/guest.ts';

const at = (guestKind: GuestKind) => ({ guestKind, vmid: 200, node: 'pve1' });

/** An API that answers every write with this refusal, and then tells these pending values. */
async function refusing(error: string, pending: Record<string, string>) {
  const server = createServer((request, response) => {
    const refused = request.method === 'PUT';
    const entries = Object.entries(pending).map(([key, value]) => ({ key, value: 'old', pending: value }));
    const body = refused
      ? { data: null, message: 'Parameter verification failed.\n', errors: { memory: `${error}\n` } }
      : { data: [{ key: 'digest', value: 'd' }, ...entries] };
    response.writeHead(refused ? 400 : 200, refused ? 'Parameter verification failed.' : 'OK');
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clock = { now: () => 0, sleep: async () => {} };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new Client({ url, tokenId: 'proxnix@pve!bot', secret: 's', requestMs: 5000, ...clock });
  onTestFinished(() => {
    client.close();
    server.close();
  });
  const log = { debug() {}, warn() {} };
  const version = async () => '9.2.11';
  const rest = { version, imageStorage: 'local', pool: undefined, stagingVmid: (vmid: number) => vmid };
  return { client, log, timeouts: defaultTimeouts, seenUpids: new Set<string>(), ...clock, ...rest };
}

it.each([
  ['vm', "hotplug problem - can't unplug bootdisk 'scsi0'"],
  ['container', 'unable to hotplug memory: cgroup refused'],
] as const)('what a running %s does not take is stored and waits: "%s"', async (kind, text) => {
  const api = await refusing(text, { memory: '1024' });
  expect(await putConfig(api, at(kind), { memory: 1024 }, 'd')).toBe('pending');
});

it.each([
  ['unable to hotplug memory: cgroup refused', { memory: '512' }],
  ['type check failed', { memory: '1024' }],
])('any other refusal is one: "%s", %j', async (text, pending) => {
  const api = await refusing(text, pending);
  await expect(putConfig(api, at('container'), { memory: 1024 }, 'd')).rejects.toThrow(text);
});

const config = (values: Record<string, string>, pending: readonly string[] = []) => ({
  guestKind: 'vm' as const,
  ...{ digest: 'd', values, current: values, pending },
});

it.each([
  [{ tags: 'proxnix;B' }, { tags: 'b;proxnix' }],
  [{ onboot: true }, { onboot: '1' }],
  [{ memory: 2048 }, { memory: '2048' }],
  [{ description: undefined }, {}],
  [{ description: 'a, b = c' }, { description: 'a, b = c\n' }],
  [{ ide2: 'fast:cloudinit' }, { ide2: 'fast:100/vm-100-cloudinit.qcow2,media=cdrom' }],
  [{ scsi0: 'fast:1/vm-1-disk-1.qcow2' }, { scsi0: 'fast:1/vm-1-disk-1.qcow2,size=2G' }],
  [{ rootfs: 'fast:1/vm-1-disk-1.raw,size=2G' }, { rootfs: 'fast:1/vm-1-disk-1.raw,replicate=0,size=2G' }],
  [{ mp0: 'fast:1/vm-1-disk-0.raw,mp=/x' }, { mp0: 'fast:1/vm-1-disk-0.raw,mp=/x,size=2G' }],
])('%j is found again in what the server stored', (sent, stored) => {
  expect(isStored(config(stored), sent)).toBe(true);
});

it.each([
  [{ tags: 'proxnix' }, { tags: 'proxnix;proxnix-pending' }],
  [{ onboot: true }, {}],
  [{ description: 'a' }, { description: 'a,b' }],
  [{ description: undefined }, { description: 'x' }],
  [{ ide2: 'fast:cloudinit' }, { ide2: 'slow:100/vm-100-cloudinit.qcow2,media=cdrom' }],
  [{ scsi0: 'fast:1/vm-1-disk-1.qcow2,ssd=1' }, { scsi0: 'fast:1/vm-1-disk-1.qcow2,size=2G' }],
  [{ rootfs: 'fast:1/vm-1-disk-1.raw,size=2G' }, { rootfs: 'fast:1/vm-1-disk-0.raw,size=2G' }],
])('%j is not taken for stored when something else is', (sent, stored) => {
  expect(isStored(config(stored), sent)).toBe(false);
});

it('a value that was taken back is one that does not wait any more', () => {
  expect(isStored(config({}, ['memory']), { revert: 'rootfs,unused0' })).toBe(true);
  expect(isStored(config({}, ['unused0']), { revert: 'rootfs,unused0' })).toBe(false);
});
