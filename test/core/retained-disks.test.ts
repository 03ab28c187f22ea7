import { describe, expect, it } from 'vitest';
import {
  dueForCollection,
  type RetainedDisk,
  retainedBy,
  stillRetained,
  withRetained,
} from '../../src/core/retained-disks.ts';
import { aGuest, aLiveGuest, anImage, anUnreadGuest, aPlan, minute, t0 } from '../support/builders.ts';
import { onlyChange } from './changes.ts';

const uuid = '00000000-0000-4000-8000-000000000823';
const disk: RetainedDisk = { vmid: 823, uuid, volid: 'local-lvm:vm-823-disk-0', since: t0 };
const withUnused = (unused: Readonly<Record<string, string>>) => aLiveGuest({ config: { unused } });
const there = withUnused({ unused0: disk.volid });

describe('the root disk that a replacement takes out', () => {
  it('is told by what the tags say of it', () => {
    const change = onlyChange(aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest()]));
    if (change.action !== 'replace') throw new Error(change.action);
    expect(retainedBy(change, t0)).toEqual({
      ...disk,
      imageHash: 'aaaaaaaa0123456789abcdfghijklmnp',
      commit: '4d0c8e17'.repeat(5),
      sizeMb: 20 * 1024,
    });
  });

  it('is nothing to go back to when no tag says what it holds', () => {
    const unfinished = aLiveGuest({ tags: ['proxnix', 'proxnix-pending'] });
    const change = onlyChange(aPlan({}, [unfinished]));
    if (change.action !== 'replace') throw new Error(change.action);
    expect(retainedBy(change, t0)).toEqual({ ...disk, sizeMb: 20 * 1024 });
  });

  it('is remembered once, with the newest time', () => {
    const later = { ...disk, since: t0 + 1 };
    expect(withRetained([disk, { ...disk, vmid: 824 }], later)).toEqual([{ ...disk, vmid: 824 }, later]);
  });

  it('holds what an earlier record knew of it, where the tags do not tell any more', () => {
    const image = { imageHash: 'a'.repeat(32), commit: '4d0c8e17'.repeat(5) };
    const later = { ...disk, since: t0 + 1 };
    expect(withRetained([{ ...disk, ...image }], later)).toEqual([{ ...later, ...image }]);
    expect(withRetained([{ ...disk, ...image }], { ...later, imageHash: 'b'.repeat(32) })).toEqual([
      { ...later, imageHash: 'b'.repeat(32) },
    ]);
    expect(withRetained([{ ...disk, ...image, uuid: 'another' }], later)).toEqual([later]);
  });
});

describe('a record', () => {
  it.each([
    ['unused', there, true],
    ['attached again', aLiveGuest(), false],
    ['between two places while work goes on', aLiveGuest({ tags: ['proxnix', 'proxnix-pending'] }), true],
    ['of another machine', aLiveGuest({ config: { uuid: 'another', unused: { unused0: disk.volid } } }), false],
    ['on a node that is down', anUnreadGuest(), true],
  ])('of a disk that is %s', (_, guest, retained) => {
    // The builder's guest has this very volume attached.
    expect(stillRetained([disk], [guest])).toEqual(retained ? [disk] : []);
  });

  it('goes with its disk and with its guest', () => {
    const other = aLiveGuest({ config: { disks: {}, unused: { unused0: 'local-lvm:vm-823-disk-7' } } });
    expect(stillRetained([disk], [other])).toEqual([]);
    expect(stillRetained([disk], [])).toEqual([]);
  });

  it.each([
    ['its window is over', there, t0 + minute, true],
    ['its window is not over', there, t0 + minute - 1, false],
    ['it is attached again', aLiveGuest(), t0 + minute, false],
    [
      'it belongs to another machine',
      aLiveGuest({ config: { uuid: 'x', unused: { unused0: disk.volid } } }),
      t0 + minute,
      false,
    ],
    ['it belongs to another guest', { ...there, vmid: 824 }, t0 + minute, false],
    ['its guest cannot be read', anUnreadGuest(), t0 + minute, false],
  ])('is due or not when %s', (_, guest, now, due) => {
    expect(dueForCollection(guest, [disk], { now, windowMs: minute })).toEqual(due ? [disk] : []);
  });
});
