import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';

/** What the machine's Nix makes of a text, as a file. */
export async function evaluated(text: string): Promise<unknown> {
  const dir = mkdtempSync(join(tmpdir(), 'proxnix-eval-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'proxnix.nix');
  writeFileSync(file, text);
  const { stdout } = await execa('nix', ['eval', '--json', '--file', file], {
    env: {
      HOME: dir,
      NIX_USER_CONF_FILES: '/dev/null',
      NIX_CONFIG: 'extra-experimental-features = nix-command flakes',
    },
  });
  return JSON.parse(stdout);
}
