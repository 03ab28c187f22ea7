import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Adapter, Low } from 'lowdb';
import type { MessageRef } from '../chat/chat.ts';
import { UserError } from '../core/errors.ts';
import type { Run } from '../core/run.ts';
import { AuditLog } from './audit.ts';
import { copyDurably, writeDurably } from './files.ts';
import { lockInstance } from './instance-lock.ts';
import {
  emptyData,
  fleetIn,
  highestRun,
  readStore,
  type StoreData,
  withFleet,
  withMessages,
  withMovedMessages,
  withRun,
} from './schema.ts';
import type { AuditEntry, FleetChange, FleetRecord, SavedRun, SetAside, Store } from './store.ts';

/**
 * Opens the store in a folder and makes the folder when it is missing. Damaged parts are left out; before anything is
 * written, the file as it was found is set aside as `store.json.damaged-…` and reported in `setAside`. A store of an
 * older version is migrated, and the original stays beside it as `store.json.version-<n>`.
 * @throws StoreInUse when another bot holds the store; UserError for a store that cannot be read or that a newer
 * proxnix wrote
 */
export async function openStore(dir: string, { now = Date.now }: { now?: () => number } = {}): Promise<Store> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The folder ${dir} cannot be made (${error.code ?? error.message}).`, {
      next: 'Set STATE_DIR to a folder that the bot may write to.',
      cause: error,
    });
  });
  const unlock = await lockInstance(path.join(dir, 'lock'), { now });
  try {
    const file = new DurableJson(path.join(dir, 'store.json'), now);
    const db = new Low<StoreData>(file, emptyData);
    await db.read();
    // Written at once, so that the next start has nothing to set aside or to migrate.
    if (file.setAside !== undefined || file.migrated) await db.write();
    return new LowdbStore(db, new AuditLog(path.join(dir, 'audit.jsonl')), unlock, file.setAside);
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** lowdb's own file adapter neither syncs nor checks what it reads. */
class DurableJson implements Adapter<StoreData> {
  readonly #file: string;
  readonly #now: () => number;
  setAside: SetAside | undefined;
  /** The store was written by an older version. */
  migrated = false;

  constructor(file: string, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  async read(): Promise<StoreData | null> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return null;
    const { data, lost, migratedFrom } = readStore(text, this.#file, this.#now());
    // The copy lets the older program start again.
    if (migratedFrom !== undefined) await copyDurably(this.#file, `${this.#file}.version-${migratedFrom}`);
    this.migrated = migratedFrom !== undefined;
    if (lost.length > 0) {
      const file = `${this.#file}.damaged-${this.#now()}`;
      await copyDurably(this.#file, file);
      this.setAside = { file: path.basename(file), lost, highestRun: highestRun(text) };
    }
    return data;
  }

  async write(data: StoreData): Promise<void> {
    await writeDurably(this.#file, JSON.stringify(data));
  }
}

class LowdbStore implements Store {
  readonly #db: Low<StoreData>;
  readonly #audit: AuditLog;
  readonly #unlock: () => Promise<void>;
  readonly setAside: SetAside | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The write that has not begun yet: it writes the state of memory at its beginning. */
  #next: Promise<void> | undefined;

  constructor(db: Low<StoreData>, audit: AuditLog, unlock: () => Promise<void>, setAside: SetAside | undefined) {
    this.setAside = setAside;
    this.#db = db;
    this.#audit = audit;
    this.#unlock = unlock;
  }

  runs(): readonly SavedRun[] {
    return this.#db.data.runs;
  }

  saveRun(run: Run): Promise<void> {
    return this.#save(withRun(this.#db.data, run));
  }

  async saveMessages(runId: string, messages: MessageRef): Promise<void> {
    const data = withMessages(this.#db.data, runId, messages);
    if (data !== undefined) await this.#save(data);
  }

  async moveMessages(from: string, to: string): Promise<void> {
    const data = withMovedMessages(this.#db.data, from, to);
    if (data !== undefined) await this.#save(data);
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
    // The caller of a failed write has got its error.
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
