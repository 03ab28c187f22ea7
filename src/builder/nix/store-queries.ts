import { Newest } from '../../lib/newest.ts';
import { cut } from '../../lib/text.ts';
import { storeQueryArguments } from './arguments.ts';
import { runNix } from './process.ts';
import type { NixSettings } from './settings.ts';

/** Bytes of a log; a chat takes a file of this size. */
const maxLog = 8 * 1024 * 1024;

/** Which of these paths (outputs or derivations) the store has. */
export async function validPaths(settings: NixSettings, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const missing = new Set(await lines(settings, ['--check-validity', '--print-invalid', ...paths]));
  return new Set(paths.filter((path) => !missing.has(path)));
}

/** The derivations and sources a derivation is made of, itself included. */
export async function requisites(settings: NixSettings, drvPath: string): Promise<ReadonlySet<string>> {
  return new Set(await lines(settings, ['--query', '--requisites', drvPath]));
}

/** The log of a derivation's last build; `undefined` when Nix keeps none. */
export async function readLog(settings: NixSettings, drvPath: string): Promise<string | undefined> {
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, ['--read-log', drvPath]),
    maxOutput: maxLog,
  });
  // A log that is longer is cut, which is better than none.
  return result.exitCode === 0 || result.ended === 'too-much-output' ? result.stdout : undefined;
}

async function lines(settings: NixSettings, query: readonly string[]): Promise<readonly string[]> {
  const said = new Newest<string>({ count: 5, bytes: 4096 });
  const result = await runNix(settings, {
    program: 'nix-store',
    args: storeQueryArguments(settings, query),
    onLine: (line) => {
      const short = cut(line, 500);
      said.add(short, short.length);
    },
  });
  if (result.exitCode !== 0)
    throw new Error(`nix-store ${query[0]} ended with ${result.exitCode}: ${said.items().join('; ')}`);
  return result.stdout.split('\n').filter((line) => line !== '');
}
