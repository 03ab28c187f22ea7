const UNITS: readonly (readonly [string, number])[] = [
  ['T', 1024 ** 4],
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
];

/** `1G`, `3000M`, `528K`: the largest unit that divides, as in a drive's `size=`. */
export function printSize(bytes: number): string {
  const unit = UNITS.find(([, factor]) => bytes % factor === 0 && bytes > 0);
  return unit === undefined ? String(bytes) : `${bytes / unit[1]}${unit[0]}`;
}

/** Bytes of `10G`, `0.5T`, `4096`; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  if (amount === '') return undefined;
  return Math.floor(Number(amount) * (UNITS.find(([name]) => name === unit)?.[1] ?? 1));
}

/** `6.4 MiB`, as in progress lines. */
export function printAmount(bytes: number): string {
  const unit = UNITS.find(([, factor]) => bytes >= factor);
  return unit === undefined ? `${bytes.toFixed(1)} B` : `${(bytes / unit[1]).toFixed(1)} ${unit[0]}iB`;
}

/** `transferred 6.4 MiB of 64.0 MiB (10.00%)` */
export function progressLine(done: number, total: number): string {
  const percent = total === 0 ? 100 : (done / total) * 100;
  return `transferred ${printAmount(done)} of ${printAmount(total)} (${percent.toFixed(2)}%)`;
}
