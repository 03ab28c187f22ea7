import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runNix } from '../../../src/builder/nix/process.ts';
import { nixSettings } from '../../../src/builder/nix/settings.ts';
import { UserError } from '../../../src/core/errors.ts';
import { removeTree } from '../../../src/lib/system.ts';

/** A program in place of Nix. */
async function inPlace(script: string) {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-process-'));
  onTestFinished(() => removeTree(dir));
  await writeFile(join(dir, 'nix'), `#!/bin/sh\n${script}\n`);
  await chmod(join(dir, 'nix'), 0o755);
  return { dir, settings: nixSettings({ dir, nixBinDir: dir, killAfterMs: 100 }) };
}

/** Is this process there? One that ended and was not waited for is not. */
async function runs(file: string): Promise<boolean> {
  const pid = (await readFile(file, 'utf8')).trim();
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return state !== undefined && !/\) Z /.test(state);
}

describe('runNix', () => {
  it('gives the answer, each line of stderr as it comes, and the exit code', async () => {
    const { settings } = await inPlace("printf 'one\\ntwo' >&2; printf 'answer\\n'; exit 7");
    const lines: string[] = [];
    const result = await runNix(settings, { program: 'nix', args: [], onLine: (line) => lines.push(line) });
    expect(result).toEqual({ exitCode: 7, stdout: 'answer' });
    expect(lines).toEqual(['one', 'two']);
  });

  it('passes arguments as they are, with and without limits', async () => {
    const args = ['--option', '$(id)', ';', '', 'a b', '"', '*', '../..', 'a\nb'];
    const { settings } = await inPlace('printf \'<%s>\' "$@"');
    const stdout = args.map((arg) => `<${arg}>`).join('');
    expect((await runNix(settings, { program: 'nix', args })).stdout).toBe(stdout);
    const limits = { timeoutMs: 60_000, memoryBytes: 2 ** 30 };
    expect((await runNix(settings, { program: 'nix', args, limits })).stdout).toBe(stdout);
  });

  it('gives nothing to read and no terminal', async () => {
    const { settings } = await inPlace(
      'if read -r line; then printf read; else printf nothing; fi; test -t 0 && printf tty; exit 0',
    );
    const limits = { timeoutMs: 20_000 };
    expect((await runNix(settings, { program: 'nix', args: [], limits })).stdout).toBe('nothing');
  });

  it('gives it nothing of the environment of the bot', async () => {
    vi.stubEnv('SLACK_BOT_TOKEN', 'canary-slack');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { settings } = await inPlace('env');
    const { stdout } = await runNix(settings, { program: 'nix', args: [] });
    expect(stdout).toContain('NIX_CONFIG=');
    expect(stdout).not.toContain('canary');
  });

  it('limits the memory and the processor time, which ends it also when the bot is gone', async () => {
    const { settings } = await inPlace('ulimit -t; ulimit -v');
    const limits = { timeoutMs: 60_000, memoryBytes: 2 ** 30 };
    expect((await runNix(settings, { program: 'nix', args: [], limits })).stdout).toBe('240\n1048576');
  });

  it('kills what does not listen when its time is over, with its children', async () => {
    const { dir, settings } = await inPlace(
      'trap "" TERM; (trap "" TERM; exec sleep 30) >/dev/null 2>&1 & printf %s $! > "$0.child"; sleep 3',
    );
    const result = await runNix(settings, { program: 'nix', args: [], limits: { timeoutMs: 300 } });
    expect(result.ended).toBe('timeout');
    expect(await runs(join(dir, 'nix.child'))).toBe(false);
  });

  it('asks a build to end and waits for it, however long it takes', async () => {
    const { settings } = await inPlace(
      'trap "sleep 1; printf cleaned; exit 1" TERM; printf "begun\\n" >&2; while :; do sleep 0.05; done',
    );
    const cancel = new AbortController();
    const result = await runNix(settings, {
      program: 'nix',
      args: [],
      signal: cancel.signal,
      onLine: () => cancel.abort(),
    });
    expect(result).toEqual({ exitCode: 1, stdout: 'cleaned', ended: 'cancelled' });
  });

  it('does not begin when it is cancelled right after the call', async () => {
    const { dir, settings } = await inPlace('printf begun > "$0.begun"; sleep 60');
    const cancel = new AbortController();
    const running = runNix(settings, { program: 'nix', args: [], signal: cancel.signal });
    cancel.abort();
    expect((await running).ended).toBe('cancelled');
    await expect(readFile(join(dir, 'nix.begun'))).rejects.toThrow('ENOENT');
  });

  it('says how to get Nix when it is not there, with and without limits', async () => {
    const { settings } = await inPlace('');
    await expect(runNix(settings, { program: 'nix-store', args: [] })).rejects.toThrow(UserError);
    const limits = { timeoutMs: 1000 };
    await expect(runNix(settings, { program: 'nix-store', args: [], limits })).rejects.toThrow(/Nix is not installed/);
  });

  it('passes on what the reader of lines throws', async () => {
    const { settings } = await inPlace('printf "line\\n" >&2');
    const onLine = () => {
      throw new Error('reader is broken');
    };
    await expect(runNix(settings, { program: 'nix', args: [], onLine })).rejects.toThrow(/reader is broken/);
  });

  it('holds a MiB of a line without an end, and goes on answering meanwhile', async () => {
    const { settings } = await inPlace('head -c 500000000 /dev/zero >&2; printf "\\nerror: the end\\n" >&2; exit 1');
    const lines: string[] = [];
    let most = 0;
    let turns = 0;
    const memory = () => {
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      return arrayBuffers + heapUsed;
    };
    const before = memory();
    const look = setInterval(() => {
      turns += 1;
      most = Math.max(most, memory() - before);
    }, 5);
    const { exitCode } = await runNix(settings, { program: 'nix', args: [], onLine: (line) => lines.push(line) });
    clearInterval(look);
    expect(exitCode).toBe(1);
    expect(lines.map((line) => line.length)).toEqual([1024 * 1024 + 1, 'error: the end'.length]);
    expect(turns).toBeGreaterThan(5);
    expect(most).toBeLessThan(200 * 1024 * 1024);
  }, 120_000);

  it('ends a program that answers more than it may', async () => {
    const { settings } = await inPlace('head -c 50000000 /dev/zero');
    const result = await runNix(settings, { program: 'nix', args: [], maxOutput: 1000 });
    expect(result.ended).toBe('too-much-output');
    expect(result.stdout.length).toBeLessThanOrEqual(1000);
  });
});
