import { openStore } from '../../src/store/lowdb.ts';
import { anEntry, anOpenRun } from './samples.ts';

/**
 * A process that writes without end and says on its output what is on disk: `run 7`, `audit 7`. Its parent kills it in
 * the middle.
 */
const [dir = '', from = '1'] = process.argv.slice(2);
const store = await openStore(dir);
for (let n = Number(from); ; n++) {
  await store.saveRun(anOpenRun(n, { branch: 'main'.repeat(2000) }));
  process.stdout.write(`run ${n}\n`);
  await store.audit(anEntry(n));
  process.stdout.write(`audit ${n}\n`);
}
