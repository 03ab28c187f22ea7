import type { Run } from '../../../../src/core/run.ts';
import type { FleetChange } from '../../../../src/store/store.ts';
import type { Made } from '../life.ts';

/** A moment at which a process dies: before or after it wrote something. */
export interface Point {
  /** The write, such as `PUT /nodes/pve1/qemu/823/config` or `journal r-2: 823 swap running`. */
  readonly write: string;
  readonly when: 'before' | 'after';
}

/** Counts what one process writes, to the API and to the store, and says when it dies. */
export class Deaths {
  /** Every write so far, in order; the second one that reads the same ends with ` #2`. */
  readonly writes: string[] = [];
  readonly #point: Point | undefined;

  constructor(point?: Point) {
    this.#point = point;
  }

  /** A request to the API. The same may be made more than once, and each counts. */
  request(write: string, when: Point['when']): boolean {
    if (when === 'before')
      this.writes.push(numbered(write, this.writes.filter((one) => plain(one) === write).length + 1));
    const name = this.writes.findLast((one) => plain(one) === write) ?? write;
    return this.#isAt(name, when);
  }

  /** A write to the store. One that says nothing new, such as where a card is shown, is passed over. */
  store({ member, args }: Made, when: Point['when']): boolean {
    const write = storeWrite(member, args);
    const known = this.writes.includes(write);
    if (when === 'before' && known) return false;
    if (when === 'before') this.writes.push(write);
    return this.#isAt(write, when);
  }

  #isAt(write: string, when: Point['when']): boolean {
    return this.#point?.write === write && this.#point.when === when;
  }
}

function numbered(write: string, number: number): string {
  return number === 1 ? write : `${write} #${number}`;
}

function plain(write: string): string {
  return write.replace(/ #\d+$/, '');
}

function storeWrite(member: string, args: readonly unknown[]): string {
  if (member === 'saveRun') return journal(args[0] as Run);
  if (member === 'saveMessages') return `messages of ${String(args[0])}`;
  if (member === 'saveFleet') return `fleet: ${Object.keys(args[1] as FleetChange).join(', ')}`;
  return `audit: ${(args[0] as { action: string }).action}`;
}

/** The phase of a run, and how far its steps are. */
function journal(run: Run): string {
  const reached = 'steps' in run ? run.steps.findLast(({ state }) => state !== 'waiting') : undefined;
  if (run.phase !== 'applying' || reached === undefined) return `journal ${run.id}: ${run.phase}`;
  const task = reached.upid === undefined ? [] : [reached.upid.split(':')[5]];
  return [`journal ${run.id}:`, reached.step.id, reached.state, ...task].join(' ');
}
