import { setTimeout } from 'node:timers/promises';
import { OutsideAction } from '../../../src/simulator/outside.ts';
import type { Seed, Simulator } from '../../../src/simulator/simulator.ts';
import { type Answer, ask } from './ask.ts';
import { BACKUP, differences, parse } from './compare.ts';
import { makeMultipart } from './multipart.ts';
import type { Line } from './recording.ts';

/** How many recorded answers a sequence has, and those that are not alike. */
export interface Played {
  readonly total: number;
  readonly differing: ReadonlyMap<string, readonly string[]>;
}

/** Plays a sequence against a simulator that was just reset and that takes `timeScale` of the real server's waits. */
export async function play(
  simulator: Simulator,
  { seed, timeScale }: { readonly seed: Seed; readonly timeScale: number },
  lines: readonly Line[],
): Promise<Played> {
  const learned = new Map<string, string>();
  const differing = new Map<string, readonly string[]>();
  let total = 0;
  for (const line of lines) {
    if (line.after !== undefined) await setTimeout(line.after * timeScale);
    if (line.outside !== undefined) await simulator.outside(OutsideAction.parse(line.outside));
    if (line.ask === undefined) continue;
    if (awaitsEnd(line)) await finished(simulator, decodeURIComponent(translate(line.ask[1], learned)));
    const answer = await send(simulator.url, seed, line, learned);
    if (line.setup) {
      await finished(simulator, answer.text);
      continue;
    }
    total += 1;
    const found = differences(line, answer);
    if (found.length > 0) differing.set(line.id, found);
    learn(line.body, parse(answer.text), learned);
    learnBackups(line.body, answer.text, learned);
  }
  return { total, differing };
}

async function send(url: string, seed: Seed, line: Line, learned: ReadonlyMap<string, string>): Promise<Answer> {
  const [method = '', recordedPath = ''] = line.ask ?? [];
  const path = translate(recordedPath, learned);
  const params: Record<string, unknown> = JSON.parse(translate(JSON.stringify(line.params ?? {}), learned));
  const authorization = authorizationOf(seed, line.auth);
  const isQuery = method === 'GET' || method === 'DELETE';
  if (line.upload !== undefined) {
    const { body, type } = makeMultipart(line.upload);
    return await ask(url, { method, path, body, type, authorization });
  }
  if (line.rawBody !== undefined) {
    return await ask(url, { method, path, body: line.rawBody, type: line.contentType, authorization });
  }
  if (isQuery) return await ask(url, { method, path, query: form(params), authorization });
  const isJson = line.contentType === 'application/json';
  const body = isJson ? JSON.stringify(params) : form(params);
  const type = line.contentType ?? 'application/x-www-form-urlencoded';
  return await ask(
    url,
    line.params === undefined ? { method, path, authorization } : { method, path, body, type, authorization },
  );
}

function authorizationOf(seed: Seed, auth: Line['auth']): string | undefined {
  if (auth === null) return undefined;
  if (typeof auth === 'object') return auth.header;
  const token = seed.tokens.find(({ tokenid }) => auth === undefined || tokenid === auth);
  return `PVEAPIToken=${auth ?? token?.tokenid}=${token?.secret ?? ''}`;
}

function form(params: Readonly<Record<string, unknown>>): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) out.append(key, one === null ? '' : String(one));
  }
  return out.toString();
}

/** Whether the recorded answer is of a finished task, so that its end must be waited for. */
function awaitsEnd(line: Line): boolean {
  const text = JSON.stringify(line.body ?? '');
  return (
    /\/tasks\/[^/]+\/(status|log)$/.test(line.ask?.[1] ?? '') && /"exitstatus"|"TASK |unexpected status/.test(text)
  );
}

async function finished(simulator: Simulator, text: string): Promise<void> {
  const upid = UPID.exec(text)?.[0];
  while (simulator.tasks().some((task) => task.upid === upid && task.exit === undefined)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const UPID = /UPID:[\w-]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s/]+:[^:\s/"]*:[^:\s/"]+:/i;

/** The simulator's tasks and digests in the place of the recorded ones. */
function translate(text: string, learned: ReadonlyMap<string, string>): string {
  let out = text.replace(/UPID%3A[^/]+/g, (upid) => encodeURIComponent(translate(decodeURIComponent(upid), learned)));
  for (const [from, to] of learned) out = out.replaceAll(from, to);
  return out;
}

function learn(recorded: unknown, actual: unknown, learned: Map<string, string>): void {
  if (typeof recorded === 'string' && typeof actual === 'string') {
    const isName = UPID.test(recorded) || /^[0-9a-f]{40}$/.test(recorded);
    if (isName && recorded !== actual) learned.set(recorded, actual);
  } else if (Array.isArray(recorded) && Array.isArray(actual)) {
    for (const one of recorded) {
      const isSame = (other: unknown) => ['type', 'id'].every((key) => read(other, key) === read(one, key));
      if (read(one, 'upid') !== undefined) learn(one, actual.find(isSame), learned);
    }
  } else if (typeof recorded === 'object' && recorded !== null) {
    for (const key of Object.keys(recorded)) learn(read(recorded, key), read(actual, key), learned);
  }
}

/** Backups carry the time in their names; the first of a list is the first in both. */
function learnBackups(recorded: unknown, text: string, learned: Map<string, string>): void {
  const names = (from: string) => [...new Set(from.match(new RegExp(BACKUP.source, 'g')))].toSorted();
  const actual = names(text);
  for (const [index, name] of names(JSON.stringify(recorded ?? '')).entries()) {
    const other = actual[index];
    if (other !== undefined && other !== name) learned.set(name, other);
  }
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
