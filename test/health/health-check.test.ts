import { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { GuestKind, HealthCheck } from '../../src/core/guest.ts';
import { NotAllowed } from '../../src/health/health.ts';
import { createHealth } from '../../src/health/health-check.ts';
import { healthContract, type World } from '../contracts/health.ts';
import { aClock, aMonitor, aNetwork, aProbe, serve, serveRaw } from './bench.ts';
import { aCluster } from './on-simulator.ts';

const guest = { guestKind: 'vm' as const, vmid: 823, node: 'pve1', name: 'test-website' };
const asked = (change: Partial<HealthCheck> = {}): HealthCheck => ({ agent: true, tcp: [], timeoutS: 120, ...change });
const silence = new UserError('Proxmox at https://pve1:8006 does not answer (connection refused).');

async function watch(
  script: Parameters<typeof aProbe>[0],
  check?: HealthCheck,
  servers: Readonly<Record<string, number>> = {},
  guestKind: GuestKind = 'vm',
  hadAgent = false,
) {
  const [clock, monitor, network, probe] = [aClock(), aMonitor(), aNetwork(servers), aProbe(script)];
  const lookup = async () => [];
  const health = createHealth({ probe, lookup, connect: network.connect, now: clock.now, sleep: clock.sleep });
  const watched = { ...guest, guestKind, hadAgent };
  const report = await health.check(check === undefined ? watched : { ...watched, check }, monitor);
  return { ...report, texts: report.checks.map(({ text }) => text), lines: monitor.lines, clock, probe, network };
}

describe('a guest without a check in the flake', () => {
  it('is healthy when it has run for 10 s and its agent answers', async () => {
    const seen = await watch({ ping: ['silent', 'silent', 'ok'] });
    expect(seen).toMatchObject({ healthy: true, tookMs: 10_000 });
    expect(seen.texts).toEqual(['running: for 10 s', 'agent ping: answers']);
    expect(seen.clock.slept).toEqual([2000, 2000, 2000, 2000, 2000]);
  });

  it('needs no agent when none is configured', async () => {
    const seen = await watch({ ping: ['absent'] });
    expect(seen).toMatchObject({ healthy: true, tookMs: 10_000 });
    expect(seen.texts).toEqual(['running: for 10 s', 'agent ping: no guest agent is configured, running is enough']);
  });

  it('is given 60 s for an agent that may not exist', async () => {
    const seen = await watch({ ping: ['silent'] });
    expect(seen).toMatchObject({ healthy: true, tookMs: 60_000 });
    expect(seen.texts).toEqual(['running: for 60 s', 'agent ping: no guest agent answers, running is enough']);
  });

  it('is ill when its agent has ever answered and is silent now', async () => {
    const seen = await watch({ ping: ['silent'] }, undefined, {}, 'vm', true);
    expect(seen).toMatchObject({ healthy: false, tookMs: 120_000, agentAnswered: false });
    expect(seen.texts[1]).toBe('agent ping: no guest agent answers, and it did before, 61 tries in 120 s');
  });

  it('needs no agent that is not configured any more, whatever answered before', async () => {
    expect((await watch({ ping: ['absent'] }, undefined, {}, 'vm', true)).healthy).toBe(true);
  });

  it('is told to have answered only where its agent did', async () => {
    expect((await watch({ ping: ['silent'] })).agentAnswered).toBe(false);
    expect((await watch({ ping: ['silent', 'ok'] })).agentAnswered).toBe(true);
  });

  it.each([
    ['paused', 'running: it stands still (paused): resume it with `qm resume 823` on pve1, 61 tries in 120 s'],
    [
      'io-error',
      'running: it stands still (io-error): make room on its storage, then `qm resume 823` on pve1, 61 tries in 120 s',
    ],
  ])('is ill when it is %s, with what to do', async (stands, text) => {
    const seen = await watch({ running: [true, { stands }], ping: ['silent'] });
    expect([seen.healthy, seen.texts[0]]).toEqual([false, text]);
  });

  it('is ill when the agent that has answered falls silent for good', async () => {
    const seen = await watch({ ping: ['ok', 'silent'] });
    expect(seen).toMatchObject({ healthy: false, tookMs: 120_000 });
    expect(seen.texts[1]).toBe('agent ping: no guest agent answers, 61 tries in 120 s');
  });

  it('has its 10 s counted anew after each stop', async () => {
    const seen = await watch({ running: [true, true, true, true, false, true], ping: ['ok'] });
    expect(seen).toMatchObject({ healthy: true, tookMs: 20_000 });
    expect(seen.texts[0]).toBe('running: for 10 s');
    expect(seen.lines).toEqual([
      'running: not for 10 s yet',
      'running: it is not running',
      'running: not for 10 s yet',
    ]);
  });

  it('is ill when it does not stay up', async () => {
    const seen = await watch({ running: [false], ping: ['silent'] });
    expect(seen).toMatchObject({ healthy: false, tookMs: 120_000 });
    expect(seen.texts[0]).toBe('running: it is not running, 61 tries in 120 s');
  });

  it('does not lose its 10 s to a cluster that is silent for a moment', async () => {
    expect(await watch({ running: [true, silence, silence, true], ping: ['ok'] })).toMatchObject({
      healthy: true,
      tookMs: 10_000,
    });
  });
});

describe('a guest with a check in the flake', () => {
  it('is healthy at the first look at which its agent answers', async () => {
    const seen = await watch({ ping: ['silent', 'silent', 'ok'] }, asked());
    expect(seen).toMatchObject({ healthy: true, tookMs: 4000 });
    expect(seen.texts).toEqual(['running: yes', 'agent ping: answers']);
  });

  it.each([
    ['silent', 'agent ping: no guest agent answers, 61 tries in 120 s'],
    ['absent', 'agent ping: no guest agent is configured, 61 tries in 120 s'],
  ] as const)('is ill when the agent it asks for stays %s', async (ping, text) => {
    const seen = await watch({ ping: [ping] }, asked());
    expect([seen.healthy, seen.texts[1]]).toEqual([false, text]);
  });

  it('that asks for nothing must have run for 10 s, or as long as there is time', async () => {
    const none = await watch({}, asked({ agent: false }));
    expect(none).toMatchObject({ healthy: true, tookMs: 10_000, texts: ['running: for 10 s'] });
    expect(none.probe.asked).not.toContain('ping');
    expect(await watch({}, asked({ agent: false, timeoutS: 5 }))).toMatchObject({ healthy: true, tookMs: 5000 });
  });

  it('has its ports tried at the address that its agent tells', async () => {
    const port = await serveRaw();
    const seen = await watch({}, asked({ agent: false, tcp: [22, 443] }), {
      '10.77.0.73:22': port,
      '10.77.0.73:443': port,
    });
    expect(seen.texts).toEqual(['running: yes', 'tcp 22: open', 'tcp 443: open']);
    expect(seen.network.dialed).toEqual(['10.77.0.73:22', '10.77.0.73:443']);
  });

  it('is ill when one of its ports is closed', async () => {
    const servers = { '10.77.0.73:22': await serveRaw() };
    const seen = await watch({}, asked({ tcp: [22, 443], timeoutS: 6 }), servers);
    expect(seen.healthy).toBe(false);
    expect(seen.texts.slice(2)).toEqual(['tcp 22: open', 'tcp 443: refused, 4 tries in 6 s']);
    expect(seen.lines).toEqual(['tcp 443: refused']);
  });

  it.each([
    [{ ping: ['silent'] as const }, 'tcp 22: no address, no guest agent answers, 2 tries in 1 s'],
    [{ ping: ['absent'] as const }, 'tcp 22: no address, no guest agent is configured, 2 tries in 1 s'],
    [{ address: undefined }, 'tcp 22: no address, the guest agent tells none, 2 tries in 1 s'],
    [{ address: '127.0.0.1' }, "tcp 22: not asked, 127.0.0.1 is the bot's own machine, 2 tries in 1 s"],
    [{ address: '::ffff:169.254.169.254' }, /^tcp 22: not asked, \S+ is link-local, 2 tries in 1 s$/],
    [{ address: 'evil.example.net' }, 'tcp 22: not asked, evil.example.net is no IP address, 2 tries in 1 s'],
  ])('has no port passed over when it has no address to try it at: %j', async (script, text) => {
    const seen = await watch(script, asked({ agent: false, tcp: [22], timeoutS: 1 }));
    expect([seen.healthy, seen.texts[1]]).toEqual([false, expect.stringMatching(text)]);
    expect(seen.network.dialed).toEqual([]);
  });

  it('is healthy only when everything passes at the same look', async () => {
    const answers = [503, 200, 503, 200, 200];
    const port = await serve((_, response) => response.writeHead(answers.shift() ?? 200).end());
    const ping = ['silent', 'silent', 'ok', 'silent', 'ok'] as const;
    const seen = await watch({ ping }, asked({ http: 'http://10.77.0.73/' }), { '10.77.0.73:80': port });
    expect(seen).toMatchObject({ healthy: true, tookMs: 8000 });
    expect(seen.texts).toEqual(['running: yes', 'agent ping: answers', 'GET http://10.77.0.73/: 200 OK']);
    expect(seen.lines).toEqual([
      'agent ping: no guest agent answers; GET http://10.77.0.73/: 503 Service Unavailable',
      'agent ping: no guest agent answers',
      'GET http://10.77.0.73/: 503 Service Unavailable',
      'agent ping: no guest agent answers',
    ]);
  });

  it('gets a last look when its time is up', async () => {
    const seen = await watch({ ping: ['silent'] }, asked({ timeoutS: 3 }));
    expect(seen.clock.slept).toEqual([2000, 1000]);
    expect(seen.texts[1]).toBe('agent ping: no guest agent answers, 3 tries in 3 s');
    expect(await watch({ ping: ['silent', 'silent', 'ok'] }, asked({ timeoutS: 3 }))).toMatchObject({ healthy: true });
  });

  it('has each port and its URL given up after a time of their own', async () => {
    const limits: number[] = [];
    const clock = aClock();
    const health = createHealth({
      ...clock,
      probe: aProbe({}),
      // A socket that never connects.
      connect: () => new Socket(),
      timeout: (ms) => {
        limits.push(ms);
        return AbortSignal.abort(new DOMException('', 'TimeoutError'));
      },
      answerMs: 700,
    });
    const check = asked({ tcp: [22], http: 'http://10.77.0.73/', timeoutS: 1 });
    const report = await health.check({ ...guest, check }, aMonitor());
    expect(report.checks.slice(2).map(({ text }) => text)).toEqual([
      'tcp 22: no answer, 2 tries in 1 s',
      'GET http://10.77.0.73/: no answer, 2 tries in 1 s',
    ]);
    expect(limits).toEqual([700, 700, 700, 700]);
  });
});

describe('a watch', () => {
  it('ends at once when a privilege is missing', async () => {
    const [clock, missing] = [aClock(), new NotAllowed('VM.GuestAgent.Audit is missing')];
    const health = createHealth({ ...clock, probe: aProbe({ ping: [missing] }) });
    await expect(health.check(guest, aMonitor())).rejects.toBe(missing);
    expect(clock.slept).toEqual([]);
  });

  it.each([
    ['runs', { running: [silence], ping: ['ok' as const] }],
    ['has an agent', { ping: [silence] }],
  ])('ends with the error of a cluster that never tells whether the guest %s', async (_, script) => {
    await expect(watch(script, asked({ timeoutS: 4 }))).rejects.toBe(silence);
  });

  it('throws a bug on', async () => {
    const bug = new TypeError('x is not a function');
    await expect(watch({ running: [bug] })).rejects.toBe(bug);
  });

  it.each(['while it sleeps', 'while the cluster does not answer'])(
    'ends with the reason of its signal %s',
    async (when) => {
      const cancel = new AbortController();
      const stop = () => {
        cancel.abort(new Error('a person asked to stop'));
        return new Promise<never>(() => {});
      };
      const probe = when === 'while it sleeps' ? aProbe({}) : { ...aProbe({}), running: stop };
      const health = createHealth({ probe, sleep: stop });
      await expect(health.check(guest, aMonitor(), cancel.signal)).rejects.toThrow('a person asked to stop');
    },
  );

  it('ends with that reason by the clock of the machine, too', async () => {
    const cancel = new AbortController();
    const health = createHealth({ probe: aProbe({}) });
    const monitor = { line: () => cancel.abort(new Error('a person asked to stop')) };
    await expect(health.check(guest, monitor, cancel.signal)).rejects.toThrow('a person asked to stop');
  });
});

describe('a container', () => {
  const watchIt = (script: Parameters<typeof aProbe>[0], check?: HealthCheck, servers = {}) =>
    watch(script, check, servers, 'container');

  it('without a check in the flake is healthy when it has run for 10 s, and nobody asks for an agent', async () => {
    const seen = await watchIt({ running: [true, true, false, true], ping: [silence] });
    expect(seen).toMatchObject({ healthy: true, tookMs: 16_000, texts: ['running: for 10 s'] });
    expect(new Set(seen.probe.asked)).toEqual(new Set(['running']));
  });

  it('is ill when it does not stay up', async () => {
    const seen = await watchIt({ running: [false] });
    expect(seen).toMatchObject({ healthy: false, tookMs: 120_000 });
    expect(seen.texts).toEqual(['running: it is not running, 61 tries in 120 s']);
  });

  it('has its ports tried at the address that its host tells', async () => {
    const port = await serveRaw('SSH-2.0-OpenSSH_9.9\r\n');
    const check = asked({ agent: false, tcp: [22] });
    const seen = await watchIt({ ping: ['absent'], address: '10.0.0.3' }, check, { '10.0.0.3:22': port });
    expect(seen).toMatchObject({ healthy: true, texts: ['running: yes', 'tcp 22: open'] });
  });

  it('is waited for until its host tells an address', async () => {
    const seen = await watchIt({ address: undefined }, asked({ agent: false, tcp: [22], timeoutS: 4 }));
    expect(seen.healthy).toBe(false);
    expect(seen.texts[1]).toBe('tcp 22: no address, its host tells none, 3 tries in 4 s');
  });
});

healthContract('health over Proxmox VE 9.2 and the network', (kind) => open('9.2.11', kind));
healthContract('health over Proxmox VE 8.4 and the network', (kind) => open('8.4.1', kind));

async function open(version: string, kind: GuestKind): Promise<World> {
  const { simulator, probe } = await aCluster({ version, kind });
  const clock = aClock();
  const page = await serve((_, response) => response.end());
  const servers = { '10.77.0.113:22': await serveRaw('SSH-2.0-OpenSSH_9.9\r\n'), '10.77.0.113:80': page };
  const health = createHealth({
    probe,
    now: clock.now,
    lookup: async () => ['10.77.0.113'],
    connect: aNetwork(servers).connect,
    // The simulator's guests take their time to boot by the clock of this machine, shortened as it is.
    sleep: async (ms) => {
      await clock.sleep(ms);
      await setTimeout(ms * 0.01);
    },
  });
  return {
    health,
    fall: () => simulator.outside({ do: 'power-off', vmid: 823 }),
    hide: () => simulator.outside({ do: 'config-fs-down' }),
    // What was opened ends itself when the test does.
    close: async () => {},
  };
}
