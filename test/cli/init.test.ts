import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { setUp } from '../../src/cli/init.ts';
import { loadConfig } from '../../src/config/config.ts';
import { UserError } from '../../src/core/errors.ts';
import { aFolder } from './support/services.ts';

const given = {
  yes: true,
  proxmoxUrl: 'https://pve1.example.org:8006',
  gitUrl: 'https://git.example.org/ada/fleet.git',
};

/** What a person fills in by the steps. */
const filledIn: Readonly<Record<string, string>> = {
  PROXMOX_TOKEN_SECRET: '2c0f7a9e-5f0b-4a53-9d3e-1b7c86f0a4d2',
  DISCORD_TOKEN: 'discord-bot-token',
  DISCORD_GUILD: '112233445566778899',
  DISCORD_CHANNEL: '223344556677889900',
  SLACK_BOT_TOKEN: 'xoxb-bot-token-of-a-test',
  SLACK_APP_TOKEN: 'xapp-app-token-of-a-test',
  SLACK_WORKSPACE: 'T0123ABCD',
  SLACK_CHANNEL: 'C0123ABCD',
};

const read = (dir: string) => parseEnv(readFileSync(join(dir, '.env'), 'utf8')) as Record<string, string>;
const load = (env: Record<string, string>) => loadConfig(env, () => '');

/** The file with what it leaves empty filled in, as far as it names it. */
function completed(dir: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env = read(dir);
  const filled = Object.entries(filledIn).filter(([name]) => env[name] === '');
  return { ...env, ...Object.fromEntries(filled), ...more };
}

function mistakes(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof UserError) return error.details.map((line) => line.slice(0, line.indexOf(':')));
    throw error;
  }
  return [];
}

/** `setUp` where a person stands who names no folder. */
async function text(options: object): Promise<{ dir: string; text: string }> {
  const dir = aFolder();
  const before = process.cwd();
  process.chdir(dir);
  try {
    const whole = await setUp({ ...given, newSecret: () => 'ab'.repeat(32), ...options });
    return { dir, text: `${whole}\n` };
  } finally {
    process.chdir(before);
  }
}

