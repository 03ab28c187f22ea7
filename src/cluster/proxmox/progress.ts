/** How far a copy is, in bytes. */
export interface CopyProgress {
  readonly done: number;
  readonly total: number;
}

/** PVE 8.4 and 9.2: `transferred 6.4 MiB of 64.0 MiB (10.00%)`; of a running guest with `drive-scsi0: ` before it. */
const transferred = /^(?:\S+: )?transferred [\d.]+ \w+ of ([\d.]+) (\w+) \(([\d.]+)%\)/;
const powers: Readonly<Record<string, number>> = { B: 0, KiB: 1, MiB: 2, GiB: 3, TiB: 4 };

/** Reads a line of a task's log. The percentage is the finer number: the sizes are rounded to a tenth. */
export function readProgress(line: string): CopyProgress | undefined {
  const found = transferred.exec(line);
  const power = powers[found?.[2] ?? ''];
  if (found === null || power === undefined) return undefined;
  const total = Math.round(Number(found[1]) * 1024 ** power);
  return { done: Math.round((total * Number(found[3])) / 100), total };
}
