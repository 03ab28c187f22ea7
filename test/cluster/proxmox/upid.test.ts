import { expect, it } from 'vitest';
import { readUpid, taskPath } from '../../../src/cluster/proxmox/upid.ts';

const attach = 'UPID:pve1:00000AE0:0006C811:6B02C811:qmmove:9101-scsi0>100-unused0:proxnix@pve!bot:';

it('a UPID tells its node, type, guest and start', () => {
  expect(readUpid(attach)).toEqual({
    node: 'pve1',
    type: 'qmmove',
    id: '9101-scsi0>100-unused0',
    startTime: 0x6b02c811,
  });
});

it('the task of an upload has no id', () => {
  expect(readUpid('UPID:pve1:00000491:00045C95:6B02C1DF:imgcopy::bot@pve!full:')?.id).toBe('');
});

it.each(['', 'UPID:bad', 'UPID:pve1:1:2:3:qmstart:100:root@pam:'])('%j is no UPID', (text) => {
  expect(readUpid(text)).toBeUndefined();
});

it('every character of a UPID is safe in its path', () => {
  expect(taskPath(attach, 'pve1')).toBe(
    '/nodes/pve1/tasks/UPID%3Apve1%3A00000AE0%3A0006C811%3A6B02C811%3Aqmmove%3A9101-scsi0%3E100-unused0%3Aproxnix%40pve!bot%3A',
  );
});
