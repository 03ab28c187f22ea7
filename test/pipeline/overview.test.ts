import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { Overview, SeenFleetGuest } from '../../src/views/overview.ts';
import { withConfig } from '../fakes/cluster-guest.ts';
import { aBench, type Bench, type BenchOptions, owner } from '../support/pipeline.ts';
import { present } from './support/fleet.ts';

const intervals = { planIntervalMs: 60_000 };

async function deployed(options: BenchOptions = {}): Promise<Bench> {
  const bench = await aBench(options);
  await bench.push(1);
  await bench.apply();
  return bench;
}

/** What the owner sees; the second look has the addresses that the first one asked for. */
async function look(bench: Bench): Promise<Overview> {
  await bench.chat.overview();
  return bench.chat.overview();
}

function guestIn({ fleets }: Overview, vmid = 823): SeenFleetGuest {
  return present(fleets[0]?.cluster?.guests.find((guest) => guest.vmid === vmid));
}

describe('an overview', () => {
  it('tells of each guest its state, image, commit, address, uptime, run and where it can be seen', async () => {
    const bench = await deployed();
    const run = bench.run('applied');
    const seen = await look(bench);
    expect(seen.fleets[0]?.cluster?.guests.map(({ vmid }) => vmid)).toEqual([820, 822, 823]);
    expect(guestIn(seen)).toEqual({
      name: 'test-website',
      vmid: 823,
      kind: 'vm',
      node: 'pve1',
      state: 'running',
      image: {
        hash: expect.stringMatching(/^[0-9a-z]{32}$/),
        type: run.plan.goal.guests.find(({ vmid }) => vmid === 823)?.imageType,
      },
      commit: { sha: run.commit.sha, at: run.commit.at },
      address: '10.0.0.73',
      uptime: 60,
      lastRun: { id: run.id, phase: 'applied', text: expect.stringContaining(run.id), at: run.startedAt },
      drift: { kind: 'unknown' },
      url: 'https://pve1.example.net:8006/',
    });
    expect(seen.fleets[0]?.cluster?.nodes).toMatchObject([{ node: 'pve1', online: true }]);
    expect(seen.fleets[0]?.lastRun?.id).toBe(run.id);
    expect(seen.reached).toMatchObject([
      { kind: 'Proxmox', name: 'home', state: 'well', lastAt: bench.clock.now() },
      { kind: 'Git', name: 'acme/fleet', state: 'well' },
      { kind: 'Chat', name: 'console', state: 'well' },
    ]);
  });

  it('tells the open plan, the queue and the lock', async () => {
    const bench = await aBench();
    await bench.push(1);
    const run = bench.run('planned');
    await bench.chat.command('/proxnix lock the UPS is replaced', owner);
    const [fleet] = (await look(bench)).fleets;
    expect(fleet?.open).toMatchObject([{ id: run.id, phase: 'planned' }]);
    expect(fleet?.lock).toMatchObject({ reason: 'the UPS is replaced', by: { name: 'Owner' } });
    expect(fleet?.queue).toEqual([]);
  });

  it('says that a guest drifted once a check has found it, and none before any check', async () => {
    const bench = await deployed();
    bench.pipeline.keepUp(intervals);
    await bench.clock.advance(60_000);
    await bench.settle();
    expect(guestIn(await look(bench)).drift).toEqual({ kind: 'none' });
    bench.cluster.put(withConfig(present(bench.cluster.guest(823)), { memoryMb: 1024 }));
    await bench.clock.advance(60_000);
    await bench.settle();
    const seen = await look(bench);
    expect(guestIn(seen).drift).toEqual({ kind: 'drifted', run: bench.run('planned').id });
    expect(guestIn(seen, 820).drift).toEqual({ kind: 'none' });
  });

  it('reads a cluster once in 10 s, however many look, and not at all while nobody does', async () => {
    const bench = await deployed();
    expect(bench.cluster.views).toBe(0);
    await Promise.all([look(bench), look(bench), look(bench)]);
    await bench.clock.advance(9000);
    await look(bench);
    expect(bench.cluster.views).toBe(1);
    await bench.clock.advance(1000);
    await look(bench);
    expect(bench.cluster.views).toBe(2);
    await bench.clock.advance(600_000);
    expect(bench.cluster.views).toBe(2);
  });

  it('keeps what a cluster told last, with when, and says why it fails', async () => {
    const bench = await deployed();
    const at = bench.clock.now();
    await look(bench);
    await bench.clock.advance(10_000);
    bench.cluster.failNext({ at: 'read', when: 'before', error: new UserError('pve1 does not answer.') });
    const seen = await look(bench);
    expect(seen.fleets[0]?.cluster).toMatchObject({ at, guests: [{ vmid: 820 }, { vmid: 822 }, { vmid: 823 }] });
    expect(seen.reached[0]).toEqual({
      kind: 'Proxmox',
      name: 'home',
      state: 'failing',
      lastAt: at,
      problem: 'pve1 does not answer.',
    });
  });

  it('shows no guests where the cluster never answered, and does not call them absent', async () => {
    const bench = await aBench();
    bench.cluster.failNext({ at: 'read', when: 'before', error: new Error('a bug') });
    const seen = await look(bench);
    expect(seen.fleets[0]?.cluster).toBeUndefined();
    expect(seen.reached).toMatchObject([
      { state: 'failing', problem: 'An unexpected error inside proxnix.' },
      { kind: 'Git', state: 'unknown' },
      { kind: 'Chat', state: 'unknown' },
    ]);
  });

  it('lets no secret out, and shows nothing in another place', async () => {
    const bench = await deployed({ gate: (text) => text.replaceAll('website', '[secret]') });
    expect(guestIn(await look(bench)).name).toBe('test-[secret]');
    expect(await bench.chat.overview({ workspace: 'w-1', channel: 'c-2' })).toEqual({ fleets: [], reached: [] });
  });
});

describe('the page of a run', () => {
  it('has its card, when what happened, and the message of each chat', async () => {
    const bench = await deployed();
    const run = bench.run('applied');
    const page = await bench.chat.runPage(run.id);
    expect(page).toMatchObject({ id: run.id, fleet: 'acme', ref: { console: bench.message(run.id).id } });
    expect(page?.card).toEqual(bench.message(run.id).cards.at(-1));
    expect(page?.times).toEqual([
      { what: 'begun', at: run.startedAt },
      { what: 'approved by Owner', at: run.approvals[0]?.at },
      { what: 'apply begun', at: run.appliedFrom },
      { what: 'applied', at: run.endedAt },
    ]);
  });

  it('is not there for a run that is unknown, or of a fleet that is not shown in this place', async () => {
    const bench = await deployed();
    const asked = (id: string, channel: string) => bench.chat.runPage(id, { workspace: 'w-1', channel });
    expect(await asked('r-99', 'c-1')).toBeUndefined();
    expect(await asked(bench.run('applied').id, 'c-2')).toBeUndefined();
  });
});
