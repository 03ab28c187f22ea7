import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from './support/compiled.ts';

/** A machine on which nothing is installed: its `apt-get` notes what it is asked for. */
async function aMachine() {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-setup-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const log = path.join(dir, 'log');
  await writeFile(path.join(dir, 'apt-get'), `#!/bin/sh\necho "$@" >> ${log}\n`, { mode: 0o755 });
  await symlink(process.execPath, path.join(dir, 'node'));
  const asked = async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  // A checkout whose npm packages are installed.
  const checkout = path.join(dir, 'checkout');
  for (const folder of ['src', 'node_modules']) await mkdir(path.join(checkout, folder), { recursive: true });
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json'])
    await writeFile(path.join(checkout, file), '{}');
  await cp(path.join(root, 'src/setup.mjs'), path.join(checkout, 'src/setup.mjs'));
  const setup = [process.execPath, path.join(checkout, 'src/setup.mjs')];
  // Root, and nobody else: another user could install nothing anyway.
  const asRoot = process.getuid?.() === 0 ? [] : ['/usr/bin/unshare', '--map-root-user'];
  const options = (env: object = {}) => ({ env: { PATH: dir, ...env }, extendEnv: false, reject: false, all: true });
  const run = (args: readonly string[], env?: object) => {
    const [file, ...rest] = [...asRoot, ...setup, ...args];
    return execa(file ?? '', rest, options(env));
  };
  /** The same on a terminal, where a person types. */
  const type = (typed: string, args: readonly string[]) => {
    const line = [...asRoot, ...setup, ...args].map((word) => `'${word}'`).join(' ');
    return execa('/usr/bin/script', ['-qec', line, '/dev/null'], { ...options({ SHELL: '/bin/sh' }), input: typed });
  };
  return { asked, run, type };
}

const prints = ['node', '-e', 'console.log("the command ran:", ...process.argv.slice(1))', '--'];

describe('programs of Debian', () => {
  it('are not installed where nobody agreed and nobody can be asked: what to run is said, and the command runs', async () => {
    const { asked, run } = await aMachine();
    const { all, exitCode } = await run(['demo', ...prints]);
    expect(await asked()).toEqual([]);
    expect(all).toMatch(/add --yes, or run as root: apt-get install git nix-bin bubblewrap util-linux qemu-utils\n/);
    expect(all).toContain('bwrap is missing (Debian: apt-get install bubblewrap): evaluations run in no sandbox.');
    expect(all).toContain('the command ran:');
    expect(exitCode).toBe(0);
  });

  it('are installed with --yes, which does not reach the command', async () => {
    const { asked, run } = await aMachine();
    const { all } = await run(['demo', ...prints, '--once', '--yes']);
    expect(await asked()).toEqual([
      'update -qq',
      'install -y -qq --no-install-recommends git nix-bin bubblewrap util-linux qemu-utils',
    ]);
    expect(all).toMatch(/the command ran: --once$/);
  });

  it('are installed in CI, where what is missing afterwards is an error', async () => {
    const { asked, run } = await aMachine();
    const { all, exitCode } = await run(['test', ...prints], { CI: 'true' });
    expect((await asked()).at(-1)).toContain('chromium');
    expect(exitCode).toBe(1);
    expect(all).not.toContain('the command ran');
  });

  it('are installed when a person on a terminal says yes', async () => {
    for (const [typed, installs] of Object.entries({
      'y\n': true,
      'YES\n': true,
      'n\n': false,
      '\n': false,
      '\u0004': false,
    })) {
      const { asked, type } = await aMachine();
      const { stdout } = await type(typed, ['demo', ...prints]);
      expect(stdout, JSON.stringify(typed)).toContain('run as root: apt-get install git');
      expect((await asked()).length > 0, JSON.stringify(typed)).toBe(installs);
      expect(stdout, JSON.stringify(typed)).toContain('the command ran');
    }
  });
});

describe('the command', () => {
  it('ends setup with its exit code', async () => {
    const { run } = await aMachine();
    expect(await run(['demo', 'node', '-e', 'process.exit(7)'])).toMatchObject({ exitCode: 7 });
  });

  it('that is not there is an error', async () => {
    const { run } = await aMachine();
    const { exitCode, all } = await run(['demo', 'nobody']);
    expect({ exitCode, all }).toEqual({ exitCode: 1, all: expect.stringContaining('nobody cannot be run') });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('gets the %s that setup gets', async (signal) => {
    const { run } = await aMachine();
    const script = `process.on("${signal}", () => { console.log("ended well"); process.exit(0); }); setInterval(() => {}, 1000); console.log("ready")`;
    const running = run(['demo', 'node', '-e', script]);
    running.all?.on('data', (text: Buffer) => {
      if (text.toString().includes('ready')) running.kill(signal);
    });
    expect(await running).toMatchObject({ exitCode: 0, all: expect.stringContaining('ended well') });
  });
});
