/** Where a message is. */
export interface Address {
  readonly channel: string;
  readonly ts: string;
  /** Digests of the files its thread already has, so that none is sent twice, even after a restart. */
  readonly files: readonly string[];
}

const pattern = /^([A-Z][A-Z0-9]{1,30}):(\d{1,12}\.\d{1,9})(?::((?:[0-9a-f]{8}\+?){1,8}))?$/;

/** Our part of a `MessageRef`: `C0DEPLOY01:1795341360.000100`, with files `…:3f2a9c01+77aa01bc`. */
export function writeAddress({ channel, ts, files }: Address): string {
  const last = files.slice(-8).join('+');
  return [channel, ts, ...(last === '' ? [] : [last])].join(':');
}

/** `undefined` for anything we did not write. */
export function readAddress(text: string): Address | undefined {
  const [, channel, ts, files = ''] = pattern.exec(text) ?? [];
  if (channel === undefined || ts === undefined) return undefined;
  return { channel, ts, files: files.split('+').filter((digest) => digest !== '') };
}

/** The message alone, to compare and to find it again. */
export function addressKey({ channel, ts }: Pick<Address, 'channel' | 'ts'>): string {
  return `${channel}:${ts}`;
}
