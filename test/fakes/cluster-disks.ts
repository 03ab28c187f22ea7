import { dataDisksOf, liveDiskAt } from '../../src/core/data-disk-changes.ts';
import { UserError } from '../../src/core/errors.ts';
import { firmwareToMove } from '../../src/core/firmware.ts';
import type { DesiredGuest } from '../../src/core/guest.ts';
import type { LiveConfig, LiveDisk } from '../../src/core/live.ts';
import { withWantedOptions } from '../support/disks.ts';
import { type FakeGuest, freeKey, withConfig } from './cluster-guest.ts';

type NewVolume = (storage: string) => LiveDisk;

/** The guest with its data disks as wanted; those at the places `detach` are unused. */
export function withDataDisks(
  guest: FakeGuest,
  wanted: DesiredGuest,
  detach: readonly string[],
  attach: Readonly<Record<string, string>>,
  fresh: NewVolume,
): FakeGuest {
  const { disks, unused } = detach.reduce(
    (config, at) => (at === wanted.diskSlot ? config : without(config, liveDiskAt(guest.kind, config.disks, at)?.slot)),
    { disks: guest.config.disks, unused: guest.config.unused },
  );
  let next = disks;
  let left = unused;
  for (const disk of dataDisksOf(wanted)) {
    const sizeMb = disk.sizeGb * 1024;
    const there = liveDiskAt(guest.kind, next, disk.at);
    if ((there?.disk.sizeMb ?? 0) > sizeMb) throw new UserError(`${disk.name} has more than its size_gb.`);
    const slot = there?.slot ?? (guest.kind === 'vm' ? disk.at : freeMount(next));
    const kept = Object.keys(left).find((key) => there === undefined && left[key] === attach[disk.at]);
    const volume = there?.disk.storage === disk.storage ? there.disk : { ...there?.disk, ...fresh(disk.storage) };
    const volid = kept === undefined ? volume.volid : (left[kept] ?? volume.volid);
    left = Object.fromEntries(Object.entries(left).filter(([key]) => key !== kept));
    const path = guest.kind === 'vm' ? {} : { path: disk.at };
    next = { ...next, [slot]: withWantedOptions(guest.kind, { ...volume, volid, ...path, sizeMb }, disk) };
  }
  return withConfig(guest, { disks: next, unused: left });
}

function freeMount(disks: LiveConfig['disks']): string {
  let index = 0;
  while (disks[`mp${index}`] !== undefined) index++;
  return `mp${index}`;
}

function without({ disks, unused }: Pick<LiveConfig, 'disks' | 'unused'>, slot: string | undefined) {
  if (slot === undefined) return { disks, unused };
  const { [slot]: gone, ...rest } = disks;
  return { disks: rest, unused: gone === undefined ? unused : { ...unused, [freeKey(unused)]: gone.volid } };
}

/** The guest with these disks in their slots, where they are unused, and with the options that they had. */
export function withRestored(guest: FakeGuest, disks: LiveConfig['disks']): FakeGuest {
  let { config } = guest;
  for (const [slot, disk] of Object.entries(disks)) {
    const now = config.disks[slot];
    const [key] = Object.entries(config.unused).find(([, volid]) => volid === disk.volid) ?? [];
    if (now === undefined ? key === undefined : now.volid !== disk.volid) continue;
    const { [key ?? '']: _, ...unused } = config.unused;
    config = { ...config, disks: { ...config.disks, [slot]: disk }, unused };
  }
  return withConfig(guest, { disks: config.disks, unused: config.unused });
}

/** The guest with its firmware's disks on the storage of the root; one with a TPM is stopped for it. */
export function firmwareMoved(guest: FakeGuest, wanted: DesiredGuest, fresh: NewVolume): FakeGuest {
  if (guest.kind !== 'vm' || wanted.kind !== 'vm') return guest;
  const { firmware, disks } = guest.config;
  const moving = firmwareToMove(wanted, firmware, disks[wanted.diskSlot]);
  const moved = moving.map(([name, disk]) => [name, { ...disk, ...fresh(wanted.storage) }] as const);
  const status = moving.some(([name]) => name === 'tpm') ? 'stopped' : guest.status;
  return { ...guest, status, config: { ...guest.config, firmware: { ...firmware, ...Object.fromEntries(moved) } } };
}
