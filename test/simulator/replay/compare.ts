import type { Answer } from './ask.ts';
import type { Line } from './recording.ts';

/** Keys that one release, or one moment, has and another has not. */
const MAY_BE_ABSENT =
  /^(pressure|memhost$|nics$|diskread$|diskwrite$|balloon|running-|serial$|saved$|used_fraction$|current-kernel$|boot-info$|ksm$|parent$|idle$|wait$)/;
const IDENTITIES = ['volid', 'storage', 'key', 'vmid', 'id', 'iface', 'poolid', 'node', 'name'];

/** What is not alike between an answer and the recorded one; empty when they are. */
export function differences(line: Line, answer: Answer): string[] {
  if (line.status === null) {
    return answer.status !== null && answer.status < 400 ? [`status ${answer.status}, recorded none`] : [];
  }
  if (answer.status !== line.status) return [`status ${answer.status} ${answer.reason}, recorded ${line.status}`];
  const isLoose = (what: string) => line.loose?.includes(what) ?? false;
  const out: string[] = [];
  if (line.reason !== undefined && !isLoose('reason')) compare(line.reason, answer.reason, 'reason', out);
  if (line.empty) return answer.text === '' ? out : [...out, 'a body, recorded none'];
  if (isLoose('body')) return out;
  const body = parse(answer.text);
  if (line.body !== undefined) compare(line.body, body, 'body', out);
  else compare(errorBody(line), withoutMessageEnd(body), 'body', out);
  return out;
}

/** The answer as JSON, or its text. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function errorBody(line: Line): unknown {
  return { data: null, message: line.reason, ...(line.errors === undefined ? {} : { errors: line.errors }) };
}

function withoutMessageEnd(body: unknown): unknown {
  return isObject(body) ? { ...body, message: String(body['message']).trimEnd() } : body;
}

function compare(recorded: unknown, actual: unknown, where: string, out: string[]): void {
  const differs = () => out.push(`${where}: ${JSON.stringify(actual)}, recorded ${JSON.stringify(recorded)}`);
  if (recorded === '~x') return;
  if (recorded === '~n' || recorded === '~s') {
    if (typeof actual !== (recorded === '~n' ? 'number' : 'string')) differs();
  } else if (isObject(recorded) && Array.isArray(recorded['log'])) {
    if (!isSameLog(recorded['log'], actual)) differs();
  } else if (Array.isArray(recorded)) {
    if (Array.isArray(actual)) compareList(recorded, actual, where, out);
    else differs();
  } else if (isObject(recorded)) {
    if (isObject(actual)) compareObject(recorded, actual, where, out);
    else differs();
  } else if (typeof recorded === 'string' && typeof actual === 'string') {
    if (canonical(recorded) !== canonical(actual)) differs();
  } else if (recorded !== actual) differs();
}

function compareObject(recorded: Fields, actual: Fields, where: string, out: string[]): void {
  // The statistics were late when this was recorded, by state or altogether; here they never are.
  const isGuest = 'vmid' in recorded && 'id' in recorded;
  const isBare = isGuest && !('maxmem' in recorded);
  for (const key of new Set([...Object.keys(recorded), ...Object.keys(actual)])) {
    if (MAY_BE_ABSENT.test(key) || (isBare && !(key in recorded)) || (isGuest && key === 'status')) continue;
    if (!(key in actual)) out.push(`${where}.${key} is missing`);
    else if (!(key in recorded)) out.push(`${where}.${key} is not in the recording`);
    else if (key === 'content') compare(words(recorded[key]), words(actual[key]), `${where}.${key}`, out);
    else compare(recorded[key], actual[key], `${where}.${key}`, out);
  }
}

function compareList(recorded: readonly unknown[], actual: readonly unknown[], where: string, out: string[]): void {
  const first = recorded[0] ?? actual[0];
  if (isObject(first) && 'upid' in first) {
    compareTasks(recorded.filter(isObject), actual.filter(isObject), where, out);
    return;
  }
  const identity = isObject(first) ? IDENTITIES.find((key) => key in first) : undefined;
  const sorted = (list: readonly unknown[]) =>
    list.toSorted((a, b) => (nameOf(a, identity) < nameOf(b, identity) ? -1 : 1));
  const [mine, theirs] = [sorted(actual), sorted(recorded)];
  if (mine.length !== theirs.length)
    out.push(`${where}: ${JSON.stringify(actual)}, recorded ${JSON.stringify(recorded)}`);
  else
    for (const [index, one] of theirs.entries()) compare(one, mine[index], `${where}[${nameOf(one, identity)}]`, out);
}

/** More tasks than the recorded ones are fine; the newest of a kind stands for the newest. */
function compareTasks(recorded: readonly Fields[], actual: readonly Fields[], where: string, out: string[]): void {
  const left = [...actual];
  for (const one of recorded) {
    const index = left.findIndex((other) => other['type'] === one['type'] && other['id'] === one['id']);
    const [found] = index < 0 ? [] : left.splice(index, 1);
    if (found === undefined) out.push(`${where}: task ${one['type']} of ${one['id']} is missing`);
    else compareObject(one, found, `${where}[${one['type']}]`, out);
  }
}

