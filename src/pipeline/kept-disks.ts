import { type RetainedDisk, withRetained } from '../core/retained-disks.ts';
import type { Store } from '../store/store.ts';
import type { Fleet } from './ports.ts';

/** Remembers a root disk that is about to be taken out: it is deleted when its time is up, never without this record. */
export async function keepDisk(store: Store, { name }: Pick<Fleet, 'name'>, disk: RetainedDisk): Promise<void> {
  await store.saveFleet(name, { retainedDisks: withRetained(store.fleet(name).retainedDisks ?? [], disk) });
}
