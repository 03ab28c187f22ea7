import { expect, it } from 'vitest';
import { storeContract } from '../contracts/store.ts';
import { anEntry } from '../store/samples.ts';
import { FakeStore } from './store.ts';

storeContract('the store in memory', async () => ({ store: new FakeStore() }));

it('the store in memory shows what was audited', async () => {
  const store = new FakeStore();
  await store.audit(anEntry(1));
  await store.audit(anEntry(2));
  expect(store.audited()).toEqual([anEntry(1), anEntry(2)]);
});
