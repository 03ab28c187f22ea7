import { z } from 'zod';
import { Newest } from '../../lib/newest.ts';
import { cleanText, cut } from '../../lib/text.ts';
import { nixVersion, olderThan } from './check.ts';
import { runNix } from './process.ts';
import { type NixOptions, nixSettings } from './settings.ts';

/** Can Nix build with these options? */
export type Probe = { readonly ok: true; readonly system: string } | { readonly ok: false; readonly why: string };

const Settings = z.object({
  system: z.object({ value: z.string() }),
  'sandbox-paths': z.object({ value: z.array(z.string()) }).catch({ value: [] }),
});

/** Builds one tiny derivation. @throws UserError when Nix is not there */
export async function probeBuild(options: NixOptions): Promise<Probe> {
  const settings = nixSettings(options);
  const { system } = await hostSettings(options);
  const expression = `derivation { name = "proxnix-probe"; system = "${system}"; builder = "/bin/sh"; args = [ "-c" "printf ok > $out" ]; }`;
  const said = new Newest<string>({ count: 20, bytes: 16 * 1024 });
  const store = settings.store === undefined ? [] : ['--store', settings.store];
  const result = await runNix(settings, {
    program: 'nix',
    args: ['build', '--no-link', '--offline', ...store, '--expr', expression],
    onLine: (line) => {
      const text = cleanText(cut(line, 1000));
      said.add(text, text.length);
    },
  });
  if (result.exitCode === 0) return { ok: true, system };
  const lines = said.items();
  const errors = lines.filter((line) => line.startsWith('error:'));
  return { ok: false, why: (errors.at(-1) ?? lines.at(-1) ?? 'Nix said nothing').replace(/^error:\s*/, '') };
}

/** What this Nix builds for, and whether its sandbox has a shell without being told. */
export async function hostSettings(options: NixOptions): Promise<{ readonly system: string; readonly shell: boolean }> {
  const settings = nixSettings(options);
  const command = olderThan(await nixVersion(settings), [2, 20]) ? ['show-config'] : ['config', 'show'];
  const result = await runNix(settings, { program: 'nix', args: [...command, '--json'] });
  const known = Settings.parse(JSON.parse(result.stdout));
  return { system: known.system.value, shell: known['sandbox-paths'].value.some((path) => path.startsWith('/bin/sh')) };
}
