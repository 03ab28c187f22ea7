import { splitTags } from '../../core/tags.ts';
import type { GuestConfig } from './config.ts';
import { isCloudInit, readDrive } from './disk.ts';
import { holds } from './property.ts';
import type { Changes } from './settings.ts';

const properties = /^(?:(?:net|ide|sata|scsi|virtio|mp)\d+|rootfs)$/;

/** Does a configuration hold what a write sent, in the form in which the server stores it? */
export function isStored({ values, pending }: GuestConfig, changes: Changes): boolean {
  return Object.entries(changes).every(([key, value]) => {
    if (key === 'revert')
      return !String(value)
        .split(',')
        .some((reverted) => pending.includes(reverted));
    const stored = values[key];
    if (value === undefined || stored === undefined) return value === stored;
    const sent = typeof value === 'boolean' ? String(Number(value)) : String(value);
    if (key === 'tags') return splitTags(stored).join() === splitTags(sent).join();
    if (sent.endsWith(':cloudinit'))
      return stored.split(':')[0] === sent.split(':')[0] && isCloudInit(readDrive(stored));
    return properties.test(key) ? holds(stored, sent) : stored.trim() === sent.trim();
  });
}
