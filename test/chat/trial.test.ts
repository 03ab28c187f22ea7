import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { MakeContext } from '../../src/chat/kind.ts';
import { chats as everyChat } from '../../src/chats.ts';
import { examineAll } from '../../src/cli/doctor.ts';
import { gallery } from '../../src/cli/gallery.ts';
import { setUp } from '../../src/cli/init.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { sectionsOf } from '../../src/config/settings.ts';
import { UserError } from '../../src/core/errors.ts';
import { isAmong } from '../../src/core/identity.ts';
import { galleryCards, galleryForms } from '../../src/gallery/cards.ts';
import { createGate, Secret } from '../../src/secret.ts';
import { aFolder } from '../cli/support/services.ts';
import { chatContract } from '../contracts/chat.ts';
import { FakeChat, type FakeMessage } from '../fakes/chat.ts';
import { harnessOf } from '../fakes/chat-harness.ts';
import { trial } from '../support/trial/kind.ts';

/** The line that adds it. */
const chats = [...everyChat, trial];

const env = {
  PROXMOX_URL: 'https://127.0.0.1:1',
  PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
  PROXMOX_TOKEN_SECRET: 'proxmox-token-secret',
  GIT_URL: '/nowhere/fleet.git',
  WEBHOOKS: 'off',
  TRIAL_TOKEN: 'trial_0123456789abcdef',
  TRIAL_ROOM: 'room-7',
  APPROVERS: 'trial:user:ada, trial:crew:deployers',
};
const load = (change: Readonly<Record<string, string>> = {}): Config =>
  loadConfig({ ...env, ...change }, (file) => readFileSync(file, 'utf8'), { chats });

function mistakes(change: Readonly<Record<string, string>>): readonly string[] {
  try {
    load(change);
    return [];
  } catch (error) {
    if (error instanceof UserError) return error.details;
    throw error;
  }
}

/** The adapter as the program makes it. */
async function made(): Promise<FakeChat> {
  const [setup] = load().chats;
  const context: MakeContext = {
    stateDir: '/nowhere',
    http: { host: '127.0.0.1', port: 0 },
    ids: [],
    channels: { homelab: 'room-7' },
    log: pino({ level: 'silent' }),
    state: { get: () => Promise.resolve(undefined), set: () => Promise.resolve() },
    keepSecret: () => Promise.resolve({ secret: new Secret('0123456789abcdef') }),
  };
  const { chat } = (await setup?.make(context)) ?? {};
  if (!(chat instanceof FakeChat)) throw new Error('the trial was not made');
  return chat;
}

chatContract('a fourth chat', async () => {
  const { person, place } = await made();
  const messages: FakeMessage[] = [];
  return harnessOf(messages, () => new FakeChat({ name: 'trial', messages, person, place }));
});

