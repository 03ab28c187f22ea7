import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type APIMessageTopLevelComponent, ComponentType, type RawFile } from 'discord.js';
import { z } from 'zod';
import type { CardFile } from '../../views/card.ts';
import type { AdapterState } from '../kind.ts';
import { cleanText, cut, oneLine } from './text.ts';

/** Discord takes 10 MiB a file and 25 MiB a request; ours stay well below. */
const maxFile = 8 * 1024 * 1024;
const maxRequest = 20 * 1024 * 1024;
const maxFiles = 9;

/** A file ready for upload. */
export interface DiscordFile extends CardFile {
  readonly data: Uint8Array;
}

/**
 * Files ready for upload: unique names that Discord does not change, text without control characters, within the size
 * limit. A text above the limit is compressed; one that is still too long loses its middle.
 */
export function cleanFiles(files: readonly CardFile[]): readonly DiscordFile[] {
  const seen = new Set<string>();
  return files.map((file) => {
    const text = cleanText(file.text) || '(empty)\n';
    const { data, suffix } = dataOf(text);
    const name = freeName(`${cleanName(file.name)}${suffix}`, seen);
    seen.add(name);
    return { name, title: cut(oneLine(file.title).trim(), 200) || name, text, data };
  });
}

function dataOf(text: string): { readonly data: Uint8Array; readonly suffix: string } {
  const plain = Buffer.from(text);
  if (plain.length <= maxFile) return { data: plain, suffix: '' };
  const zipped = gzipSync(plain);
  return zipped.length <= maxFile ? { data: zipped, suffix: '.gz' } : { data: shorten(plain), suffix: '' };
}

/** Groups files so that each group fits one request. */
export function parcels(files: readonly DiscordFile[]): readonly (readonly DiscordFile[])[] {
  const all: DiscordFile[][] = [];
  let size = 0;
  for (const file of files) {
    const bytes = file.data.length;
    const last = all.at(-1);
    if (last !== undefined && last.length < maxFiles && size + bytes <= maxRequest) last.push(file);
    else {
      all.push([file]);
      size = 0;
    }
    size += bytes;
  }
  return all;
}

/** A V2 message shows a file only where a component names it. */
export function fileComponents(files: readonly CardFile[]): APIMessageTopLevelComponent[] {
  return files.map((file) => ({ type: ComponentType.File, file: { url: `attachment://${file.name}` } }));
}

/** The `attachments` of a body, with the title that screen readers say. */
export function attachmentsOf(files: readonly CardFile[]): { id: number; filename: string; description: string }[] {
  return files.map((file, id) => ({ id, filename: file.name, description: file.title }));
}

/** Files in the form that discord.js uploads. */
export function rawFiles(files: readonly DiscordFile[]): RawFile[] {
  return files.map(({ name, data }) => ({
    name,
    data: Buffer.from(data),
    contentType: name.endsWith('.gz') ? 'application/gzip' : 'text/plain; charset=utf-8',
  }));
}

function cleanName(name: string): string {
  const safe = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(-80);
  return safe === '' ? 'file.txt' : safe;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${n}-${name}`;
  return free;
}

/** Cuts the middle out of a text that is too long, at line ends: the beginning names the program, the end its outcome. */
function shorten(bytes: Buffer): Buffer {
  const head = bytes.subarray(0, maxFile / 8).toString();
  const tail = bytes.subarray(bytes.length - (maxFile * 3) / 4).toString();
  const note = `\n[… the middle is left out: ${bytes.length} bytes are more than Discord takes …]\n`;
  const [begin, end] = [head.slice(0, head.lastIndexOf('\n') + 1 || head.length), tail.slice(tail.indexOf('\n') + 1)];
  return Buffer.from(begin + note + end);
}

const stateKey = 'discord-files';
const keepMessages = 100;

const Posted = z.record(z.string(), z.array(z.string()).readonly());
type Posted = z.infer<typeof Posted>;

/** Remembers the files in each message's thread, also over a restart, so that each file is posted once. */
export class PostedFiles {
  readonly #state: AdapterState;
  #loaded: Promise<Posted> | undefined;

  constructor(state: AdapterState) {
    this.#state = state;
  }

  /** The files the thread does not have yet. */
  async missing<File extends CardFile>(message: string, files: readonly File[]): Promise<readonly File[]> {
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

/** Forgets an unreadable record: at worst a file is posted twice. */
function readPosted(text: string | undefined): Posted {
  try {
    return Posted.parse(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}

/** The digest of a file's name and content. */
export function fingerprint(file: CardFile): string {
  return createHash('sha256').update(`${file.name}\n${file.text}`).digest('hex').slice(0, 16);
}
