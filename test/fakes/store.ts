import type { MessageRef } from '../../src/chat/chat.ts';
import type { Run } from '../../src/core/run.ts';
import {
  emptyData,
  fleetIn,
  type StoreData,
  withFleet,
  withMessages,
  withMovedMessages,
  withRun,
} from '../../src/store/schema.ts';
import type { AuditEntry, FleetChange, FleetRecord, SavedRun, SetAside, Store } from '../../src/store/store.ts';

/** A write as the hooks of a `FakeStore` see it. */
export type Write =
  | { readonly kind: 'run'; readonly saved: SavedRun }
  | { readonly kind: 'messages'; readonly runId: string }
  | { readonly kind: 'fleet'; readonly name: string; readonly change: FleetChange }
  | { readonly kind: 'audit'; readonly entry: AuditEntry };

/**
 * A store in memory whose disk can be slow and full. As with the real one, a write that failed has changed the memory and not the
 * disk, and the next write that succeeds takes everything in memory along.
 */
export class FakeStore implements Store {
  setAside: SetAside | undefined;
  #memory: StoreData;
  #disk: StoreData;
  readonly #audit: AuditEntry[];
  /** Answers the error a write fails with. */
  fails: (write: Write) => Error | undefined = () => undefined;
  /** Answers what a write waits for before it is on disk. */
  waits: (write: Write) => Promise<void> | undefined = () => undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(disk: StoreData = emptyData, audit: AuditEntry[] = []) {
    this.#memory = disk;
    this.#disk = disk;
    this.#audit = audit;
  }

  /** What the next process finds. */
  reopen(): FakeStore {
    return new FakeStore(this.#disk, this.#audit);
  }

  /** What was audited so far. */
  audited(): readonly AuditEntry[] {
    return this.#audit;
  }

  /** A run as it is on disk. */
  onDisk(id: string): SavedRun | undefined {
    return this.#disk.runs.find(({ run }) => run.id === id);
  }

  runs(): readonly SavedRun[] {
    return this.#memory.runs;
  }

  fleet(name: string): FleetRecord {
    return fleetIn(this.#memory, name);
  }

  saveRun(run: Run): Promise<void> {
    this.#memory = withRun(this.#memory, run);
    return this.#write({
      kind: 'run',
      saved: this.#memory.runs.find((one) => one.run === run) ?? { run, messages: {} },
    });
  }

  async saveMessages(runId: string, messages: MessageRef): Promise<void> {
    const data = withMessages(this.#memory, runId, messages);
    if (data === undefined) return;
    this.#memory = data;
    await this.#write({ kind: 'messages', runId });
  }

  async moveMessages(from: string, to: string): Promise<void> {
    const data = withMovedMessages(this.#memory, from, to);
    if (data === undefined) return;
    this.#memory = data;
    await this.#write({ kind: 'messages', runId: to });
  }

  saveFleet(name: string, change: FleetChange): Promise<void> {
    this.#memory = withFleet(this.#memory, name, change);
    return this.#write({ kind: 'fleet', name, change });
  }

  async audit(entry: AuditEntry): Promise<void> {
    await this.#permit({ kind: 'audit', entry });
    this.#audit.push(entry);
  }

  async close(): Promise<void> {}

  /** One write after the other; each carries what is in memory when it begins. */
  #write(write: Write): Promise<void> {
    const written = this.#writing.then(async () => {
      const now = this.#memory;
      await this.#permit(write);
      this.#disk = now;
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #permit(write: Write): Promise<void> {
    await this.waits(write);
    const error = this.fails(write);
    if (error !== undefined) throw error;
  }
}

/** As a full disk answers. */
export function diskFull(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}
