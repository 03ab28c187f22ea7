import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Api, defaultTimeouts } from '../../../src/cluster/proxmox/api.ts';
import { Client } from '../../../src/cluster/proxmox/client.ts';
import {
  followTask,
  readProgress,
  readUpid,
  silent,
  taskFailure,
  taskPath,
} from '../../../src/cluster/proxmox/tasks.ts';

const upid = 'UPID:pve1:000022EF:00082871:6B02CB97:qmconfig:823:proxnix@pve!bot:';
type Look = {
  readonly exit?: string;
  readonly log?: readonly string[];
  readonly refuse?: readonly [number, string, string?];
};

/** A server with one task that is as each look says, the last one for ever; time passes only by waiting. */
async function following(...looks: readonly Look[]) {
  let [look, time] = [-1, 0];
  const calls: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const isLog = url.pathname.endsWith('/log');
    if (!isLog) look = Math.min(look + 1, looks.length - 1);
    const { exit, log = [], refuse } = looks[Math.max(look, 0)] ?? {};
    calls.push(isLog ? `log ${url.searchParams.get('start')}` : 'status');
    if (refuse !== undefined) {
      response.writeHead(refuse[0], refuse[1]).end(refuse[2] ?? '');
      return;
    }
    const start = Number(url.searchParams.get('start') ?? 0);
    const lines = (log.length === 0 ? ['no content'] : log).map((t, index) => ({ n: index + 1, t })).slice(start);
    const status = exit === undefined ? { status: 'running' } : { status: 'stopped', exitstatus: exit };
    response.end(JSON.stringify({ data: isLog ? lines : status }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pauses: number[] = [];
  const now = () => time;
  const sleep = async (ms: number) => {
    pauses.push(ms);
    time += ms;
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new Client({ url, tokenId: 'proxnix@pve!bot', secret: 's', requestMs: 5000, now, sleep });
  const log = { debug() {}, warn() {} };
  const rest = {
    imageStorage: 'local',
    pool: undefined,
    stagingVmid: (vmid: number) => vmid,
    seenUpids: new Set<string>(),
    version: async () => '9.2.11',
    timeouts: defaultTimeouts,
  };
  const api: Api = { client, log, now, sleep, ...rest };
  onTestFinished(() => {
    client.close();
    server.close();
  });
  const told: unknown[] = [];
  const monitor = {
    task: () => undefined,
    progress: (done: number, total: number) => void told.push(done / total),
    line: (text: string) => void told.push(text),
  };
  return { api, monitor, told, pauses, calls };
}

const running = { log: [] };
const ended = (exit: string, log: readonly string[] = [`TASK ${exit}`]) => ({ exit, log });

describe('a task', () => {
  it('is looked at after 0.5 s, 1 s and then every 2 s', async () => {
    const { api, pauses } = await following(running, running, running, running, ended('OK'));
    expect(await followTask(api, upid, silent)).toEqual({ ok: true, text: 'OK' });
    expect(pauses).toEqual([500, 1000, 2000, 2000]);
  });

  it('tells its log about every 3 s, each line once, and of its progress the newest', async () => {
    const copying = [
      'create full clone',
      'transferred 0.0 B of 64.0 MiB (0.00%)',
      'transferred 6.4 MiB of 64.0 MiB (10.00%)',
    ];
    const more = [...copying, 'transferred 32.0 MiB of 64.0 MiB (50.00%)'];
    const all = [...more, 'transferred 64.0 MiB of 64.0 MiB (100.00%)', 'TASK OK'];
    const { api, monitor, told, calls } = await following(
      { log: copying },
      { log: copying },
      { log: copying },
      { log: copying },
      { log: more },
      { log: more },
      ended('OK', all),
    );
    await followTask(api, upid, monitor);
    expect(told).toEqual(['create full clone', expect.closeTo(0.1), expect.closeTo(0.5), 'TASK OK', 1]);
    expect(calls.filter((call) => call.startsWith('log'))).toEqual(['log 0', 'log 3', 'log 4']);
  });

  it('with warnings is a success', async () => {
    const { api } = await following(ended('WARNINGS: 2', ['WARN: x', 'WARN: y', 'TASK WARNINGS: 2']));
    expect(await followTask(api, upid, silent)).toEqual({ ok: true, text: 'WARNINGS: 2' });
  });

  it.each(['unexpected status', 'received interrupt', 'VM 823 not running', 'WARNINGS'])(
    'that ended with %j failed',
    async (exit) => {
      const { api } = await following(ended(exit));
      expect(await followTask(api, upid, silent)).toEqual({ ok: false, text: exit });
    },
  );

  it('that the cluster does not know is told from one that failed', async () => {
    const body = '{"data":null,"message":"Parameter verification failed.","errors":{"upid":"no such task"}}';
    const { api } = await following({ refuse: [400, 'Parameter verification failed.', body] });
    expect(await followTask(api, upid, silent)).toBeUndefined();
    expect(await followTask(api, 'nonsense', silent)).toBeUndefined();
  });

  it('is followed through a restart of the API', async () => {
    const down = { refuse: [595, 'Connection refused'] } as const;
    const { api } = await following(running, down, down, down, down, down, down, running, ended('OK'));
    expect(await followTask(api, upid, silent)).toEqual({ ok: true, text: 'OK' });
  });

  it('is not followed with a token that was refused', async () => {
    const { api, calls } = await following(running, { refuse: [401, 'Authentication failed!'] });
    await expect(followTask(api, upid, silent)).rejects.toMatchObject({ status: 401 });
    expect(calls).toEqual(['status', 'status']);
  });

  it('that takes too long is left running, and that is said', async () => {
    const { api } = await following(running);
    const impatient = { ...api, timeouts: { ...defaultTimeouts, taskMs: { default: 1000, qmconfig: 20_000 } } };
    await expect(followTask(impatient, upid, silent)).rejects.toMatchObject({
      message: 'A task of Proxmox (qmconfig 823) still runs after its time.',
      next: expect.stringContaining('nothing was stopped'),
    });
  });
});

describe('the failure of a task', () => {
  const full = [
    'create full clone of drive (local:import/x.qcow2)',
    'transferred 32.1 MiB of 2.9 GiB (1.07%)',
    'qemu-img: error while writing at byte 25165824: No space left on device',
    "TASK ERROR: cannot import from 'local:import/x.qcow2' - copy failed: command '/usr/bin/qemu-img convert' failed: exit code 1",
  ];

  it('has the reason that only its log tells, and what to do about it', async () => {
    const end = { ok: false, text: full[3]?.replace('TASK ERROR: ', '') ?? '' };
    const { api } = await following(ended(end.text, full));
    expect(await taskFailure(api, upid, 'The import into VM 823', end)).toMatchObject({
      message: 'The import into VM 823 failed: qemu-img: error while writing at byte 25165824: No space left on device',
      text: end.text,
      details: [full[0], full[2]],
      next: expect.stringContaining('Free space'),
    });
  });

  it('is told in short where its log is megabytes', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(50_000)}`);
    const { api, told, monitor } = await following(running, ended('exit code 1', [...lines, 'the reason']));
    await followTask(api, upid, monitor);
    expect(told.at(-1)).toBe('the reason');
    expect(Buffer.byteLength(told.join(''))).toBeLessThan(300_000);
    expect(Math.max(...told.map((line) => String(line).length))).toBeLessThanOrEqual(500);
    const error = await taskFailure(api, upid, 'It', { ok: false, text: `exit code 1${'y'.repeat(1_000_000)}` });
    expect(Buffer.byteLength([error.message, ...error.details].join(''))).toBeLessThan(10_000);
    expect(error.details.at(-1)).toBe('the reason');
  });

  it("tells QEMU's command line to the log only, and to people how it ended", async () => {
    const whole = `command '/usr/bin/kvm -id 823 ${'-device virtio-net-pci '.repeat(160)}' failed: got timeout`;
    const { api, monitor, told } = await following({ exit: `start failed: ${whole}`, log: [whole, 'TASK ERROR'] });
    const logged: object[] = [];
    const log = { debug: (facts: object) => void logged.push(facts), warn: (facts: object) => void logged.push(facts) };
    const end = await followTask({ ...api, log }, upid, monitor);
    const error = await taskFailure(api, upid, 'The start of VM 823', end ?? { ok: true, text: '' });
    expect(error.message).toBe(
      "The start of VM 823 failed: start failed: command '/usr/bin/kvm …' failed: got timeout",
    );
    expect(JSON.stringify([error.details, told, end])).not.toContain('-device');
    expect(JSON.stringify(logged)).toContain(whole);
  });

  it('has the last line before a bare exit code', async () => {
    const log = ['kvm: -netdev bridge vmbr77: no such device', 'TASK ERROR: start failed: QEMU exited with code 1'];
    const end = { ok: false, text: 'start failed: QEMU exited with code 1' };
    const { api } = await following(ended(end.text, log));
    const error = await taskFailure(api, upid, 'The start of VM 823', end);
    expect(error.message).toBe('The start of VM 823 failed: kvm: -netdev bridge vmbr77: no such device');
  });
});

const attach = 'UPID:pve1:00000AE0:0006C811:6B02C811:qmmove:9101-scsi0>100-unused0:proxnix@pve!bot:';

it('a UPID tells its node, type, guest and start', () => {
  expect(readUpid(attach)).toEqual({
    node: 'pve1',
    type: 'qmmove',
    id: '9101-scsi0>100-unused0',
    startTime: 0x6b02c811,
  });
});

it('the task of an upload has no id', () => {
  expect(readUpid('UPID:pve1:00000491:00045C95:6B02C1DF:imgcopy::bot@pve!full:')?.id).toBe('');
});

it.each(['', 'UPID:bad', 'UPID:pve1:1:2:3:qmstart:100:root@pam:'])('%j is no UPID', (text) => {
  expect(readUpid(text)).toBeUndefined();
});

it('every character of a UPID is safe in its path', () => {
  expect(taskPath(attach, 'pve1')).toBe(
    '/nodes/pve1/tasks/UPID%3Apve1%3A00000AE0%3A0006C811%3A6B02C811%3Aqmmove%3A9101-scsi0%3E100-unused0%3Aproxnix%40pve!bot%3A',
  );
});

it.each([
  ['transferred 0.0 B of 64.0 MiB (0.00%)', 0, 64],
  ['transferred 6.4 MiB of 64.0 MiB (10.00%)', 6.4, 64],
  ['drive-scsi0: transferred 1.0 MiB of 64.0 MiB (1.56%) in 1s', 0.9984, 64],
  ['drive-scsi0: transferred 64.0 MiB of 64.0 MiB (100.00%) in 2s, ready', 64, 64],
  ['INFO:  25% (16.0 MiB of 64.0 MiB) in 3s, read: 7.7 MiB/s, write: 341.3 KiB/s', 16, 64],
  ['INFO: 100% (64.0 MiB of 64.0 MiB) in 9s, read: 6.0 MiB/s, write: 0 B/s', 64, 64],
])('%s', (line, done, total) => {
  expect(readProgress(line)).toEqual({ done: Math.round(done * 2 ** 20), total: total * 2 ** 20 });
});

it.each(['TASK OK', 'no content', 'transferred something', 'create full clone of drive (pximp:import/px-a.qcow2)'])(
  '%s tells no progress',
  (line) => {
    expect(readProgress(line)).toBeUndefined();
  },
);
