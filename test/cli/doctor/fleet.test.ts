import { dirname } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { gitFinding, readRepository } from '../../../src/cli/doctor/fleet.ts';
import { type FleetConfig, loadConfig } from '../../../src/config/config.ts';
import { anOrigin } from '../../git/origin.ts';
import { startGitHttp } from '../../support/git-http.ts';
import { aFolder } from '../support/services.ts';

function fleet(url: string, more: Readonly<Record<string, string>> = {}): FleetConfig {
  const env = {
    ...{
      PROXMOX_URL: 'http://127.0.0.1:1',
      PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
      PROXMOX_TOKEN_SECRET: 'a-long-secret',
    },
    ...{ GIT_URL: url, WEBHOOKS: 'off', ...more },
  };
  const [only] = loadConfig(env, () => '').fleets;
  if (only === undefined) throw new Error('no fleet');
  return only;
}

describe('the repository', () => {
  it('is reachable over file://, with its branch and the commit to evaluate', async () => {
    const origin = await anOrigin();
    const sha = await origin.push('First');
    const { findings, source } = await readRepository(fleet(`file://${origin.dir}`), aFolder(), 20_000);
    const text = `fleet default: the repository is reachable, main is at ${sha.slice(0, 7)}`;
    expect(findings).toEqual([{ status: 'ok', area: 'git', text }]);
    expect(source?.rev).toBe(sha);
  });

  it('has no such branch', async () => {
    const origin = await anOrigin();
    await origin.push('First');
    const { findings, source } = await readRepository(fleet(origin.dir, { GIT_BRANCH: 'prod' }), aFolder(), 20_000);
    expect(findings).toMatchObject([
      {
        status: 'fail',
        text: expect.stringContaining('has no branch prod'),
        fix: expect.stringMatching(/^git push origin prod, or GIT_BRANCH=/),
      },
    ]);
    expect(source).toBeUndefined();
  });

  it('has moved: its webhooks carry another name than the one that is expected', async () => {
    const origin = await anOrigin();
    await origin.push('First');
    const root = dirname(dirname(origin.dir));
    const served = await startGitHttp(root);
    onTestFinished(() => served.close());
    const old = await startGitHttp(root, { redirect: `${served.url}/served/origin.git`, from: '/ada/fleet.git' });
    onTestFinished(() => old.close());
    const moved = await readRepository(fleet(`${old.url}/ada/fleet.git`), aFolder(), 120_000);
    const now = `${served.url}/served/origin.git`;
    expect(moved.findings).toEqual([
      expect.objectContaining({ status: 'ok' }),
      {
        ...{ status: 'warn', area: 'git', fix: `GIT_URL=${now}` },
        text: `fleet default: the repository has moved to ${now}; its webhooks are for served/origin, expected is ada/fleet`,
      },
    ]);
    const { findings } = await readRepository(fleet(now), aFolder(), 120_000);
    expect(findings).toMatchObject([{ status: 'ok' }]);
  });

  it('is not there', async () => {
    const { findings } = await readRepository(fleet('/nowhere/fleet.git'), aFolder(), 20_000);
    expect(findings).toMatchObject([{ status: 'fail', fix: 'Check the URL of the repository.' }]);
  });
});

describe('the program git', () => {
  it('is new enough here', async () => {
    expect(await gitFinding()).toMatchObject({ status: 'ok', text: expect.stringMatching(/^git \d+\.\d+/) });
  });

  it('is missing where PATH is empty', async () => {
    vi.stubEnv('PATH', aFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await gitFinding()).toMatchObject({ status: 'fail', fix: 'apt-get install git' });
    const { findings } = await readRepository(fleet('/nowhere/fleet.git'), aFolder(), 20_000);
    expect(findings).toMatchObject([{ status: 'fail', text: expect.stringContaining('git is not installed') }]);
  });
});
