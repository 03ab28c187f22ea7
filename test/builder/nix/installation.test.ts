import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkNix, configWarnings, olderThan, probeBuild } from '../../../src/builder/nix/installation.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { nix, nixOptions } from './here.ts';

/** A Nix that says what it is told. */
async function aNix(version: string, config: string): Promise<{ dir: string; nixBinDir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-check-'));
  onTestFinished(() => removeTree(dir));
  const script = `#!/bin/sh
case "$*" in
  --version) printf '%s\\n' '${version}' ;;
  *"--json") printf '%s\\n' "$*" >> '${dir}/asked'; printf '%s\\n' '${config}' ;;
esac
`;
  await writeFile(join(dir, 'nix'), script);
  await chmod(join(dir, 'nix'), 0o755);
  return { dir, nixBinDir: dir };
}

describe('checkNix', () => {
  it.each([
    ['nix (Nix) 2.8.0', '2.8.0', 1],
    ['nix (Nix) 2.18.0', '2.18.0', 0],
    ['nix (Lix, like Nix) 2.93.3', '2.93.3', 0],
    ['nix (Determinate Nix 3.6.2) 2.29.0', '3.6.2', 0],
    ['nix (Nix) 2.31pre20250701', '2.31', 0],
  ])('reads %s', async (text, version, warnings) => {
    const found = await checkNix(await aNix(text, '{}'));
    expect(found.version).toBe(version);
    expect(found.warnings).toHaveLength(warnings);
  });

  it('warns of an old Nix', async () => {
    const { warnings } = await checkNix(await aNix('nix (Nix) 2.8.0', '{}'));
    expect(warnings).toEqual(['Nix 2.8.0 is old: nixpkgs since 25.05 needs 2.18.']);
  });

  it('refuses a program that is no Nix', async () => {
    await expect(checkNix(await aNix('hello', '{}'))).rejects.toThrow('Nix is not installed');
  });

  it.skipIf(nix === undefined)('reads the Nix of this machine', async () => {
    expect((await checkNix(await nixOptions())).version).toMatch(/^\d+\.\d+/);
  });
});

describe('configWarnings', () => {
  it('warns when root would need a group that is missing', () => {
    const config = { 'build-users-group': { value: 'nixbld' } };
    expect(configWarnings(config, new Set(['root']), 0)).toEqual([expect.stringContaining('group nixbld is missing')]);
    expect(configWarnings(config, new Set(['root', 'nixbld']), 0)).toEqual([]);
    expect(configWarnings(config, new Set(['root']), 1000)).toEqual([]);
  });
});

describe('olderThan', () => {
  it('compares numbers, not text', () => {
    expect(olderThan('2.8.0', [2, 18])).toBe(true);
    expect(olderThan('2.18.1', [2, 18])).toBe(false);
    expect(olderThan('3.1', [2, 18])).toBe(false);
  });
});

describe.skipIf(nix === undefined)('probeBuild', () => {
  it('tells why nothing can be built', async () => {
    const options = await nixOptions({
      config: { sandbox: 'true', 'sandbox-paths': '', builders: '', substituters: '' },
    });
    const probe = await probeBuild({ ...options, store: '/proc/nowhere' });
    expect(probe).toMatchObject({ ok: false, why: expect.stringMatching(/\S/) });
  });
});
