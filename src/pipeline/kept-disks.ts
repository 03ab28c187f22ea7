import { type KeptDisk, withKept } from '../core/kept.ts';
import type { Store } from '../store/store.ts';
import type { Fleet } from './deps.ts';

/** Remembers a root disk that is about to be taken out: it is deleted when its time is up, never without this record. */
export async function keepDisk(store: Store, { name }: Pick<Fleet, 'name'>, disk: KeptDisk): Promise<void> {
  await store.saveFleet(name, { kept: withKept(store.fleet(name).kept ?? [], disk) });
}
