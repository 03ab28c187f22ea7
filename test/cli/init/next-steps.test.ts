import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, it } from 'vitest';
import { chats } from '../../../src/chats.ts';
import { defaultsFor, readAnswers } from '../../../src/cli/init/answers.ts';
import { forgeLines, proxmoxLines, webhookUrl } from '../../../src/cli/init/next-steps.ts';
import { aFolder } from '../support/services.ts';

const answers = (change: Readonly<Record<string, string>>) => readAnswers({ ...defaultsFor(chats), ...change }, chats);
const names = (gitUrl: string) => forgeLines(answers({ gitUrl })).map((line) => line.slice(0, line.indexOf(':')));

describe('the webhook', () => {
  it.each([
    ['https://github.com/ada/fleet.git', ['GitHub']],
    ['git@gitlab.com:ada/fleet.git', ['GitLab']],
    ['ssh://git@codeberg.org/ada/fleet.git', ['Forgejo']],
    ['https://git.example.org/github.com/fleet.git', ['GitHub', 'GitLab', 'Gitea', 'Forgejo']],
    ['', ['GitHub', 'GitLab', 'Gitea', 'Forgejo']],
  ])('of %s is entered at %j', (url, forges) => {
    expect(names(url)).toEqual(forges);
  });

  it.each([
    ['https://proxnix.example.org', 'https://proxnix.example.org/webhook'],
    ['http://192.0.2.7:6780/', 'http://192.0.2.7:6780/webhook'],
    ['https://example.org/bots/webhook', 'https://example.org/bots/webhook'],
    ['', 'http://<the address of this machine>:6780/webhook'],
  ])('at %j is %s', (given, url) => {
    expect(webhookUrl(answers({ webhookUrl: given }))).toBe(url);
  });
});

/** What an interactive bash runs when the lines are pasted: every program with its arguments. */
function pasted(lines: readonly string[]): readonly (readonly string[])[] {
  const dir = aFolder();
  for (const name of ['pveum', 'pvesm']) {
    writeFileSync(
      join(dir, name),
      `#!/bin/sh\nfor word in ${name} "$@"; do printf '%s\\0' "$word"; done >>'${dir}/ran'\nprintf '\\n' >>'${dir}/ran'\n`,
    );
    chmodSync(join(dir, name), 0o755);
  }
  const input = `${lines.join('\n')}\nexit\n`;
  execaSync('bash', ['--norc', '--noprofile', '-i'], { input, env: { PATH: `${dir}:/usr/bin:/bin`, HOME: dir } });
  const ran = readFileSync(join(dir, 'ran'), 'utf8').trimEnd().split('\n');
  return ran.map((line) => line.split('\0').slice(0, -1));
}

const lines = (change: Readonly<Record<string, string>> = {}) => proxmoxLines(answers(change));

describe('the lines for a node', () => {
  it('survive an interactive bash, where an exclamation mark in double quotes would not', () => {
    const ran = pasted(lines());
    expect(ran).toContainEqual([
      'pvesm',
      'add',
      'dir',
      'proxnix-images',
      '--path',
      '/var/lib/proxnix-images',
      '--content',
      'import,vztmpl',
    ]);
    expect(ran).toContainEqual(['pveum', 'user', 'token', 'add', 'proxnix@pve', 'bot', '--privsep', '1']);
    expect(ran).toContainEqual([
      'pveum',
      'acl',
      'modify',
      '/vms',
      '--roles',
      'ProxnixVM',
      '--tokens',
      'proxnix@pve!bot',
    ]);
    expect(ran).toHaveLength(lines().length);
  });

  it('give every right to the user as well as to the token', () => {
    const acls = lines({ targetStorage: 'a1,b1', bridge: 'vmbr0,vmbr1' }).filter((line) =>
      line.startsWith('pveum acl'),
    );
    const users = acls.filter((line) => line.endsWith('--users proxnix@pve')).map((line) => line.split(' --users')[0]);
    const tokens = acls
      .filter((line) => line.endsWith("--tokens 'proxnix@pve!bot'"))
      .map((line) => line.split(' --tokens')[0]);
    expect(users).toEqual(tokens);
    expect(users).toHaveLength(7);
  });

  it('write the agent right of the release', () => {
    expect(lines({ pve: '8.4' }).join()).toContain('VM.Monitor');
    expect(lines({ pve: '8.4' }).join()).not.toContain('GuestAgent');
    expect(lines({ pve: '9' }).join()).not.toContain('VM.Monitor');
  });

  it('stay on the pool when there is one', () => {
    const ofPool = lines({ pool: 'lab' });
    expect(ofPool).toContain('pveum pool add lab');
    expect(ofPool.join('\n')).toContain('pveum acl modify /pool/lab --roles ProxnixVM');
    expect(ofPool.join('\n')).not.toContain(' /vms ');
  });
});
