import { openStore } from '../../src/store/lowdb.ts';
import { anEntry, anOpenRun } from './samples.ts';

/**
 * A process that writes without end and says on its output what is on disk: `run 7`, `audit 7`. Its parent kills it in
 * the middle.
 */
const [dir = '', from = '1'] = process.argv.slice(2);
const store = await openStore(dir);
for (let n = Number(from); ; n++) {
  const commit = { sha: 'a'.repeat(40), subject: 'long'.repeat(2000), author: 'rowan', at: n };
  await store.saveRun(anOpenRun(n, { commit }).run);
  process.stdout.write(`run ${n}\n`);
  await store.audit(anEntry(n));
  process.stdout.write(`audit ${n}\n`);
}
