import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffFacts } from '../../src/core/facts-difference.ts';
import type { Review } from '../../src/core/review.ts';
import type { Store } from '../../src/store/store.ts';
import { anAppliedRun, anEndedRun, anEntry, anOpenRun } from '../store/samples.ts';
import { arbitraryFacts } from '../support/facts.ts';

/** What every store must do. `reopen`: closes and opens again, where the adapter outlives its process. */
export function storeContract(
  name: string,
  open: () => Promise<{ readonly store: Store; readonly reopen?: () => Promise<Store> }>,
): void {
  describe(`${name}, as a store`, () => {
    it('is empty at first', async () => {
      const { store } = await open();
      expect(store.runs()).toEqual([]);
      expect(store.fleet('acme')).toEqual({});
    });

    it('answers a read from memory, before the write is over', async () => {
      const { store } = await open();
      const written = store.saveRun(anOpenRun(1).run);
      expect(store.runs()).toEqual([anOpenRun(1)]);
      const fleet = store.saveFleet('acme', { lastSeen: 'abc' });
      expect(store.fleet('acme')).toEqual({ lastSeen: 'abc' });
      await Promise.all([written, fleet]);
    });

    it('keeps runs oldest first, and a run that is saved again in its place', async () => {
      const { store } = await open();
      for (const n of [1, 2, 3]) await store.saveRun(anOpenRun(n).run);
      await store.saveMessages('r-2', { slack: 'C1:2' });
      await store.saveRun(anOpenRun(2, { activity: 'comparing' }).run);
      expect(store.runs().map(({ run }) => run.id)).toEqual(['r-1', 'r-2', 'r-3']);
      expect(store.runs()[1]).toMatchObject({ run: { activity: 'comparing' }, messages: { slack: 'C1:2' } });
    });

    it('gives the places of a run to another run, in place of its own', async () => {
      const { store, reopen } = await open();
      await store.saveRun(anOpenRun(1).run);
      await store.saveRun(anOpenRun(2).run);
      await store.saveMessages('r-1', { console: '7', slack: 'C1:2' });
      await store.saveMessages('r-2', { discord: '9' });
      await store.moveMessages('r-1', 'r-2');
      await store.moveMessages('r-1', 'r-9');
      const again = (await reopen?.()) ?? store;
      expect(again.runs().map(({ messages }) => messages)).toEqual([{}, { console: '7', slack: 'C1:2' }]);
    });

    it('keeps where a run is shown, chat by chat, and nothing of a run that it does not have', async () => {
      const { store, reopen } = await open();
      await store.saveRun(anOpenRun(1).run);
      await store.saveMessages('r-1', { console: '7' });
      await store.saveMessages('r-1', { slack: 'C1:2' });
      await store.saveMessages('r-2', { slack: 'C1:3' });
      await store.saveRun(anOpenRun(1, { activity: 'comparing' }).run);
      const again = (await reopen?.()) ?? store;
      expect(again.runs()).toMatchObject([{ run: { id: 'r-1' }, messages: { console: '7', slack: 'C1:2' } }]);
    });

    it('keeps what is inside of images, and how it differs', async () => {
      const { store, reopen } = await open();
      const samples = fc.sample(arbitraryFacts, { numRuns: 30, seed: 12 });
      const images = samples.map((facts, n) => ({ imageHash: `hash${n}`, drvPath: `/nix/store/${n}.drv`, facts }));
      const reviews = samples.map((facts, n) => {
        const versions = { changed: [{ name: 'a', from: '1', to: '2' }], all: 7 };
        return { from: `${n}`, to: `${n + 1}`, difference: diffFacts(facts, samples[n + 1] ?? {}, versions) };
      });
      const review: Review = { images: [...reviews, { from: 'x', to: 'y', notKnown: 'from' }] };
      await store.saveRun(anOpenRun(1, { review }).run);
      await store.saveFleet('acme', { images });
      const again = (await reopen?.()) ?? store;
      expect(again.runs()[0]?.run.review).toEqual(review);
      expect(again.fleet('acme').images).toEqual(images);
    });

    it('keeps the newest hundred runs that have ended, and every run that has not', async () => {
      const { store } = await open();
      await store.saveRun(anOpenRun(1).run);
      await Promise.all(Array.from({ length: 150 }, (_, i) => store.saveRun(anEndedRun(i + 2).run)));
      const ids = store.runs().map(({ run }) => run.id);
      expect(ids).toEqual(['r-1', ...Array.from({ length: 100 }, (_, i) => `r-${i + 52}`)]);
    });

    it('pushes out no run that reached an apply, however many others follow, and counts each fleet by itself', async () => {
      const { store } = await open();
      const applied = [anAppliedRun(1), anAppliedRun(2, { fleet: 'lab' })];
      for (const { run } of applied) await store.saveRun(run);
      await Promise.all(Array.from({ length: 150 }, (_, i) => store.saveRun(anEndedRun(i + 3).run)));
      await Promise.all(
        Array.from({ length: 120 }, (_, i) => store.saveRun(anAppliedRun(i + 200, { fleet: 'lab' }).run)),
      );
      const ids = store.runs().map(({ run }) => run.id);
      expect(ids.slice(0, 2)).toEqual(['r-1', 'r-53']);
      expect(ids).toHaveLength(201);
      expect(ids.filter((id) => Number(id.slice(2)) >= 200)).toHaveLength(100);
      expect(ids.at(-1)).toBe('r-319');
    });

    it('changes the facts of a fleet one by one, and removes what is undefined', async () => {
      const { store } = await open();
      const lock = { reason: 'holidays', by: { chat: 'console', id: 'owner', name: 'Owner' }, at: 5 } as const;
      await store.saveFleet('acme', { lastSeen: 'abc' });
      await store.saveFleet('acme', { applied: 'abc', lock });
      expect(store.fleet('acme')).toEqual({ lastSeen: 'abc', applied: 'abc', lock });
      await store.saveFleet('acme', { lock: undefined });
      expect(store.fleet('acme')).toEqual({ lastSeen: 'abc', applied: 'abc' });
      expect(store.fleet('other')).toEqual({});
    });

    it('does not take names of fleets for anything else', async () => {
      const { store } = await open();
      for (const fleet of ['__proto__', 'constructor', 'toString']) {
        expect(store.fleet(fleet)).toEqual({});
        await store.saveFleet(fleet, { applied: fleet });
        expect(store.fleet(fleet)).toEqual({ applied: fleet });
      }
      expect(store.fleet('acme')).toEqual({});
    });

    it('hands out what a caller cannot change behind its back', async () => {
      const { store } = await open();
      await store.saveRun(anOpenRun(1).run);
      const before = store.runs();
      await store.saveRun(anOpenRun(2).run);
      expect(before).toHaveLength(1);
    });

    it('takes lines for the audit, also many at once', async () => {
      const { store } = await open();
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.audit(anEntry(n))));
    });

    it('keeps everything over a restart, where it outlives its process', async () => {
      const { store, reopen } = await open();
      await store.saveRun(anOpenRun(1).run);
      await store.saveRun(anEndedRun(2).run);
      await store.saveFleet('acme', { lastSeen: 'abc' });
      const runs = store.runs();
      const again = (await reopen?.()) ?? store;
      expect(again.runs()).toEqual(runs);
      expect(again.fleet('acme')).toEqual({ lastSeen: 'abc' });
    });

    it('writes what was asked for before it closes', async () => {
      const { store, reopen } = await open();
      void store.saveRun(anOpenRun(1).run);
      void store.saveRun(anOpenRun(2).run);
      const again = (await reopen?.()) ?? store;
      expect(again.runs().map(({ run }) => run.id)).toEqual(['r-1', 'r-2']);
    });
  });
}
