/** A drive taken apart: its volume (or `none`) and the rest of its keys. */
export interface Drive {
  readonly file: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Takes a drive's property string apart. Its form was checked before. */
export function parseDrive(value: string | number): Drive {
  const options = new Map<string, string>();
  let file = '';
  for (const part of String(value).split(',')) {
    const [key = '', ...rest] = part.split('=');
    if (rest.length === 0 || key === 'file' || key === 'volume') file = rest.length === 0 ? part : rest.join('=');
    else options.set(key, rest.join('='));
  }
  return { file, options };
}

/** Writes a drive as the server stores it: the volume, then the keys by name. */
export function printDrive(drive: Drive): string {
  const rest = [...drive.options].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  return [drive.file, ...rest].join(',');
}

/** `STORAGE:GIB`, which allocates a new disk. */
export function newDiskOf(file: string): { readonly storage: string; readonly gib: number } | undefined {
  const [, storage, gib] = /^([^/:\s]+):(\d+(?:\.\d+)?)$/.exec(file) ?? [];
  return storage === undefined ? undefined : { storage, gib: Number(gib) };
}

/** `STORAGE:cloudinit` */
export function cloudinitStorageOf(file: string): string | undefined {
  return /^([^/:\s]+):cloudinit$/.exec(file)?.[1];
}

/** Whether a drive holds cloud-init data, new or already there. */
export function isCloudinit(value: string | number | undefined): boolean {
  return /^[^/:\s]+:(?:cloudinit|(?:\d+\/)?vm-\d+-cloudinit)/.test(parseDrive(value ?? '').file);
}

/** Whether a drive is a CD. */
export function isCdrom(value: string | number | undefined): boolean {
  return /(?:^|,)media=cdrom(?:,|$)/.test(String(value ?? '')) || String(value ?? '') === 'cdrom';
}
