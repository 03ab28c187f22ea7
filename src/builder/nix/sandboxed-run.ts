import { Newest } from '../../lib/newest.ts';
import { type NixEvent, parseLine } from './log-stream.ts';
import { type NixResult, runNix } from './process.ts';
import { inSandbox, type SandboxUse } from './sandbox.ts';
import type { NixSettings } from './settings.ts';

/** How much of what Nix says to people is kept: an evaluation may print without end (`builtins.trace`); errors come last. */
const saidLimits = { count: 200, bytes: 2 * 1024 * 1024 };

/** What came of a run of `nix` in the sandbox. */
interface SandboxedRun {
  readonly result: NixResult;
  /** What Nix said to people, without its progress. */
  readonly said: readonly NixEvent[];
  /** The connections that the egress proxy refused, one sentence each. */
  readonly refused: readonly string[];
}

/**
 * Runs `nix` once in a sandbox of its own, with the memory limit of an evaluation.
 * @param args the arguments, given the store as the sandbox reaches it
 */
export async function runSandboxed(
  settings: NixSettings,
  use: SandboxUse,
  run: {
    readonly args: (store: string | undefined) => readonly string[];
    readonly timeoutMs: number;
    /** Bytes of standard output. */
    readonly maxOutput?: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<SandboxedRun> {
  const said = new Newest<NixEvent>(saidLimits);
  const { args, timeoutMs, maxOutput, signal } = run;
  return inSandbox(settings, use, async (sandbox) => {
    const result = await runNix(settings, {
      program: 'nix',
      args: args(sandbox.store),
      sandbox,
      signal,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      limits: { timeoutMs, memoryBytes: settings.evalMemoryBytes },
      onLine: (line) => {
        const event = parseLine(line);
        if (event?.kind === 'text' || event?.kind === 'message') said.add(event, line.length);
      },
    });
    return { result, said: said.items(), refused: sandbox.refused() };
  });
}
