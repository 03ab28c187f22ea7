import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { webConsole } from '../../src/chat/console/kind.ts';
import { discord as aDiscordKind } from '../../src/chat/discord/kind.ts';
import { slack as aSlackKind } from '../../src/chat/slack/kind.ts';
import { type DoctorOptions, doctor, examineAll } from '../../src/cli/doctor.ts';
import { demoSeed } from '../../src/simulator/simulator.ts';
import { aSampleRepository, nix, nixOptions } from '../builder/nix/here.ts';
import { token as discordToken, ids } from '../support/discord/ids.ts';
import { appToken, botToken } from '../support/slack/slack-server.ts';
import { aDiscord, aFolder, aSimulator, aSlack, envFile } from './support/services.ts';

/** Every service on this machine, and the file that configures the bot for them. */
async function aWorld(change: Readonly<Record<string, string>> = {}) {
  const seed = demoSeed();
  const [simulator, discord, slack] = await Promise.all([aSimulator(seed), aDiscord(), aSlack()]);
  const repository = await aSampleRepository();
  const dir = aFolder();
  const stateDir = join(dir, 'state');
  mkdirSync(stateDir);
  const variables = {
    PROXMOX_URL: simulator.url,
    PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
    PROXMOX_TOKEN_SECRET: seed.tokens[0]?.secret ?? '',
    GIT_URL: repository.origin,
    GIT_BRANCH: repository.branch,
    WEBHOOK_SECRET: 'canary-webhook-5d1f0c3b7a9e4826',
    WEBHOOK_REPOSITORY: 'demo/fleet',
    DISCORD_TOKEN: discordToken,
    DISCORD_GUILD: ids.guild,
    DISCORD_CHANNEL: ids.channel,
    SLACK_BOT_TOKEN: botToken,
    SLACK_APP_TOKEN: appToken,
    SLACK_WORKSPACE: 'T0HOMELAB1',
    SLACK_CHANNEL: 'C0DEPLOY01',
    APPROVERS: `discord:user:${ids.rowan}, slack:group:S0DEPLOY01`,
    STATE_DIR: stateDir,
    ...change,
  };
  const options: DoctorOptions = {
    envFile: envFile(dir, variables),
    env: {},
    chats: [webConsole, aDiscordKind({ api: discord.api }), aSlackKind({ apiUrl: slack.api })],
    ...(nix === undefined ? {} : { nix: await nixOptions() }),
  };
  const secrets = [
    'PROXMOX_TOKEN_SECRET',
    'WEBHOOK_SECRET',
    'DISCORD_TOKEN',
    'SLACK_BOT_TOKEN',
    'SLACK_APP_TOKEN',
  ] as const;
  return { options, simulator, discord, slack, stateDir, secrets: secrets.map((name) => variables[name]) };
}

/** What the command prints, and the exit code it sets. */
async function printed(
  options: DoctorOptions & { json?: boolean },
): Promise<{ text: string; code: typeof process.exitCode }> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const before = process.exitCode;
  onTestFinished(() => {
    process.exitCode = before;
    log.mockRestore();
  });
  await doctor(options);
  return { text: log.mock.calls.flat().join('\n'), code: process.exitCode };
}

