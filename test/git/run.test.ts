import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type GitRun, readRemote, runGit } from '../../src/git/run.ts';
import { aFolder } from './origin.ts';

const token = 'canary-token-1234567890';

/** What runGit gives, what may stand in the bot's own environment for the network, and what git and a shell set. */
const known = [
  ...['PATH', 'HOME', 'LC_ALL', 'GIT_DIR', 'GIT_CONFIG_GLOBAL', 'GIT_CONFIG_NOSYSTEM', 'GIT_CONFIG_COUNT'],
  ...['GIT_TERMINAL_PROMPT', 'GIT_ASKPASS', 'SSH_ASKPASS', 'GIT_SSH_COMMAND', 'GIT_ALLOW_PROTOCOL', 'SSH_AUTH_SOCK'],
  ...['HTTPS_PROXY', 'https_proxy', 'http_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy'],
  ...['GIT_SSL_CAINFO', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['GIT_EXEC_PATH', 'GIT_PREFIX', 'GIT_PROTOCOL', 'PWD', 'OLDPWD', 'SHLVL', '_'],
];

async function program(dir: string, name: string, script: string): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

async function aRun(more: Partial<GitRun> = {}): Promise<GitRun> {
  const dir = join(await aFolder(), 'mirror');
  await mkdir(dir);
  const run = { dir, remote: readRemote('/srv/x.git', undefined), sshCommand: 'ssh', timeoutMs: 60_000, ...more };
  await runGit(run, ['init', '--quiet', '--bare', dir]);
  return run;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('what git and its children see of the bot', () => {
  it('is what they need and nothing else: ssh shows its whole environment', async () => {
    const scratch = await aFolder();
    vi.stubEnv('SLACK_BOT_TOKEN', 'canary-slack');
    vi.stubEnv('PROXMOX_TOKEN_SECRET', 'canary-proxmox');
    vi.stubEnv('GIT_CONFIG_PARAMETERS', "'core.hooksPath'='/tmp'");
    vi.stubEnv('GIT_EXEC_PATH_CANARY', 'canary-git');
    vi.stubEnv('SSH_AUTH_SOCK', '/run/agent');
    const ssh = await program(scratch, 'ssh', `env > ${scratch}/seen; exit 1`);
    const run = await aRun({ sshCommand: ssh, remote: readRemote('ssh://git@example.org/x.git', undefined) });
    const { exitCode } = await runGit(run, ['ls-remote', run.remote.url]);
    expect(exitCode).not.toBe(0);
    const seen = await readFile(join(scratch, 'seen'), 'utf8');
    expect(seen).not.toContain('canary');
    const names = seen.split('\n').flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
    expect(names).toEqual(expect.arrayContaining(['PATH', 'SSH_AUTH_SOCK', 'HOME', 'GIT_ALLOW_PROTOCOL']));
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
    expect(seen).toContain(`HOME=${run.dir}`);
    // A prompt would be one that nobody sees.
    expect(seen).toContain('GIT_TERMINAL_PROMPT=0');
  });

  it('holds a token in no argument', async () => {
    const scratch = await aFolder();
    await program(scratch, 'git', 'printf "%s\\n" "$@"');
    vi.stubEnv('PATH', `${scratch}:${process.env['PATH']}`);
    const remote = readRemote('https://example.org/x.git', token);
    const run = { dir: scratch, remote, sshCommand: 'ssh', timeoutMs: 60_000 };
    const { stdout } = await runGit(run, ['fetch', remote.url]);
    expect(stdout).toContain('https://example.org/x.git');
    for (const secret of remote.secrets) expect(stdout).not.toContain(secret);
  });
});

describe('a transport that runs a program', () => {
  it('is none that git may use, wherever its URL comes from', async () => {
    const scratch = await aFolder();
    await program(scratch, 'git-remote-canary', `touch ${scratch}/ran; exit 1`);
    vi.stubEnv('PATH', `${scratch}:${process.env['PATH']}`);
    const run = await aRun();
    const { stderr } = await runGit(run, ['ls-remote', 'canary::anything']);
    expect(stderr.join('\n')).toMatch(/transport 'canary' not allowed/);
    await expect(readFile(join(scratch, 'ran'))).rejects.toThrow('ENOENT');
    expect((await runGit(run, ['ls-remote', `ext::touch ${scratch}/ran`])).stderr.join('\n')).toMatch(/not allowed/);
    await expect(readFile(join(scratch, 'ran'))).rejects.toThrow('ENOENT');
  });
});

describe('a git that takes too long', () => {
  it('is ended, with what hangs below it', async () => {
    const scratch = await aFolder();
    await program(scratch, 'git', `sleep 30 >/dev/null 2>&1 & printf %s $! > ${scratch}/child; sleep 3`);
    vi.stubEnv('PATH', `${scratch}:${process.env['PATH']}`);
    const run = { dir: scratch, remote: readRemote('/srv/x.git', undefined), sshCommand: 'ssh', timeoutMs: 300 };
    expect((await runGit(run, ['fetch'])).timedOut).toBe(true);
    const child = await readFile(join(scratch, 'child'), 'utf8');
    const state = () => readFile(`/proc/${child}/stat`, 'utf8').catch(() => ') Z ');
    await vi.waitFor(async () => expect(await state()).toContain(') Z '), { timeout: 10_000 });
  });
});

describe('what git says', () => {
  it('is held in a few KiB, the newest of it: a server may talk without end', async () => {
    const scratch = await aFolder();
    const line = 'head -c 50000000 /dev/zero | tr "\\0" x >&2';
    const script = `${line}; yes "remote: more" | head -n 200000 >&2; printf "fatal: " >&2; ${line}; exit 128`;
    await program(scratch, 'git', script);
    vi.stubEnv('PATH', `${scratch}:${process.env['PATH']}`);
    const run = { dir: scratch, remote: readRemote('/srv/x.git', undefined), sshCommand: 'ssh', timeoutMs: 60_000 };
    const { stderr, exitCode } = await runGit(run, ['fetch']);
    expect(exitCode).toBe(128);
    expect(stderr.at(-1)).toMatch(/^fatal: x+…$/);
    expect(Buffer.byteLength(stderr.join('\n'))).toBeLessThan(20_000);
  });

  it('is cut where it answers without end', async () => {
    const scratch = await aFolder();
    await program(scratch, 'git', 'head -c 50000000 /dev/zero | tr "\\0" x');
    vi.stubEnv('PATH', `${scratch}:${process.env['PATH']}`);
    const run = { dir: scratch, remote: readRemote('/srv/x.git', undefined), sshCommand: 'ssh', timeoutMs: 60_000 };
    const { stdout } = await runGit(run, ['log']);
    expect(stdout.length).toBe(1024 * 1024 + 1);
    expect(stdout.endsWith('x…')).toBe(true);
  });
});
