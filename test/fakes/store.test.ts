import { expect, it } from 'vitest';
import { storeContract } from '../contracts/store.ts';
import { anEntry } from '../store/samples.ts';
import { MemoryStore } from './store.ts';

storeContract('the store in memory', async () => ({ store: new MemoryStore() }));

it('the store in memory shows what was audited', async () => {
  const store = new MemoryStore();
  await store.audit(anEntry(1));
  await store.audit(anEntry(2));
  expect(store.audited()).toEqual([anEntry(1), anEntry(2)]);
});
