import { readFileSync } from 'node:fs';
import { parseSeed, type Seed } from '../../../src/simulator/simulator.ts';

/** One part of a recorded upload: a field, or a file that is made anew. */
export interface Part {
  readonly name: string;
  readonly value?: string;
  readonly filename?: string;
  readonly make?: 'qcow2' | 'zeros' | 'bytes' | 'text' | 'gzip' | 'tgz';
  readonly virtualSize?: number;
  readonly backing?: string;
  readonly size?: number;
  readonly text?: string;
}

/**
 * One line of the recordings from the real API, made smaller: values that are chance are `~n`, `~s` or `~x`, a log is
 * its known lines, and a body that is only the reason is left out.
 */
export interface Line {
  readonly id: string;
  readonly state: string;
  readonly outside?: unknown;
  /** Milliseconds that pass before it: what the answer needs of the time that passed on the real server. */
  readonly after?: number;
  readonly ask?: readonly [method: string, path: string];
  readonly params?: Readonly<Record<string, unknown>>;
  readonly upload?: readonly Part[];
  readonly rawBody?: string;
  readonly contentType?: string;
  /** Absent: the first token of the seed. */
  readonly auth?: string | { readonly header: string } | null;
  /** Brings the server into the state; its answer was not recorded. */
  readonly setup?: 1;
  /** null: the connection was closed without an answer. */
  readonly status?: number | null;
  readonly reason?: string;
  readonly empty?: 1;
  readonly loose?: readonly string[];
  readonly errors?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The sequences of a recording (`9.2`, `guests-9.2`), each whole and in order. */
export function readSequences(recording: string): ReadonlyMap<string, readonly Line[]> {
  const sequences = new Map<string, Line[]>();
  for (const line of readLines<Line>(`recorded-${recording}.jsonl`)) {
    const name = `${line.state} ${line.id.replace(/-\d+$/, '')}`;
    sequences.set(name, [...(sequences.get(name) ?? []), line]);
  }
  return sequences;
}

/** The seeds by name: `9.2`, `9.2-deploy`. */
export function readSeeds(): ReadonlyMap<string, Seed> {
  const lines = readLines<{ name: string; seed: unknown }>('seeds.jsonl');
  return new Map(lines.map((line) => [line.name, parseSeed(line.seed)]));
}

function readLines<T>(name: string): T[] {
  const text = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
