import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { nixMissing, runNix } from './process.ts';
import { type NixOptions, type NixSettings, nixSettings } from './settings.ts';

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