const KNOWN_LINES =
  /^(create (full|linked) clone of drive|creating a clone of VM|allocated target volume|\w+: successfully created disk|(\S+: )?transferred |update (VM|CT) |Removed volume|purging |trying to acquire lock|target (node|file): |file size is: |finished file import|calculating checksum|starting file import|Image resized|snapshotting|VM still running|QEMU Guest Agent is not running|Execute autostart|no content|disk image '.*' does not exist|downloading |extracting archive|copying volume|reassign disk|moving (disk|volume)|removing (disk|volume|source volume)|adding source volume|target container|overruled |generating cloud-init|WARN: |Requesting HA |NOTE: |TASK )/;

/** The known lines in their order, progress as one line; a log that was read while its task ran may have grown since. */
function isSameLog(recorded: readonly unknown[], actual: unknown): boolean {
  if (!Array.isArray(actual) || actual.some((line, index) => line?.n !== actual[0].n + index)) return false;
  const lines: string[] = [];
  for (const { t } of actual) {
    const progress = /^(?:\S+: )?transferred [\d.]+ [KMGT]?i?B of ([\d.]+ [KMGT]?i?B) \([\d.]+%\)/.exec(t)?.[1];
    const line = progress === undefined ? String(t) : `progress of ${progress}`;
    if (KNOWN_LINES.test(t) && !(progress !== undefined && lines.at(-1) === line)) lines.push(line);
  }
  const wasRunning = !String(recorded.at(-1)).startsWith('TASK ');
  const expected = recorded
    .map((line) => canonical(String(line)))
    .filter((line) => !(wasRunning && line === 'no content'));
  const found = lines.map(canonical).slice(0, wasRunning ? expected.length : undefined);
  return JSON.stringify(found) === JSON.stringify(expected);
}

/** The name of a backup, with its kind, guest and time. */
export const BACKUP = /vzdump-(qemu|lxc)-(\d+)-\d{4}(?:_\d\d){2}-\d\d(?:_\d\d){2}/;

/** Without what is chance: numbers of processes, random names, times, places in the Perl source. */
function canonical(text: string): string {
  return text
    .replace(/UPID:([\w-]+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:/gi, 'UPID:$1:')
    .replace(/ at \/usr\/share\/perl5\/\S+ line (?:\d+|<n>)\.?/g, '')
    .replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi, '<uuid>')
    .replace(/\b[0-9A-F]{2}(?::[0-9A-F]{2}){5}\b/gi, '<mac>')
    .replace(/pveupload-[0-9a-f]+/g, 'pveupload-<id>')
    .replace(/\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b/g, '<hash>')
    .replace(/\.tmp\.\d+/g, '.tmp.<n>')
    .replace(new RegExp(BACKUP.source, 'g'), 'vzdump-$1-$2-<time>')
    .replace(/QEMU version '[^']*'/g, "QEMU version '<version>'")
    .replace(/creation-qemu=[^,]*,ctime=\S+/g, 'creation-qemu=<version>')
    .replace(/file size is: \d+/g, 'file size is: <n>')
    .trimEnd();
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function words(value: unknown): string {
  return String(value).split(',').toSorted().join(',');
}

function nameOf(value: unknown, identity: string | undefined): string {
  if (!isObject(value) || identity === undefined) return canonical(JSON.stringify(value));
  return identity === 'vmid' && 'id' in value ? String(value['id']) : String(value[identity]);
}
