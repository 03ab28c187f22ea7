import { createHash } from 'node:crypto';
import type { Config, Guest } from './guest.ts';

/**
 * SHA-1 of the configuration file's text: description as comment lines, keys by name, then what is pending and the
 * snapshots as sections. Containers of the recordings (which hold nothing by chance) give the recorded digests.
 */
export function digestOf(guest: Guest): string {
  return createHash('sha1').update(fileText(guest)).digest('hex');
}

function fileText(guest: Guest): string {
  const deletes = guest.pendingDelete.toSorted().join(',');
  const pending = `${deletes === '' ? '' : `delete: ${deletes}\n`}${section(guest.pending)}`;
  const heading = guest.type === 'qemu' ? 'PENDING' : 'pve:pending';
  const snapshots = Object.entries(guest.snapshots)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `\n[${name}]\n#${one.description}\n${section(one.config)}snaptime: ${one.snaptime}\n`);
  return [section(guest.config), pending === '' ? '' : `\n[${heading}]\n${pending}`, ...snapshots].join('');
}

function section(config: Config): string {
  const { description, ...rest } = config;
  const comment = String(description ?? '')
    .split('\n')
    .filter((line, index, lines) => line !== '' || index < lines.length - 1)
    .map((line) => `#${encodeURI(line).replaceAll('%20', ' ')}\n`);
  const lines = Object.entries(rest)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}\n`);
  return [...comment, ...lines].join('');
}
