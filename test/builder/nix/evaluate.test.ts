import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { evaluateFleet } from '../../../src/builder/nix/evaluate.ts';
import { nixSettings } from '../../../src/builder/nix/settings.ts';
import { removeTree } from '../../../src/lib/system.ts';

const [asked, other] = ['a'.repeat(40), 'b'.repeat(40)];

/** What a fleet is where Nix answers with this commit. */
async function fleetOf(rev: string): Promise<unknown> {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-evaluate-'));
  onTestFinished(() => removeTree(dir));
  await writeFile(join(dir, 'nix'), `#!/bin/sh\nprintf '{"proxnix":{"vms":{}},"rev":"${rev}"}'\n`);
  await chmod(join(dir, 'nix'), 0o755);
  const settings = nixSettings({ dir, nixBinDir: dir, evalSandbox: false });
  return evaluateFleet(settings, { mirror: '/srv/mirror.git', ref: 'refs/proxnix/r-1', rev: asked });
}

it('an evaluation is of the commit that was asked for', async () => {
  expect(await fleetOf(asked)).toEqual({ vms: {} });
  await expect(fleetOf(other)).rejects.toThrow(`Nix evaluated ${other} instead of ${asked}`);
});
