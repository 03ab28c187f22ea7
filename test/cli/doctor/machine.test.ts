import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { clockFindings, nodeFinding, stateFindings } from '../../../src/cli/doctor/machine.ts';
import { lockInstance } from '../../../src/store/instance-lock.ts';
import { aFolder } from '../support/services.ts';

describe('Node', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0'])('%s will do', (version) => {
    expect(nodeFinding(version).status).toBe('ok');
  });

  it.each(['20.18.9', '18.20.0'])('%s is too old', (version) => {
    expect(nodeFinding(version)).toMatchObject({ status: 'fail', fix: expect.stringContaining('nodejs.org') });
  });
});

describe('the state folder', () => {
  it('can be written and is free, and nothing is left in it', async () => {
    const dir = aFolder();
    expect((await stateFindings(dir)).map(({ status }) => status)).toEqual(['ok', 'ok']);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is not there yet is not made by the doctor', async () => {
    const dir = aFolder();
    expect(await stateFindings(join(dir, 'var', 'proxnix'))).toMatchObject([
      { status: 'ok', text: expect.stringContaining('will be made') },
    ]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is held by a running proxnix is a warning, and stays held', async () => {
    const dir = aFolder();
    const unlock = await lockInstance(join(dir, 'lock'));
    expect(await stateFindings(dir)).toMatchObject([
      { status: 'ok' },
      { status: 'warn', text: expect.stringContaining(`process ${process.pid}`) },
    ]);
    expect(readdirSync(dir)).toEqual(['lock']);
    await unlock();
  });

  it('with the lock of a proxnix that is gone is free', async () => {
    const dir = aFolder();
    writeFileSync(join(dir, 'lock'), '999999999 1\n');
    expect((await stateFindings(dir)).map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it('without the program that locks it is a failure that says what to install', async () => {
    const dir = aFolder();
    vi.stubEnv('PATH', dir);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await stateFindings(dir)).toMatchObject([
      {
        status: 'fail',
        text: expect.stringMatching(/^The program flock, .+, is missing\.$/),
        fix: expect.stringContaining('apt-get install util-linux'),
      },
    ]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is a file is no folder', async () => {
    const file = join(aFolder(), 'state');
    writeFileSync(file, '');
    expect(await stateFindings(file)).toMatchObject([{ status: 'fail', text: `${file} is no folder` }]);
  });

  it.skipIf(process.getuid?.() === 0)(
    'that others own cannot be written (not as root, who may write anywhere)',
    async () => {
      const dir = join(aFolder(), 'state');
      mkdirSync(dir);
      chmodSync(dir, 0o500);
      expect(await stateFindings(dir)).toMatchObject([{ status: 'fail', text: expect.stringContaining('EACCES') }]);
    },
  );

  it('that cannot be written is a failure with the error of the system', async () => {
    expect(await stateFindings('/proc/self')).toMatchObject([
      { status: 'fail', text: expect.stringMatching(/^\/proc\/self cannot be written \(E[A-Z]+\)$/) },
    ]);
  });
});

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