describe('the doctor', () => {
  it.skipIf(nix === undefined)('finds nothing to mend where all is well, and leaves nothing behind', async () => {
    const { options, stateDir } = await aWorld();
    const temporary = aFolder();
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    const findings = await examineAll(options);
    // The Nix of the machine that runs the tests may be an old one.
    expect(findings.filter(({ status, area }) => status !== 'ok' && area !== 'Nix')).toEqual([]);
    const areas = [
      'configuration',
      'this machine',
      'clock',
      'git',
      'Nix',
      'flake',
      'Proxmox',
      'console',
      'Discord',
      'Slack',
      'webhook',
      'metrics',
    ];
    expect([...new Set(findings.map(({ area }) => area))]).toEqual(areas);
    expect(findings.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'agrees with Proxmox, Discord, Slack',
        'fleet default: its output "proxnix" has 4 guests',
        'the token has its right on /sdn/zones/localnetwork/vmbr0',
      ]),
    );
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  it('says what is wrong with each service when several are, and shows no secret', async () => {
    const { options, discord, slack, secrets } = await aWorld({
      GIT_BRANCH: 'nosuch',
      SLACK_APP_TOKEN: 'xapp-canary-wrong',
    });
    slack.slack.state.channels.set('C0DEPLOY01', false);
    discord.front.answers.set(`GET /api/v10/guilds/${ids.guild}`, { status: 403 });
    const findings = await examineAll(options);
    const failed = findings.filter(({ status, area }) => status === 'fail' && area !== 'Nix');
    expect(failed.map(({ area }) => area)).toEqual(['git', 'Discord', 'Slack', 'Slack']);
    for (const { fix } of failed) expect(fix).toMatch(/\S/);
    expect(findings).toContainEqual({
      status: 'skip',
      area: 'flake',
      text: 'fleet default: its repository cannot be read',
    });
    expect(findings).toContainEqual(
      expect.objectContaining({
        status: 'skip',
        area: 'Proxmox',
        text: expect.stringContaining('its flake was not evaluated'),
      }),
    );
    for (const secret of [...secrets, 'canary']) expect(JSON.stringify(findings)).not.toContain(secret);
  });

  it('warns of a clock that is off, and fails where signatures do', async () => {
    const { options } = await aWorld();
    const clocks = async (aheadMs: number) => {
      const findings = await examineAll({ ...options, now: () => Date.now() + aheadMs });
      return findings.filter(({ area }) => area === 'clock').map(({ status }) => status);
    };
    expect(await clocks(60_000)).toEqual(['warn', 'warn', 'warn']);
    expect(await clocks(-400_000)).toEqual(['warn', 'fail', 'fail']);
  });

  it('checks what it can while the configuration has mistakes', async () => {
    const { options, simulator } = await aWorld({ PROXMOX_TOKEN_SECRET: '', DISCORD_GUILD: 'home lab' });
    const findings = await examineAll({ ...options, nodeVersion: '18.20.0' });
    const failed = findings.filter(({ status, area }) => status === 'fail' && area !== 'Nix');
    expect(failed.map(({ text }) => text)).toEqual([
      expect.stringContaining('DISCORD_GUILD:'),
      expect.stringContaining('PROXMOX_TOKEN_SECRET:'),
      expect.stringContaining('Node 18.20.0 is too old'),
    ]);
    expect(findings.at(-1)).toMatchObject({ status: 'skip' });
    expect(simulator.tasks()).toEqual([]);
  });
});

describe('the command', () => {
  it('exits with 1 when something failed, and prints how many', async () => {
    const { options } = await aWorld({ GIT_BRANCH: 'nosuch' });
    const { text, code } = await printed(options);
    expect(text).toMatch(/^FAIL {2}git {12}fleet default: .* has no branch nosuch\.$/m);
    expect(text).toMatch(/^\d+ ok, \d+ to look at, \d+ failed, \d+ skipped\.$/m);
    expect(code).toBe(1);
  });

  it.skipIf(nix === undefined)('leaves the exit code alone with warnings, and prints JSON for scripts', async () => {
    const { options } = await aWorld({ WEBHOOK_SECRET: 'a-short-secret-16' });
    const { text, code } = await printed({ ...options, json: true });
    const report = JSON.parse(text);
    expect(report.ok).toBe(true);
    expect(report.findings).toContainEqual(expect.objectContaining({ status: 'warn', area: 'webhook' }));
    expect(code).not.toBe(1);
  });
});

describe('Nix and the doctor', () => {
  it('leave the flake unread where there is no Nix', async () => {
    const { options } = await aWorld();
    const folder = aFolder();
    // An empty PATH would hide what else is needed as well.
    for (const name of ['git', 'flock']) {
      const { stdout: program } = await execa('/bin/sh', ['-c', `command -v ${name}`]);
      await execa('ln', ['-s', program, join(folder, name)]);
    }
    vi.stubEnv('PATH', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    const findings = await examineAll({ ...options, nix: {} });
    expect(findings.filter(({ status }) => status === 'fail')).toMatchObject([{ area: 'Nix' }]);
    expect(findings).toContainEqual({ status: 'skip', area: 'flake', text: 'fleet default: Nix cannot evaluate it' });
  });
});
