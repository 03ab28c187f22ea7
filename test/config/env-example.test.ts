import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chats } from '../../src/chats.ts';
import { loadConfig } from '../../src/config/config.ts';
import { defaultOf, factsOf } from '../../src/config/setting.ts';
import { sectionsOf } from '../../src/config/settings.ts';

const minimal = {
  PROXMOX_URL: 'https://pve1.example.org:8006',
  PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
  PROXMOX_TOKEN_SECRET: 'proxmox-token-secret',
  GIT_URL: 'https://git.example.org/Ada/Fleet.git',
  WEBHOOK_SECRET: 'a-webhook-secret-of-32-characters',
};

const sections = sectionsOf(chats).map(({ title, settings }) => ({
  title,
  rows: Object.entries(settings.shape).map(([name, schema]) => ({
    ...{ name, value: defaultOf(schema) },
    ...factsOf(schema),
  })),
}));
const rows = sections.flatMap((section) => section.rows);
const files: Readonly<Record<string, string>> = { '/etc/proxnix/pve-root-ca.pem': '-----BEGIN CERTIFICATE-----' };
const load = (env: Readonly<Record<string, string>>) => loadConfig(env, (path) => files[path] ?? '');

/** The keys of the fleets file with the variables whose meaning they have, as a table in Markdown. */
function keyTable(): string {
  const keys = rows.flatMap(({ name, inFile, isSecret }) => {
    if (inFile === undefined) return [];
    const secret = isSecret === true ? ', as `{ "env": NAME }` or `{ "file": PATH }`' : '';
    return [`| ${inFile.of} | \`${inFile.key}\` | \`${name}\`${secret} |`];
  });
  return keys.join('\n').replace(/ {2,}/g, ' ');
}

describe('the README', () => {
  it('has every key of the fleets file, with its variable', () => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').replace(/ {2,}/g, ' ');
    expect(text).toContain(keyTable());
  });
});

describe('.env.example', () => {
  // `npx vitest run -u test/config/env-example.test.ts` writes it anew.
  it('is the list of settings', async () => {
    const head = [
      '# Every variable of proxnix. An empty one counts as not set; the value that stands here is the default.',
      '# Durations: 90s, 5m, 24h, 7d. Sizes: 512M, 4G. Lists: values with commas between them.',
    ].join('\n');
    const parts = sections.flatMap(({ title, rows }) => [
      `# --- ${title} ---`,
      ...rows.map(({ name, value, about, example }) => `# ${about}\n# Example: ${example}\n${name}=${value}`),
    ]);
    await expect(`${[head, ...parts].join('\n\n')}\n`).toMatchFileSnapshot('../../.env.example');
  });

  it('names each variable once', () => {
    const text = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const names = text.match(/^[A-Z_]+(?==)/gm) ?? [];
    expect(names).toEqual(rows.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(60);
  });

  it('has one plain sentence for each, and says which may come from a file', () => {
    for (const { name, about, isSecret = false } of rows) {
      expect(about).toMatch(/^[A-Z].*\.$/);
      expect([name, about.includes(`${name}_FILE`)]).toEqual([name, isSecret]);
    }
  });

  it('has examples that work, all together and not equal to the default', () => {
    for (const { name, example, value } of rows) expect([name, example]).not.toEqual([name, value]);
    const env = Object.fromEntries(rows.map(({ name, example }) => [name, example]));
    const config = load({ ...env, PROXNIX_FLEETS: '', WEBHOOKS: 'on', GIT_SSH_COMMAND: '' });
    // Each of these opens the evaluation a little: that is their use.
    expect(config.warnings.map((text) => text.slice(0, text.indexOf(':')))).toEqual([
      'NIX_EVAL_SANDBOX',
      'NIX_EVAL_HOSTS',
      'PREVIEW_FORKS',
      'NIX_ALLOW_IFD',
    ]);
    expect(config.fleets[0]?.name).toBe('homelab');
    expect(config.chats.map(({ name }) => name)).toEqual(chats.map(({ name }) => name));
  });

  it('changes nothing as it stands', () => {
    const asItStands = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    expect(JSON.stringify(load({ ...asItStands, ...minimal }))).toBe(JSON.stringify(load(minimal)));
  });
});
