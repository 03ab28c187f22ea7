import { describe, expect, it } from 'vitest';
import { clockFindings } from '../../../src/cli/doctor/clock.ts';

describe('clockFindings', () => {
  it('says with whom it agrees', () => {
    const samples = [
      { from: 'Proxmox', aheadMs: 900 },
      { from: 'Slack', aheadMs: -30_000 },
    ];
    expect(clockFindings(samples)).toEqual([{ status: 'ok', area: 'clock', text: 'agrees with Proxmox, Slack' }]);
  });

  it('warns from 30 seconds on, in both directions', () => {
    expect(clockFindings([{ from: 'Slack', aheadMs: 31_000 }])).toMatchObject([
      { status: 'warn', text: 'this machine is 31 s behind Slack', fix: 'timedatectl set-ntp true' },
    ]);
    expect(clockFindings([{ from: 'Discord', aheadMs: -45_000 }])).toMatchObject([
      { status: 'warn', text: 'this machine is 45 s ahead of Discord' },
    ]);
  });

  it('fails where signatures do, but not for a Proxmox whose own clock may be the wrong one', () => {
    expect(clockFindings([{ from: 'Slack', aheadMs: 301_000 }])).toMatchObject([{ status: 'fail' }]);
    expect(clockFindings([{ from: 'Slack', aheadMs: 300_000 }])).toMatchObject([{ status: 'warn' }]);
    expect(clockFindings([{ from: 'Proxmox lab', aheadMs: 400_000 }])).toMatchObject([
      { status: 'warn', fix: expect.stringContaining('on the node too') },
    ]);
  });

  it('is skipped when nobody told the time', () => {
    expect(clockFindings([])).toMatchObject([{ status: 'skip' }]);
  });
});
