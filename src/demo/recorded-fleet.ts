import type { Recording } from './recorded.ts';

/** `vms.nix` or `containers.nix` as recorded; `failure` is Nix's recorded error, or names a line that was not recorded. */
export type RecordedFleet =
  | { readonly guests: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  | { readonly failure: string; readonly recorded: boolean; readonly line: number };

/** Combines the recorded lines of such a file; refuses any other line. */
export function readRecordedFleet(recording: Recording, text: string): RecordedFleet {
  const guests: Record<string, Record<string, unknown>> = {};
  let entry: Record<string, unknown> | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const key = /^([A-Za-z][\w-]*) = \{$/.exec(line)?.[1];
    const field = /^(\w+) = /.exec(line)?.[1];
    if (line === '' || line.startsWith('#') || ['{', '}', '{ }'].includes(line)) continue;
    if (line === '};') {
      entry = undefined;
    } else if (key !== undefined && entry === undefined) {
      entry = {};
      guests[key] = entry;
    } else if (entry !== undefined && field !== undefined && Object.hasOwn(recording.lines, line)) {
      entry[field] = recording.lines[line];
    } else {
      const failure = Object.hasOwn(recording.broken, line) ? recording.broken[line] : undefined;
      return { failure: failure ?? line, recorded: failure !== undefined, line: index + 1 };
    }
  }
  return { guests };
}
