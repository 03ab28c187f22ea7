import { mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { AuditLog } from './audit.ts';
import { emptyData, fleetIn, type StoreData, withFleet, withRun } from './data.ts';
import { writeDurably } from './durable-file.ts';
import { lockInstance } from './instance-lock.ts';
import { DamagedStore, parseStore } from './schema.ts';
import type { AuditEntry, FleetChange, FleetRecord, SavedRun, Store } from './store.ts';

/**
 * Opens the store in a folder, which is made when it is missing. A damaged store is set aside as `store.json.damaged-…`
 * and the bot starts with an empty one; `onDamaged` is told. Refuses while another bot holds it, and a store that it cannot
 * read or that a newer proxnix wrote.
 */
export async function openStore(
  dir: string,
  options: { onDamaged?: (error: unknown, setAside: string) => void; now?: () => number } = {},
): Promise<Store> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const unlock = await lockInstance(path.join(dir, 'lock'));
  try {
    const file = path.join(dir, 'store.json');
    const db = new Low<StoreData>(new DurableJson(file), emptyData);
    try {
      await db.read();
    } catch (error) {
      if (!(error instanceof DamagedStore)) throw error;
      const setAside = `${file}.damaged-${(options.now ?? Date.now)()}`;
      await rename(file, setAside);
      options.onDamaged?.(error, setAside);
    }
    return new LowdbStore(db, new AuditLog(path.join(dir, 'audit.jsonl')), unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** lowdb's own file adapter neither syncs nor checks what it reads. */
class DurableJson implements Adapter<StoreData> {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async read(): Promise<StoreData | null> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return text === undefined ? null : parseStore(text, this.#file);
  }

  async write(data: StoreData): Promise<void> {
    await writeDurably(this.#file, JSON.stringify(data));
  }
}

class LowdbStore implements Store {
  readonly #db: Low<StoreData>;
  readonly #audit: AuditLog;
  readonly #unlock: () => Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  /** The write that has not begun yet: it will carry whatever is in memory by then. */
  #next: Promise<void> | undefined;

  constructor(db: Low<StoreData>, audit: AuditLog, unlock: () => Promise<void>) {
    this.#db = db;
    this.#audit = audit;
    this.#unlock = unlock;
  }

  runs(): readonly SavedRun[] {
    return this.#db.data.runs;
  }

  saveRun(saved: SavedRun): Promise<void> {
    return this.#save(withRun(this.#db.data, saved));
  }

  fleet(name: string): FleetRecord {
    return fleetIn(this.#db.data, name);
  }

  saveFleet(name: string, change: FleetChange): Promise<void> {
    return this.#save(withFleet(this.#db.data, name, change));
  }

  audit(entry: AuditEntry): Promise<void> {
    return this.#audit.append(entry);
  }

  async close(): Promise<void> {
    // Whoever asked for a write that failed was told.
    await this.#next?.catch(() => undefined);
    await this.#writing;
    await this.#unlock();
  }

  #save(data: StoreData): Promise<void> {
    this.#db.data = data;
    if (this.#next !== undefined) return this.#next;
    const write = this.#writing.then(() => {
      this.#next = undefined;
      return this.#db.write();
    });
    this.#next = write;
    this.#writing = write.catch(() => undefined);
    return write;
  }
}
