import type { MessageRef } from '../../src/chat/chat.ts';
import type { Run } from '../../src/core/run.ts';
import { emptyData, fleetIn, type StoreData, withFleet, withMessages, withRun } from '../../src/store/schema.ts';
import type { AuditEntry, FleetChange, FleetRecord, SavedRun, Store } from '../../src/store/store.ts';

/** A store that forgets: for tests and for looking around. */
export class MemoryStore implements Store {
  readonly setAside = undefined;
  #data: StoreData = emptyData;
  readonly #audit: AuditEntry[] = [];

  runs(): readonly SavedRun[] {
    return this.#data.runs;
  }

  async saveRun(run: Run): Promise<void> {
    this.#data = withRun(this.#data, run);
  }

  async saveMessages(runId: string, messages: MessageRef): Promise<void> {
    this.#data = withMessages(this.#data, runId, messages) ?? this.#data;
  }

  fleet(name: string): FleetRecord {
    return fleetIn(this.#data, name);
  }

  async saveFleet(name: string, change: FleetChange): Promise<void> {
    this.#data = withFleet(this.#data, name, change);
  }

  async audit(entry: AuditEntry): Promise<void> {
    this.#audit.push(entry);
  }

  /** What was audited so far. */
  audited(): readonly AuditEntry[] {
    return this.#audit;
  }

  async close(): Promise<void> {}
}
