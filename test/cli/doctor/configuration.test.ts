import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exposureFindings, loadForDoctor } from '../../../src/cli/doctor/configuration.ts';
import { aFolder, envFile } from '../support/services.ts';

const minimal = {
  PROXMOX_URL: 'https://pve1.example.org:8006',
  PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
  PROXMOX_TOKEN_SECRET: 'proxmox-token-secret',
  GIT_URL: 'https://git.example.org/ada/fleet.git',
  WEBHOOK_SECRET: '5d1f0c3b7a9e4826b1d3f5a7c9e0b2d4',
  APPROVERS: 'console:owner',
};

function exposed(change: Readonly<Record<string, string>>) {
  const folder = aFolder();
  const state = { STATE_DIR: join(folder, 'state') };
  const { config, findings } = loadForDoctor(envFile(folder, { ...minimal, ...state, ...change }), {});
  if (config === undefined) throw new Error(JSON.stringify(findings));
  return exposureFindings(config);
}

describe('the configuration', () => {
  it('is read from the file as at a start, and the environment wins', () => {
    const file = envFile(aFolder(), minimal);
    const { config, findings } = loadForDoctor(file, { GIT_BRANCH: 'production' });
    expect(findings.map(({ status, text }) => `${status} ${text}`)).toEqual([
      `ok ${file} is readable by its owner alone`,
      'ok is complete; fleets: default',
    ]);
    expect(config?.fleets[0]?.git.branch).toBe('production');
  });

  it('has all its mistakes named, each with the variable to write', () => {
    const file = envFile(aFolder(), {
      ...minimal,
      PROXMOX_TOKEN_SECRET: '',
      GIT_BRANCH: '../x',
      HTTP_PORT: 'canary-1',
    });
    const { config, findings } = loadForDoctor(file, {});
    expect(config).toBeUndefined();
    const failed = findings.filter(({ status }) => status === 'fail');
    expect(failed.map(({ text }) => text.slice(0, text.indexOf(':'))).sort()).toEqual([
      'GIT_BRANCH',
      'HTTP_PORT',
      'PROXMOX_TOKEN_SECRET',
    ]);
    for (const { text, fix } of failed)
      expect(fix).toMatch(new RegExp(`^${text.slice(0, text.indexOf(':'))}=\\.\\.\\. in `));
    expect(JSON.stringify(findings)).not.toContain('canary');
  });

  it('without any chat filled in points to their variables', () => {
    const { findings } = loadForDoctor(envFile(aFolder(), { ...minimal, CONSOLE: 'off', DISCORD_TOKEN: '' }), {});
    expect(findings.at(-1)).toMatchObject({ status: 'fail', fix: expect.stringMatching(/DISCORD_\.\.\. or SLACK_/) });
  });

  it('has its own warnings as warnings', () => {
    const { findings } = loadForDoctor(envFile(aFolder(), { ...minimal, APPROVERS: '' }), {});
    expect(findings).toContainEqual(
      expect.objectContaining({ status: 'warn', text: expect.stringMatching(/^APPROVERS: is empty/) }),
    );
  });

  it('that others may read is a warning', () => {
    const file = envFile(aFolder(), minimal);
    chmodSync(file, 0o640);
    expect(loadForDoctor(file, {}).findings[0]).toMatchObject({ status: 'warn', fix: `chmod 600 ${file}` });
  });

  it('may come from the environment alone', () => {
    const { config, findings } = loadForDoctor(join(aFolder(), '.env'), minimal);
    expect(config).toBeDefined();
    expect(findings[0]).toMatchObject({ status: 'warn', fix: 'proxnix init' });
  });

  it('that is no file cannot be read', () => {
    expect(loadForDoctor(aFolder(), minimal).findings[0]).toMatchObject({
      status: 'fail',
      text: expect.stringContaining('cannot be read (EISDIR)'),
    });
  });
});

describe('what is exposed', () => {
  it('are the webhook with a long secret, and the metrics', () => {
    const found = exposed({ STATE_DIR: '/nowhere/state' });
    expect(found.map(({ status, area, text }) => `${status} ${area} ${text}`)).toEqual([
      'ok webhook its secret is long enough',
      "ok metrics are at /metrics for those with the console's token",
    ]);
  });

  it.each(['a-short-secret-16', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'])(
    'are open to guessing with the secret %s',
    (secret) => {
      const [webhook] = exposed({ WEBHOOK_SECRET: secret });
      expect(webhook).toMatchObject({ status: 'warn', fix: expect.stringContaining('openssl rand -hex 32') });
      expect(JSON.stringify(webhook)).not.toContain(secret);
    },
  );

  it('may be polling and metrics with a token of their own', () => {
    const found = exposed({ WEBHOOKS: 'off', METRICS_TOKEN: '1a1b2c3d4e5f60718293a4b5' });
    expect(found.map(({ status, text }) => `${status} ${text}`)).toEqual([
      'ok is off; git is asked for pushes every 300 s',
      'ok are at /metrics for those with METRICS_TOKEN',
    ]);
  });

  it('may be without metrics', () => {
    const discord = { DISCORD_TOKEN: 'a-discord-token', DISCORD_GUILD: '112233445566778899' };
    const found = exposed({ ...discord, DISCORD_CHANNEL: '223344556677889900' });
    expect(found.slice(1).map(({ text }) => text)).toEqual(['are off: they need a METRICS_TOKEN']);
  });

  it('warn of a console that others reach over plain HTTP', () => {
    const change = { HTTP_HOST: '0.0.0.0', CONSOLE_TOKEN: '0a1b2c3d4e5f60718293a4b5' };
    const { findings } = loadForDoctor(envFile(aFolder(), { ...minimal, ...change }), {});
    expect(findings.at(-1)).toMatchObject({ status: 'warn', text: expect.stringMatching(/^HTTP_HOST: .*TLS/) });
  });
});
