import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { nixString } from '../../core/nix-text.ts';
import { Newest } from '../../lib/streams.ts';
import { cleanText, cut } from '../../lib/text.ts';
import { nixMissing, runNix } from './process.ts';
import { type NixOptions, type NixSettings, nixSettings, sandboxArguments } from './settings.ts';

/** What a look at Nix says about this machine. */
export interface NixCheck {
  readonly version: string;
  /** Each one sentence; none: all is well. */
  readonly warnings: readonly string[];
}

const Config = z.object({
  'build-users-group': z.object({ value: z.string() }).optional(),
  store: z.object({ value: z.string() }).optional(),
});

/** Reads Nix's version and settings. @throws UserError when Nix is not there */
export async function checkNix(options: NixOptions): Promise<NixCheck> {
  const settings = nixSettings(options);
  const version = await nixVersion(settings);
  const config = await readConfig(settings, version);
  const warnings = [
    ...(olderThan(version, [2, 18]) ? [`Nix ${version} is old: nixpkgs since 25.05 needs 2.18.`] : []),
    ...(config === undefined ? ['The settings of Nix cannot be read.'] : configWarnings(config, await groups())),
  ];
  return { version, warnings };
}

/** The first version number in `nix --version`: forks write more words around it. */
export async function nixVersion(settings: NixSettings): Promise<string> {
  const result = await runNix(settings, { program: 'nix', args: ['--version'] });
  const version = /\d+\.\d+(?:\.\d+)?/.exec(result.stdout)?.[0];
  if (result.exitCode !== 0 || version === undefined) throw nixMissing();
  return version;
}

/** @param groups names of the groups of this machine; `undefined` where they cannot be read */
export function configWarnings(
  config: z.infer<typeof Config>,
  groups: ReadonlySet<string> | undefined,
  uid = process.getuid?.(),
): string[] {
  const warnings: string[] = [];
  const group = config['build-users-group']?.value ?? '';
  if (uid === 0 && group !== '' && groups !== undefined && !groups.has(group)) {
    warnings.push(
      `Nix runs as root and its group ${group} is missing, so no build will work: use a normal user or the daemon.`,
    );
  }
  return warnings;
}

/** Is a version older than `major.minor`? */
export function olderThan(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}

/** `nix show-config` became `nix config show` in 2.20. */
async function readConfig(settings: NixSettings, version: string): Promise<z.infer<typeof Config> | undefined> {
  const command = olderThan(version, [2, 20]) ? ['show-config'] : ['config', 'show'];
  const result = await runNix(settings, { program: 'nix', args: [...command, '--json'] });
  if (result.exitCode !== 0) return undefined;
  return Config.safeParse(JSON.parse(result.stdout)).data;
}

async function groups(): Promise<ReadonlySet<string> | undefined> {
  const text = await readFile('/etc/group', 'utf8').catch(() => undefined);
  return text === undefined ? undefined : new Set(text.split('\n').map((line) => line.split(':', 1)[0] ?? ''));
}

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
