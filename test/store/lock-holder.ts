import { lockInstance } from '../../src/store/instance-lock.ts';

/**
 * A process that locks a file and says on its output what came of it: `locked`, or the error. It holds the lock until its
 * input ends or somebody kills it.
 */
const [file = ''] = process.argv.slice(2);
try {
  const unlock = await lockInstance(file);
  process.stdout.write('locked\n');
  process.stdin.on('end', () => void unlock()).resume();
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
}