describe('.env', () => {
  it.each([
    [['console'], {}],
    [['discord'], { APPROVERS: 'discord:user:445566778899001122' }],
    [['slack'], { APPROVERS: 'slack:user:U0123ABCD' }],
    [['console', 'discord', 'slack'], {}],
  ])('for %j is a configuration without a mistake or a warning once it is filled in', async (chat, more) => {
    const dir = aFolder();
    await setUp({ ...given, out: dir, chat });
    const config = load(completed(dir, more));
    expect(config.warnings).toEqual([]);
    expect(config.chats.map(({ name }) => name)).toEqual(chat);
    expect(config.clusters).toMatchObject([
      { url: given.proxmoxUrl, tokenId: 'proxnix@pve!bot', imageStorage: 'proxnix-images' },
    ]);
    expect(config.fleets).toMatchObject([{ git: { url: given.gitUrl, branch: 'main', repository: 'ada/fleet' } }]);
  });

  it('that is not filled in is never taken for a bot with other chats than were chosen', async () => {
    const blamed = async (chat: string[]) => {
      const dir = aFolder();
      await setUp({ ...given, out: dir, chat });
      return mistakes(read(dir));
    };
    expect(await blamed(['console'])).toEqual(['PROXMOX_TOKEN_SECRET']);
    expect(await blamed(['discord'])).toEqual(['CONSOLE', 'PROXMOX_TOKEN_SECRET']);
  });

  it('has every answer where the bot reads it', async () => {
    const dir = aFolder();
    const answers = {
      branch: 'production',
      pool: 'lab',
      imageStorage: 'images',
      gitUrl: 'git@git.example.org:ada/fleet.git',
    };
    await setUp({ ...given, ...answers, out: dir });
    expect(load(completed(dir))).toMatchObject({
      clusters: [{ pool: 'lab', imageStorage: 'images' }],
      fleets: [{ git: { url: answers.gitUrl, branch: 'production' } }],
    });
  });

  it('asks git instead of waiting for webhooks when the flake lies on this machine', async () => {
    const dir = aFolder();
    await setUp({ ...given, gitUrl: "/srv/ada's #1 fleet.git".replaceAll(' ', '_'), out: dir });
    const config = load(completed(dir));
    expect(config.webhook).toBeUndefined();
    expect(config.pollIntervalMs).toBe(60_000);
    expect(config.fleets[0]?.git.url).toBe("/srv/ada's_#1_fleet.git");
  });

  it('has a token for the console where others reach it, and only there', async () => {
    const [own, open, without] = [aFolder(), aFolder(), aFolder()];
    await setUp({ ...given, out: own });
    await setUp({ ...given, out: open, listen: '0.0.0.0' });
    await setUp({ ...given, out: without, listen: '0.0.0.0', chat: 'slack' });
    expect(read(own)).not.toHaveProperty('CONSOLE_TOKEN');
    expect(read(open)['CONSOLE_TOKEN']).toMatch(/^[0-9a-f]{64}$/);
    expect(read(without)).not.toHaveProperty('CONSOLE_TOKEN');
    expect(load(completed(open)).http.host).toBe('0.0.0.0');
  });

  it('has fresh secrets each time, which are printed nowhere', async () => {
    const dirs = [aFolder(), aFolder()];
    const texts = await Promise.all(dirs.map((out) => setUp({ ...given, out, listen: '0.0.0.0' })));
    const secrets = dirs.flatMap((dir) => [read(dir)['WEBHOOK_SECRET'] ?? '', read(dir)['CONSOLE_TOKEN'] ?? '']);
    expect(new Set(secrets).size).toBe(4);
    for (const secret of secrets) {
      expect(secret).toMatch(/^[0-9a-f]{64}$/);
      expect(texts.join()).not.toContain(secret);
    }
  });

  it('is for the eyes of its owner', async () => {
    const dir = aFolder();
    await setUp({ ...given, out: join(dir, 'new') });
    expect(statSync(join(dir, 'new', '.env')).mode & 0o777).toBe(0o600);
  });
});

describe('an existing .env', () => {
  it('is kept as it is, and that is said', async () => {
    const { dir, text: first } = await text({});
    writeFileSync(join(dir, '.env'), 'PROXMOX_TOKEN_SECRET=mine\n');
    const again = await setUp({ ...given, out: dir });
    expect(first).toMatch(/^Written: \.env/);
    expect(again).toMatch(/^Kept: .*\.env exists and was not changed; --force replaces it\./);
    expect(readFileSync(join(dir, '.env'), 'utf8')).toBe('PROXMOX_TOKEN_SECRET=mine\n');
  });

  it('is replaced by force, and stays beside the new one', async () => {
    const dir = aFolder();
    writeFileSync(join(dir, '.env'), 'PROXMOX_TOKEN_SECRET=mine\n', { mode: 0o644 });
    await setUp({ ...given, out: dir, force: true });
    expect(read(dir)['PROXMOX_TOKEN_SECRET']).toBe('');
    expect(statSync(join(dir, '.env')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, '.env.old'), 'utf8')).toBe('PROXMOX_TOKEN_SECRET=mine\n');
  });
});

