import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { examineNix } from '../../../src/cli/doctor/nix.ts';
import { nix, nixOptions } from '../../builder/nix/here.ts';
import { aFolder } from '../support/services.ts';

/** A Nix that answers each call by its first words. */
function aNix(answers: Readonly<Record<string, string>>): { dir: string; nixBinDir: string } {
  const dir = aFolder();
  const cases = Object.entries(answers).map(([words, text]) => `  "${words}"*) printf '%s\\n' '${text}' ;;`);
  writeFileSync(join(dir, 'nix'), `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\n  *) exit 1 ;;\nesac\n`);
  chmodSync(join(dir, 'nix'), 0o755);
  return { dir, nixBinDir: dir };
}

const settings = '{"sandbox":{"value":true},"system":{"value":"x86_64-linux"}}';

describe('Nix', () => {
  it.skipIf(nix === undefined)('of this machine knows flakes and builds', async () => {
    const { findings, evaluates } = await examineNix(await nixOptions());
    expect(evaluates).toBe(true);
    expect(findings.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(findings.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Nix \d+\.\d+/),
        'evaluations run in a sandbox',
        'builds run in the sandbox of Nix',
        'flakes can be used',
        expect.stringMatching(/^a build works \(\w+-linux\)$/),
      ]),
    );
  });

  it('is missing where PATH is empty', async () => {
    vi.stubEnv('PATH', aFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await examineNix({ dir: aFolder() })).toMatchObject({
      evaluates: false,
      findings: [
        {
          status: 'fail',
          text: expect.stringContaining('Nix is not installed'),
          fix: expect.stringContaining('nixos.org'),
        },
      ],
    });
  });

  it('before 2.8 is too old for the calls of the bot, before 2.18 for today’s nixpkgs', async () => {
    expect(
      (await examineNix(aNix({ '--version': 'nix (Nix) 2.3.16', 'show-config': settings }))).findings,
    ).toMatchObject([{ status: 'fail', text: expect.stringContaining('2.3.16 is too old') }]);
    const { findings } = await examineNix({
      ...aNix({ '--version': 'nix (Nix) 2.8.0', 'show-config': settings, eval: 'true', build: '' }),
      evalSandbox: false,
    });
    // What builds without end of its answers builds outside of a sandbox as well.
    expect(findings.map(({ status }) => status)).toEqual(['ok', 'warn', 'warn', 'ok', 'ok', 'fail']);
  });

  it('without flakes or builds has a line for each', async () => {
    const known = aNix({ '--version': 'nix (Nix) 2.24.1', 'config show': settings });
    const { findings, evaluates } = await examineNix({ ...known, evalSandbox: false });
    expect(evaluates).toBe(false);
    expect(findings).toMatchObject([
      { status: 'ok', text: 'Nix 2.24.1' },
      { status: 'warn', text: expect.stringContaining('without a sandbox'), fix: 'NIX_EVAL_SANDBOX=on' },
      { status: 'fail', text: 'flakes cannot be used', fix: expect.stringContaining('nix-command flakes') },
      { status: 'fail', text: expect.stringContaining('a build does not work') },
    ]);
  });

  it('without bubblewrap evaluates nothing, and has the line that mends it', async () => {
    const known = aNix({ '--version': 'nix (Nix) 2.24.1', 'config show': settings });
    vi.stubEnv('PATH', known.nixBinDir);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await examineNix(known)).toMatchObject({
      evaluates: false,
      findings: [
        { status: 'ok' },
        {
          status: 'fail',
          text: expect.stringContaining('bubblewrap'),
          fix: expect.stringContaining('apt-get install bubblewrap'),
        },
      ],
    });
  });

  it('names what an evaluation reaches', async () => {
    const known = aNix({ '--version': 'nix (Nix) 2.24.1', 'config show': settings, eval: 'true', build: '' });
    const { findings } = await examineNix({ ...known, evalSandbox: false, evalHosts: ['git.lan'] });
    expect(findings).toContainEqual(expect.objectContaining({ status: 'warn', text: 'evaluations reach git.lan' }));
  });
});
