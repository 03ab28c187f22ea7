import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { Newest } from '../../lib/newest.ts';
import { cleanText, cut } from '../../lib/text.ts';
import { sandboxArguments } from './arguments.ts';
import { nixString } from './expression.ts';
import { nixVersion, olderThan } from './installation.ts';
import { runNix } from './process.ts';
import { type NixOptions, type NixSettings, nixSettings } from './settings.ts';

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
  const built = await buildProbe(settings, system, 'printf ok > $out');
  return built.ok ? { ok: true, system } : built;
}

/**
 * Is what a push builds kept in Nix's sandbox, whatever the settings of the daemon say? A builder that asks to be left
 * out of it must be refused (`sandbox = true`, not `relaxed`), and every other one must be alone in its process namespace
 * (no `sandbox-fallback`): nix.conf(5).
 * @param nonce makes the probes new, so that they are really built
 * @throws UserError when it is not, or when that cannot be told
 */
export async function checkBuildSandbox(settings: NixSettings, nonce: string): Promise<void> {
  const { system } = await hostSettings(settings);
  const alone = await buildProbe(settings, system, `: ${nonce}; if [ $$ -gt 99 ]; then exit 1; fi; printf ok > $out`);
  const outside = await buildProbe(settings, system, `: ${nonce}; printf ok > $out`, '__noChroot = true;');
  if (alone.ok && !outside.ok && outside.why.includes('__noChroot')) return;
  if (!alone.ok && !outside.ok && !outside.why.includes('__noChroot')) {
    throw new UserError(`Nix cannot build on this machine: ${alone.why}.`, {
      next: 'Nothing was built. `npx proxnix doctor` looks at Nix and says what to do.',
    });
  }
  const next = 'Set sandbox = true and sandbox-fallback = false in the nix.conf of this machine, then plan again.';
  if (outside.ok)
    throw new UserError('Nix builds outside of its sandbox on this machine, so nothing is built.', { next });
  throw new UserError('It cannot be told that Nix builds in its sandbox on this machine, so nothing is built.', {
    next,
    details: [alone, outside].flatMap((probe) => (probe.ok ? [] : [probe.why])),
  });
}

type Built = { readonly ok: true } | { readonly ok: false; readonly why: string };

async function buildProbe(settings: NixSettings, system: string, script: string, more = ''): Promise<Built> {
  const expression = `derivation { name = "proxnix-probe"; system = "${system}"; builder = "/bin/sh"; args = [ "-c" ${nixString(script)} ]; preferLocalBuild = true; ${more} }`;
  const said = new Newest<string>({ count: 20, bytes: 16 * 1024 });
  const store = settings.store === undefined ? [] : ['--store', settings.store];
  const result = await runNix(settings, {
    program: 'nix',
    args: ['build', '--no-link', '--offline', ...store, ...sandboxArguments, '--expr', expression],
    onLine: (line) => {
      const text = cleanText(cut(line, 1000));
      said.add(text, text.length);
    },
  });
  if (result.exitCode === 0) return { ok: true };
  const lines = said.items();
  const errors = lines.filter((line) => line.startsWith('error:'));
  return { ok: false, why: (errors.at(-1) ?? lines.at(-1) ?? 'Nix said nothing').replace(/^error:\s*/, '') };
}

/** What this Nix builds for, and whether its sandbox has a shell without being told. */
export async function hostSettings(
  given: NixOptions | NixSettings,
): Promise<{ readonly system: string; readonly shell: boolean }> {
  const settings = 'home' in given ? given : nixSettings(given);
  const command = olderThan(await nixVersion(settings), [2, 20]) ? ['show-config'] : ['config', 'show'];
  const result = await runNix(settings, { program: 'nix', args: [...command, '--json'] });
  const known = Settings.parse(JSON.parse(result.stdout));
  return { system: known.system.value, shell: known['sandbox-paths'].value.some((path) => path.startsWith('/bin/sh')) };
}
