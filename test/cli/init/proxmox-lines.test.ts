import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, it } from 'vitest';
import { Answers } from '../../../src/cli/init/answers.ts';
import { proxmoxLines } from '../../../src/cli/init/proxmox-lines.ts';
import { defaults } from '../../../src/cli/init/questions.ts';
import { aFolder } from '../support/services.ts';

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

const lines = (change: object = {}) => proxmoxLines(Answers.parse({ ...defaults, ...change }));

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