describe('a chat that is a folder and a line', () => {
  it('is configured by its own variables, and asks for what is missing', () => {
    const config = load();
    expect(config.chats.map(({ name }) => name)).toEqual(['trial']);
    expect(config.fleets).toMatchObject([
      {
        channels: { trial: 'room-7' },
        policy: {
          places: [{ chat: 'trial', workspace: 'trial', channel: 'room-7' }],
          approvers: ['trial:user:ada', 'trial:crew:deployers'],
        },
      },
    ]);
    expect(mistakes({ TRIAL_ROOM: '' })).toEqual(['TRIAL_ROOM: needed for Trial: the channel of fleet default']);
    expect(mistakes({ TRIAL_TOKEN: '' })).toEqual(['TRIAL_TOKEN: needed for the trial: its token']);
    expect(mistakes({ TRIAL_TOKEN: 'short', APPROVERS: 'trial:band:x' })).toEqual([
      expect.stringMatching(/^APPROVERS: entry 1 expected ids such as .*trial:user:…, trial:crew:…$/),
      'TRIAL_TOKEN: expected a token, trial_…',
    ]);
    expect(load({ TRIAL_ROM: 'x' }).warnings).toContain('TRIAL_ROM: is not read; TRIAL_ROOM is meant?');
  });

  it('has a key of its own in the fleets file, and a heading in the list of settings', async () => {
    const file = path.join(aFolder(), 'fleets.json');
    const cluster = { url: 'https://pve1:8006', tokenId: env.PROXMOX_TOKEN_ID, tokenSecret: { env: 'SECRET' } };
    const fleet = { cluster: 'home', gitUrl: '/srv/fleet.git', trialRoom: 'room-8' };
    writeFileSync(file, JSON.stringify({ clusters: { home: cluster }, fleets: { lab: fleet } }));
    const none = { PROXMOX_URL: '', PROXMOX_TOKEN_ID: '', PROXMOX_TOKEN_SECRET: '', GIT_URL: '', TRIAL_ROOM: '' };
    const config = load({ ...none, PROXNIX_FLEETS: file, SECRET: 'a-secret-of-a-test' });
    expect(config.fleets[0]?.channels).toEqual({ trial: 'room-8' });
    expect(sectionsOf(chats).map(({ title }) => title)).toContain('Trial');
  });

  it('may name approvers: a person by id, and everybody in a group', () => {
    const ids = load().fleets[0]?.policy.approvers ?? [];
    const who = { chat: 'trial', id: 'eve', groups: [] };
    expect(isAmong({ ...who, id: 'ada' }, ids)).toBe(true);
    expect(isAmong({ ...who, groups: ['deployers'] }, ids)).toBe(true);
    expect(isAmong(who, ids)).toBe(false);
    expect(isAmong({ ...who, chat: 'discord', id: 'ada' }, ids)).toBe(false);
  });

  it('has its tokens taken out of all that leaves', () => {
    const { secrets, tokenShapes } = load();
    expect(secrets.map((secret) => secret.reveal())).toContain(env.TRIAL_TOKEN);
    expect(createGate([], tokenShapes)('it said trial_ffffffffffffffff, and went on')).toBe(
      'it said [secret], and went on',
    );
  });

  it('is looked at by the doctor', async () => {
    const dir = aFolder();
    mkdirSync(path.join(dir, 'state'));
    const lines = Object.entries({ ...env, STATE_DIR: path.join(dir, 'state') }).map(
      ([name, value]) => `${name}=${value}`,
    );
    writeFileSync(path.join(dir, '.env'), lines.join('\n'), { mode: 0o600 });
    const findings = await examineAll({ envFile: path.join(dir, '.env'), env: {}, chats, timeoutMs: 1000 });
    expect(findings.filter(({ area }) => area === 'Trial').map(({ status, text }) => `${status} ${text}`)).toEqual([
      'ok the token is accepted',
      'ok room-7 is there',
      'ok knows trial:user:ada, trial:crew:deployers',
    ]);
    expect(findings).toContainEqual({ status: 'ok', area: 'Discord', text: 'is off' });
  });

  it('is asked for by init, with its question, its file and its steps', async () => {
    const dir = aFolder();
    const text = await setUp({ out: dir, yes: true, chats, chat: 'trial', trialRoom: 'room-9' });
    const variables = parseEnv(readFileSync(path.join(dir, '.env'), 'utf8'));
    expect(variables).toMatchObject({ TRIAL_TOKEN: '', TRIAL_ROOM: 'room-9', CONSOLE: 'off', APPROVERS: '' });
    expect(readFileSync(path.join(dir, '.env'), 'utf8')).toContain('trial:user:<id>, trial:crew:<id>');
    for (const words of [`Written: ${dir}/trial.txt, how the trial is used.`, `Trial: read ${dir}/trial.txt`]) {
      expect(text).toContain(words);
    }
    expect(text).toContain('Trial: ask Ada');
    expect(text).toContain('The plan shows in your room');
    await expect(setUp({ out: dir, yes: true, chats, chat: 'irc' })).rejects.toMatchObject({
      details: ['--chat: expected console or discord or slack or trial'],
    });
    await expect(setUp({ out: dir, yes: true, chats, chat: 'trial', trialRoom: 'cellar' })).rejects.toMatchObject({
      details: ['--trial-room: expected a room'],
    });
  });

  it('has every card drawn for it by the gallery', async () => {
    const out = await mkdtemp(path.join(tmpdir(), 'proxnix-trial-'));
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await gallery(out, [trial]);
    log.mockRestore();
    const names = [...Object.keys(galleryCards()), ...Object.keys(galleryForms())].map((name) => `${name}.json`);
    expect(readdirSync(path.join(out, 'trial')).sort()).toEqual(names.sort());
    expect(JSON.parse(readFileSync(path.join(out, 'trial', 'plan.json'), 'utf8'))).toMatchObject({
      kind: 'trial.card',
    });
  });
});
