import { expect, it } from 'vitest';
import { readProgress } from '../../../src/cluster/proxmox/progress.ts';

it.each([
  ['transferred 0.0 B of 64.0 MiB (0.00%)', 0, 64],
  ['transferred 6.4 MiB of 64.0 MiB (10.00%)', 6.4, 64],
  ['drive-scsi0: transferred 1.0 MiB of 64.0 MiB (1.56%) in 1s', 0.9984, 64],
  ['drive-scsi0: transferred 64.0 MiB of 64.0 MiB (100.00%) in 2s, ready', 64, 64],
])('%s', (line, done, total) => {
  expect(readProgress(line)).toEqual({ done: Math.round(done * 2 ** 20), total: total * 2 ** 20 });
});

it.each(['TASK OK', 'no content', 'transferred something', 'create full clone of drive (pximp:import/px-a.qcow2)'])(
  '%s tells no progress',
  (line) => {
    expect(readProgress(line)).toBeUndefined();
  },
);
