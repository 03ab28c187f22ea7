import { expect, it } from 'vitest';
import { MemoryStore } from '../../src/store/memory.ts';
import { anEntry } from './samples.ts';
import { storeContract } from './store.contract.ts';

storeContract('the store in memory', async () => ({ store: new MemoryStore() }));

it('the store in memory shows what was audited', async () => {
  const store = new MemoryStore();
  await store.audit(anEntry(1));
  await store.audit(anEntry(2));
  expect(store.audited()).toEqual([anEntry(1), anEntry(2)]);
});
