import { amount, type Call, text } from '../call.ts';
import { changing } from '../change.ts';
import { failure } from '../errors.ts';
import type { Config, Guest } from '../guest.ts';
import { isCloudinit } from './disks.ts';

/** The keys of `GET cloudinit`; cards and the name are in the drive as well, and in no list (9.2.11). */
const KEY = /^(?:cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys)$/;

/** What answers show in the place of a password. */
export const STARS = '**********';

/** What a drive that is written now has of a configuration; undefined without a drive. */
export function driveOf(config: Config): Config | undefined {
  if (!Object.values(config).some((value) => isCloudinit(value))) return undefined;
  return Object.fromEntries(Object.entries(config).filter(([key]) => KEY.test(key)));
}

/**
 * `GET cloudinit`: each key as the drive of a running VM has it, with what it will be. A stopped VM gets its drive at the
 * start, and a key that is new in the configuration has no mark of its own.
 */
export function readCloudinit(call: Call): unknown {
  const guest = guestOf(call);
  const now = Object.fromEntries(Object.entries(guest.config).filter(([key]) => KEY.test(key)));
  const { drive = now } = guest;
  const shown = (key: string, value: unknown) => (key === 'cipassword' ? STARS : value);
  return [...new Set([...Object.keys(now), ...Object.keys(drive)])].map((key) => {
    if (now[key] === undefined) return { key, delete: 1 };
    const old = drive[key] ?? now[key];
    return { key, value: shown(key, old), ...(old === now[key] ? {} : { pending: shown(key, now[key]) }) };
  });
}

/** `PUT cloudinit`: writes the drive of a running VM anew; without one it does nothing. */
export async function writeCloudinit(call: Call): Promise<null> {
  await changing(call.world, guestOf(call).vmid, () => {
    const guest = guestOf(call);
    if (guest.startedAt !== undefined) rewrite(guest);
  });
  return null;
}

/** The drive of a running VM becomes what the configuration says. */
export function rewrite(guest: Guest): void {
  const drive = driveOf(guest.config);
  if (drive !== undefined) guest.drive = drive;
}

/** Throws unless each line of `sshkeys` is a public key: its kind, and a blob of whole fields that begins with it. */
export function demandKeys(encoded: string): void {
  const lines = decodeURIComponent(encoded).split('\n');
  for (const line of lines.map((one) => one.trim()).filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, kind = '', blob = ''] =
      /(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/]+=*)(?:\s|$)/.exec(line) ?? [];
    const fields = fieldsOf(Buffer.from(blob, 'base64'));
    if (kind === '' || fields?.[0]?.toString('latin1') !== kind || fields.length < 2) {
      throw failure('SSH public key validation error');
    }
  }
}

/** The fields of a blob, each with its length in front; undefined when one is cut off. */
function fieldsOf(blob: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function guestOf(call: Call): Guest {
  return call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
}