describe('the printed text', () => {
  it.each([
    ['console', {}],
    ['discord', { chat: 'discord', discordApplication: '900000000000000001', gitUrl: 'git@github.com:ada/fleet.git' }],
    ['slack-8.4', { chat: 'slack', pve: '8.4', pool: 'proxnix', webhookUrl: 'https://proxnix.example.org' }],
    [
      'everything',
      {
        ...{ chat: ['console', 'discord', 'slack'], listen: '0.0.0.0', imageStorage: 'local' },
        ...{ targetStorage: ['local-lvm', 'fast'], bridge: 'vmbr0,vmbr1' },
      },
    ],
    ['nothing-known', { proxmoxUrl: '', gitUrl: '' }],
    ['local-repository', { gitUrl: '/srv/fleet.git' }],
  ])('for %s has each step', async (name, options) => {
    const { text: whole, dir } = await text(options);
    await expect(whole).toMatchFileSnapshot(`init/expected/${name}.txt`);
    await expect(readFileSync(join(dir, '.env'), 'utf8')).toMatchFileSnapshot(`init/expected/${name}.env.txt`);
  });

  it('says so where nobody can be asked, and what the sandbox and the images need of the machine', async () => {
    const { yes: _, ...answers } = given;
    const whole = await setUp({ ...answers, out: aFolder() });
    expect(whole).toContain('There is no terminal for questions, so missing options have their defaults.');
    expect(await setUp({ ...given, out: aFolder() })).not.toContain('There is no terminal');
    for (const words of ['bubblewrap', 'sandbox = true', '/dev/kvm']) expect(whole).toContain(words);
  });

  it('ends with the doctor and the start, and its numbers leave none out', async () => {
    const { text: whole } = await text({ chat: ['console', 'discord', 'slack'] });
    const numbers = [...whole.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const commands = whole
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('     '));
    expect(commands.slice(-2)).toEqual(['     npx proxnix doctor', '     npm start']);
  });

  it('names the file for the doctor and the start where it lies elsewhere', async () => {
    const dir = aFolder();
    const whole = await setUp({ ...given, out: dir });
    expect(whole).toContain(`npx proxnix doctor --env-file ${dir}/.env`);
    expect(whole).toContain(`npm start -- --env-file ${dir}/.env`);
  });

  it('names every variable that the file leaves empty, as far as the bot needs it', async () => {
    const { text: whole, dir } = await text({ chat: ['discord', 'slack'] });
    const empty = Object.entries(read(dir)).filter(([, value]) => value === '');
    const names = empty.map(([name]) => name);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(whole).toContain(name);
  });
});

describe('answers', () => {
  it('that will not do are all named at once, and nothing is written', async () => {
    const dir = aFolder();
    const wrong = { chat: 'irc', proxmoxUrl: 'http://pve1.example.org:8006', branch: '--upload-pack', bridge: 'a b' };
    const error = await setUp({ ...given, ...wrong, out: dir }).catch((thrown: unknown) => thrown);
    if (!(error instanceof UserError)) throw new Error('it was taken');
    expect(error.details.map((line) => line.slice(0, line.indexOf(':')))).toEqual([
      '--chat',
      '--proxmox-url',
      '--bridge',
      '--branch',
    ]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('are asked for in a terminal, again after a mistake, and not where an option gave them', async () => {
    const dir = aFolder();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const lines = [
      'discord',
      'pve1',
      'https://pve1.example.org:8006',
      '',
      '',
      '',
      '',
      '',
      '',
      '',
      '900000000000000001',
    ];
    // All at once, as a pasted text comes.
    input.end(`${lines.join('\n')}\n`);
    const whole = await setUp({ out: dir, gitUrl: given.gitUrl, branch: 'prod', terminal: { input, output } });
    const asked = String(output.read());
    expect(asked).toContain('Address of the Proxmox API');
    expect(asked).toContain('expected an https address');
    expect(asked).toContain('Storages for disks of guests, as the flake names them [local-lvm]: ');
    expect(asked).not.toContain('Branch');
    expect(whole).toContain('client_id=900000000000000001');
    expect(read(dir)).toMatchObject({ PROXMOX_URL: 'https://pve1.example.org:8006', GIT_BRANCH: 'prod' });
  });

  it('do not ask for Discord where it was not chosen', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.end('\n'.repeat(11));
    await setUp({ out: aFolder(), terminal: { input, output } });
    expect(String(output.read())).not.toContain('Discord bot');
  });

  it('that end in the middle leave nothing behind', async () => {
    const dir = aFolder();
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.end('console\n');
    await expect(setUp({ out: dir, terminal: { input, output } })).rejects.toThrow('nothing was written');
    expect(readdirSync(dir)).toEqual([]);
  });
});
