import { join } from 'node:path';
import { hostSettings, probeBuild } from '../builder/nix/installation.ts';
import type { NixOptions } from '../builder/nix/settings.ts';

/** Nix as the demo can use it on this machine. */
export interface DemoNix {
  readonly options: NixOptions;
  readonly system: string;
}

/**
 * Options for a Nix store in a folder of its own: no root rights, no daemon, nothing of the machine's own store is
 * touched, and the store paths are the usual ones. Such a store always builds in a sandbox, which needs user namespaces
 * (Linux).
 */
export async function privateStore(dir: string, nixBinDir?: string): Promise<NixOptions> {
  const base = { dir: join(dir, 'nix'), offline: true, ...(nixBinDir === undefined ? {} : { nixBinDir }) };
  const { shell } = await hostSettings(base);
  return {
    ...base,
    store: join(dir, 'store'),
    config: {
      sandbox: 'true',
      substituters: '',
      // Debian's Nix comes without a shell for its sandbox.
      ...(shell ? {} : { 'sandbox-paths': '/bin? /usr? /lib? /lib64?' }),
      // As root Nix would want a group of build users; inside this sandbox a builder is nobody anyway.
      ...(process.getuid?.() === 0 ? { 'build-users-group': '' } : {}),
    },
  };
}

/**
 * The first way to build that works here: a private store below `dir`, else the machine's own store.
 * @returns the reason, in Nix's words, when neither works
 * @throws UserError when Nix is not installed
 */
export async function findNix(dir: string, nixBinDir?: string): Promise<DemoNix | { readonly why: string }> {
  const own = await privateStore(dir, nixBinDir);
  const first = await probeBuild(own);
  if (first.ok) return { options: own, system: first.system };
  const machine: NixOptions = { dir: own.dir, offline: true, ...(nixBinDir === undefined ? {} : { nixBinDir }) };
  const second = await probeBuild(machine);
  return second.ok ? { options: machine, system: second.system } : { why: `${first.why}; ${second.why}` };
}
