import { describe, expect, it } from 'vitest';
import { hasEnded } from '../../src/core/advance.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { turn } from './support/clock.ts';
import { aForeignGuest, present, threeVms } from './support/fleet.ts';

/** Lets a process go on until it is at rest or dead. */
async function untilRestOrDeath(bench: Bench): Promise<void> {
  for (let turns = 0; turns < 60 && !bench.life.over; turns++) await turn();
}

/** One deploy whose process dies at a call; the presses are a person's, so they stop with the bot. */
async function deploy(bench: Bench): Promise<void> {
  bench.report();
  await bench.clock.advance(500);
  await bench.show();
  if (bench.life.over) return;
  const button = bench.buttons().find(({ action }) => action === 'approve');
  if (button !== undefined) void bench.chat.press(button);
  await untilRestOrDeath(bench);
}

/** What a person does after the restart: looks, plans again where nothing is open, approves, until all is in sync. */
async function finish(bench: Bench): Promise<void> {
  for (let rounds = 0; rounds < 6; rounds++) {
    await bench.settle();
    const open = bench.pipeline.runs().findLast((run) => run.phase === 'planned');
    if (open !== undefined) await bench.apply();
    else await bench.chat.command('/proxnix plan');
    await bench.settle();
    if (bench.pipeline.runs().at(-1)?.phase === 'in-sync') return;
  }
  throw new Error(`never in sync: ${JSON.stringify(bench.pipeline.runs().map(({ id, phase }) => [id, phase]))}`);
}

/** A fleet whose next commit creates one VM, changes one, replaces one and leaves a foreign guest alone. */
async function ready(): Promise<Bench> {
  const bench = await aBench();
  bench.cluster.put(aForeignGuest(900));
  const { website, database } = threeVms();
  await bench.push(1, { vms: { website, database } });
  await bench.apply();
  bench.commit(2, { vms: threeVms({ memory_mb: 4096 }), images: { database: 'database 2' } });
  return bench;
}

/** How many calls that count a whole deploy makes. */
async function callsOfADeploy(): Promise<{ from: number; to: number }> {
  const bench = await ready();
  const from = bench.life.calls;
  await deploy(bench);
  bench.run('applied');
  return { from, to: bench.life.calls };
}

describe('a bot that is killed', async () => {
  const { from, to } = await callsOfADeploy();

  it('is killed here at every write to the store and every step in the cluster', () => {
    expect(to - from).toBeGreaterThan(60);
  });

  for (const when of ['before', 'after'] as const) {
    it(`${when} any of them comes back, says what is true, and its next plans finish the work`, async () => {
      for (let call = from; call < to; call++) {
        const bench = await ready();
        const at = `killed ${when} call ${call - from} of ${to - from}`;
        bench.life.endsAt = (number, now) => number === call && now === when;
        await deploy(bench);
        expect(bench.life.over, at).toBe(true);
        const approved = bench.audit().filter((line) => line.startsWith('approved')).length;
        const uuids = [822, 823].map((vmid) => present(bench.cluster.guest(vmid)).config.uuid);

        await bench.restart();
        await bench.settle();
        // Nothing is silently run again: a run that was cut off in its apply is over.
        expect(
          bench.pipeline.runs().filter(({ phase }) => phase === 'applying'),
          at,
        ).toEqual([]);
        await bench.restart();
        await finish(bench);

        for (const [vmid, memory] of [
          [820, 2048],
          [822, 2048],
          [823, 4096],
        ] as const) {
          const guest = present(bench.cluster.guest(vmid), at);
          expect(guest.tags, at).not.toContain('proxnix-pending');
          expect(guest.config.memoryMb, at).toBe(memory);
          expect(guest.status, at).toBe('running');
          expect(bench.cluster.guest(900_000_000 + vmid), at).toBeUndefined();
        }
        expect(
          [822, 823].map((vmid) => bench.cluster.guest(vmid)?.config.uuid),
          at,
        ).toEqual(uuids);
        expect(bench.cluster.guest(900), at).toEqual(aForeignGuest(900));
        expect(approved, at).toBeLessThanOrEqual(2);
        for (const run of bench.pipeline.runs()) expect(hasEnded(run), `${at}: ${run.id}`).toBe(true);
        // A run that found the same in sync again took its message over.
        const gone = new Set(
          bench.store
            .runs()
            .flatMap(({ run, messages: { console } }) =>
              run.phase === 'in-sync' && console === undefined ? [run.id] : [],
            ),
        );
        for (const run of bench.pipeline.runs().filter(({ id }) => !gone.has(id))) {
          expect(bench.text(bench.message(run.id)), at).not.toMatch(/^(Applying|Planning|Approved)/);
        }
        const shown = bench.store.runs().flatMap(({ run, messages }) => (gone.has(run.id) ? [] : [messages.console]));
        expect(new Set(shown).size, `${at}: a message for each run`).toBe(shown.length);
        // Killed between the post and the write of where it is, a message is lost: one at most, and never a decision.
        expect(bench.chat.messages.length - shown.length, at).toBeLessThanOrEqual(1);
      }
    }, 120_000);
  }
});
