import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Source } from '../../git/git.ts';
import { isDeeperThan } from '../../lib/text.ts';
import { runSandboxed } from './evaluate.ts';
import { readEvaluationFailure } from './evaluation-failure.ts';
import { type FetchedInput, fetchExpression } from './expression.ts';
import type { NixSettings } from './settings.ts';
import { fetchArguments } from './settings.ts';

const Locked = z.looseObject({
  type: z.string(),
  narHash: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  host: z.string().optional(),
  owner: z.string().optional(),
  repo: z.string().optional(),
  rev: z.string().optional(),
});
type Locked = z.infer<typeof Locked>;

/** What Nix writes into `flake.lock` (`nix flake lock --help`, "Lock files"); versions 5 to 7 are alike here. */
const Lock = z.object({
  version: z.int().min(5).max(7),
  nodes: z.record(z.string(), z.looseObject({ locked: Locked.optional() })),
});

/** Owners of a forge, in groups and subgroups as GitLab has them (percent-encoded by Nix); `~` begins one of sourcehut. */
const forgePath = /^~?[A-Za-z0-9][A-Za-z0-9._-]*(?:(?:\/|%2[Ff])[A-Za-z0-9][A-Za-z0-9._-]*){0,20}$/;
const forgeName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/;
const commitHash = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** More do not fit into one call: the kernel takes 128 KiB for an argument. */
const mostInputs = 200;
const longestInputs = 96 * 1024;
const deepest = 8;

/**
 * Fetches the inputs of a flake as its lock file names them: with the network and our tokens, and without a line of the
 * flake's own code. What is in the store already costs no request.
 * @throws UserError that names the input which cannot be fetched, or is none to be fetched
 */
export async function fetchInputs(settings: NixSettings, source: Source, signal?: AbortSignal): Promise<void> {
  if (source.lock === undefined) return;
  const inputs = readLock(source.lock);
  if (inputs.length === 0) return;
  const use = {
    purpose: 'fetch',
    reads: [],
    egress: { hosts: [...settings.fetchHosts, ...settings.evalHosts], publicHosts: true },
  } as const;
  const { result, said, refused } = await runSandboxed(settings, use, {
    args: (store) => fetchArguments(settings, fetchExpression(inputs), store),
    timeoutMs: settings.fetchTimeoutMs,
    signal,
  });
  if (result.ended === 'cancelled') throw new UserError('The fetch of the inputs was cancelled.');
  if (result.ended !== undefined) {
    throw new UserError(`Fetching the inputs took longer than ${settings.fetchTimeoutMs / 1000} s.`, {
      mayPass: true,
      next: 'Look at the connection of the bot to the servers that flake.lock names.',
    });
  }
  if (result.exitCode === 0) return;
  const failure = readEvaluationFailure(said, { source });
  const input = failure.input === undefined ? 'An input' : `The input ${failure.input}`;
  const sentence = failure.ofInput === true ? failure.text : `${input} cannot be fetched: ${failure.text}`;
  throw new UserError(sentence, {
    details: [...failure.lines, ...new Set(refused)],
    mayPass: refused.length === 0,
    next:
      refused.length > 0
        ? refusedAdvice
        : (failure.next ?? 'Check that the bot reaches the server, and its tokens in NIX_SETTINGS.'),
  });
}

const refusedAdvice =
  'Inputs come from public addresses and from the host of the repository. Name another host in NIX_EVAL_HOSTS.';

/** The inputs of a lock file that have to be fetched. @throws UserError for a lock file or an input that is refused */
export function readLock(text: string): readonly FetchedInput[] {
  const json = isDeeperThan(text, deepest) ? 'nested too deep' : parseJson(text);
  if (json === undefined) {
    throw new UserError('flake.lock is no JSON (a merge conflict?).', {
      next: 'Run nix flake lock, commit flake.lock and push.',
    });
  }
  const lock = Lock.safeParse(json);
  if (!lock.success) {
    throw new UserError('The file flake.lock is not one that Nix wrote.', {
      next: 'Run nix flake lock, commit and push.',
    });
  }
  const nodes = Object.entries(lock.data.nodes);
  if (nodes.length > mostInputs) throw new UserError(`The file flake.lock has more than ${mostInputs} inputs.`);
  const inputs = nodes.flatMap(([name, { locked }]) => {
    if (locked === undefined || isInside(locked)) return [];
    const why = whyRefused(locked);
    if (why === undefined) return [{ name, locked }];
    throw new UserError(`The input ${shown(name)} of flake.lock ${why}.`, {
      next: 'Use an input of type github, gitlab, sourcehut, git over https or ssh, or tarball over https.',
    });
  });
  if (JSON.stringify(inputs).length <= longestInputs) return inputs;
  throw new UserError(`The inputs of flake.lock take more than ${longestInputs / 1024} KiB.`);
}

/** A folder of the repository itself, which newer Nix locks by its relative path. */
function isInside({ type, path }: Locked): boolean {
  return type === 'path' && path !== undefined && !path.startsWith('/') && !path.split('/').includes('..');
}

function whyRefused({ type, url, host, owner, repo, rev, narHash }: Locked): string | undefined {
  switch (type) {
    case 'path':
      return "is a path of the bot's machine, outside of the repository";
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      // Nix writes them into the address as they are: another path of the forge could lead its token elsewhere.
      if (!forgePath.test(owner ?? '') || !forgeName.test(repo ?? '') || !commitHash.test(rev ?? '')) {
        return 'names no repository and commit of a forge';
      }
      if (host !== undefined && !/^[A-Za-z0-9.-]+(?::\d+)?$/.test(host)) return 'names no host';
      return narHash === undefined ? 'has no hash' : undefined;
    case 'git':
    case 'tarball':
    case 'file': {
      const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url ?? '')?.[1]?.toLowerCase();
      const known = type === 'git' ? ['https', 'http', 'ssh'] : ['https', 'http'];
      if (scheme === undefined || scheme === 'file') return "is a path of the bot's machine, outside of the repository";
      if (!known.includes(scheme)) return `is fetched by ${shown(scheme)}, which proxnix does not use`;
      return narHash === undefined ? 'has no hash' : undefined;
    }
    default:
      return `is of the type ${shown(type)}, which proxnix does not fetch`;
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
