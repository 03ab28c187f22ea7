import { describe, expect, it, onTestFinished } from 'vitest';
import { forgeFindings } from '../../../src/cli/doctor/forge.ts';
import { type FleetConfig, loadConfig } from '../../../src/config/config.ts';
import { startGitlab } from '../../support/forges/gitlab-server.ts';
import { startHub } from '../../support/forges/hub-server.ts';

const token = 'a-token-that-nobody-knows';

function fleet(env: Readonly<Record<string, string>>): FleetConfig {
  const proxmox = {
    PROXMOX_URL: 'http://127.0.0.1:1',
    PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
    PROXMOX_TOKEN_SECRET: 'a-long-secret',
  };
  const [only] = loadConfig({ ...proxmox, WEBHOOKS: 'off', ...env }, () => '').fleets;
  if (only === undefined) throw new Error('no fleet');
  return only;
}

async function onGithub() {
  const server = await startHub('github', '', [token]);
  onTestFinished(() => server.close().catch(() => undefined));
  const env = { GIT_URL: 'https://github.com/Ada/Fleet.git', FORGE_URL: server.apiUrl, FORGE_TOKEN: token };
  return { ...server, findings: () => forgeFindings(fleet(env), 5000) };
}

describe('the token of the forge', () => {
  it('is not looked for where there is none', async () => {
    expect(await forgeFindings(fleet({ GIT_URL: 'https://github.com/Ada/Fleet.git' }), 5000)).toEqual([]);
  });

  it('may read, and what only a write would show is said', async () => {
    const { findings, state } = await onGithub();
    const text =
      'fleet default: GitHub has Ada/Fleet, and FORGE_TOKEN reads it; whether it may write statuses and comments shows only when it does';
    expect(await findings()).toEqual([{ status: 'ok', area: 'forge', text }]);
    expect(state.seen.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('lacks scopes, which are named with the place where it is made', async () => {
    const { findings, rights } = await onGithub();
    rights.scopes = 'read:org';
    expect(await findings()).toMatchObject([
      {
        status: 'warn',
        text: expect.stringContaining('repo:status'),
        fix: expect.stringContaining('Fine-grained tokens'),
      },
    ]);
  });

  it('of GitLab lacks a role', async () => {
    const { apiUrl, rights, close } = await startGitlab([token]);
    onTestFinished(close);
    rights.level = 20;
    const env = { GIT_URL: 'https://gitlab.com/group/sub/fleet.git', FORGE_URL: apiUrl, FORGE_TOKEN: token };
    expect(await forgeFindings(fleet(env), 5000)).toMatchObject([
      { status: 'warn', text: expect.stringContaining('the role Developer') },
    ]);
  });

  it('does not count any more', async () => {
    const { findings, state } = await onGithub();
    state.tokens.clear();
    expect(await findings()).toMatchObject([
      { status: 'fail', text: expect.stringContaining('does not accept FORGE_TOKEN') },
    ]);
  });

  it('cannot be tried while the forge is away', async () => {
    const { findings, close } = await onGithub();
    await close();
    expect(await findings()).toMatchObject([{ status: 'fail', text: expect.stringContaining('does not answer') }]);
  });
});
