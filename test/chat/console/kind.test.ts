import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { webConsole } from '../../../src/chat/console/kind.ts';
import { loadConfig } from '../../../src/config/config.ts';
import type { Finding } from '../../../src/core/finding.ts';
import { readSecret } from '../../../src/store/files.ts';
import { aFolder } from '../../cli/support/services.ts';

const minimal = {
  PROXMOX_URL: 'https://pve1.example.org:8006',
  PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
  PROXMOX_TOKEN_SECRET: 'proxmox-token-secret',
  GIT_URL: 'https://git.example.org/ada/fleet.git',
  WEBHOOK_SECRET: '5d1f0c3b7a9e4826b1d3f5a7c9e0b2d4',
  APPROVERS: 'console:owner',
};

/** What the doctor finds of the console with these variables. */
async function examined(change: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const { chats, stateDir, http } = loadConfig({ ...minimal, ...change }, () => '', { chats: [webConsole] });
  const [setup] = chats;
  if (setup === undefined) throw new Error('the console is off');
  const surroundings = { stateDir, http, ids: ['console:owner'], channels: {} };
  const { findings } = await setup.examine({
    ...surroundings,
    ...{ now: Date.now, timeoutMs: 1000, version: '0.0.0-test', readSecret },
  });
  return findings;
}

describe('the console and the doctor', () => {
  it('tell of a token that the first start will make', async () => {
    expect(await examined({ STATE_DIR: '/nowhere/state' })).toEqual([
      {
        status: 'ok',
        area: 'console',
        text: 'is on at 127.0.0.1:6780; its token is made at the first start, in /nowhere/state/console-token',
      },
    ]);
  });

  it('tell of a configured token', async () => {
    const found = await examined({ HTTP_HOST: '0.0.0.0', CONSOLE_TOKEN: '0a1b2c3d4e5f60718293a4b5' });
    expect(found).toMatchObject([{ status: 'ok', text: 'is on at 0.0.0.0:6780 and asks for its token' }]);
  });

  it.each(['a-short-secret-16', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'])('warn of the token %s', async (secret) => {
    const found = await examined({ CONSOLE_TOKEN: secret });
    expect(found).toMatchObject([{ status: 'warn', fix: expect.stringContaining('openssl rand -hex 24') }]);
    expect(JSON.stringify(found)).not.toContain(secret);
  });

  it.each([
    ['ca11ab1e0000111122223333444455556666777788889999', '600', 'ok', /and asks for the token in .*console-token$/],
    ['ca11ab1e0000111122223333444455556666777788889999', '640', 'warn', /others on this machine may read its token/],
    ['ca11ab1e', '600', 'warn', /is damaged/],
  ])('tell how the token lies in its file: %s with rights %s', async (text, mode, status, words) => {
    const dir = aFolder();
    writeFileSync(join(dir, 'console-token'), text);
    chmodSync(join(dir, 'console-token'), Number.parseInt(mode, 8));
    const [found] = await examined({ STATE_DIR: dir });
    expect(found).toMatchObject({ status, text: expect.stringMatching(words) });
    expect(JSON.stringify(found)).not.toContain(text);
  });

  it('fail where the token is no file of this user', async () => {
    const dir = aFolder();
    mkdirSync(join(dir, 'console-token'));
    expect(await examined({ STATE_DIR: dir })).toMatchObject([
      { status: 'fail', area: 'console', text: expect.stringContaining('is no file') },
    ]);
  });
});
