import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CardFile } from '../../views/card.ts';
import type { AdapterState } from '../kind.ts';

const stateKey = 'discord-files';
const keepMessages = 100;

const Posted = z.record(z.string(), z.array(z.string()).readonly());
type Posted = z.infer<typeof Posted>;

/** Which files a message's thread has already, also after a restart: a card is shown often, its files once. */
export class PostedFiles {
  readonly #state: AdapterState;
  #loaded: Promise<Posted> | undefined;

  constructor(state: AdapterState) {
    this.#state = state;
  }

  /** The files the thread does not have yet. */
  async missing(message: string, files: readonly CardFile[]): Promise<readonly CardFile[]> {
    const posted = (await this.#load())[message] ?? [];
    return files.filter((file) => !posted.includes(fingerprint(file)));
  }

  async add(message: string, files: readonly CardFile[]): Promise<void> {
    if (files.length === 0) return;
    const all = await this.#load();
    const { [message]: before = [], ...others } = all;
    const entries = [...Object.entries(others), [message, [...before, ...files.map(fingerprint)]] as const];
    const kept: Posted = Object.fromEntries(entries.slice(-keepMessages));
    this.#loaded = Promise.resolve(kept);
    await this.#state.set(stateKey, JSON.stringify(kept));
  }

  #load(): Promise<Posted> {
    this.#loaded ??= this.#state.get(stateKey).then(readPosted);
    return this.#loaded;
  }
}

/** What cannot be read is forgotten: the worst that follows is a file posted twice. */
function readPosted(text: string | undefined): Posted {
  try {
    return Posted.parse(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}

function fingerprint(file: CardFile): string {
  return createHash('sha256').update(`${file.name}\n${file.text}`).digest('hex').slice(0, 16);
}
