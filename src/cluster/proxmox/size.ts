const mib = 2 ** 20;
const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: mib, G: 2 ** 30, T: 2 ** 40 };

/** A size as Proxmox writes it in a drive (`64M`, `528K`, `1G`, bytes without a unit) in bytes. */
export function readSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text);
  const factor = units[found?.[2] ?? ''];
  return found === null || factor === undefined ? undefined : Math.round(Number(found[1]) * factor);
}

/** Bytes as Proxmox writes them itself: in the largest unit that divides them. */
export function writeSize(bytes: number): string {
  const unit = ['T', 'G', 'M', 'K'].find((name) => bytes % (units[name] ?? 1) === 0) ?? '';
  return `${bytes / (units[unit] ?? 1)}${unit}`;
}

/** MiB, rounded up: an image of 4.3 GiB does not fit into 4 GiB. */
export function toMib(bytes: number): number {
  return Math.ceil(bytes / mib);
}
