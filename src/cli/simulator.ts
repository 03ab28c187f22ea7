import { readFileSync } from 'node:fs';
import { UserError } from '../core/errors.ts';
import { demoSeed, parseSeed, type Seed, startSimulator } from '../simulator/simulator.ts';
import { untilSignal } from './signals.ts';

/**
 * `proxnix simulator`: serves the simulated Proxmox VE until SIGINT or SIGTERM.
 * Throws a `UserError` when the seed cannot be read or the port cannot be used.
 */
export async function simulatorCommand(args: {
  readonly port?: number | undefined;
  readonly seed?: string | undefined;
  readonly stateFile?: string | undefined;
}): Promise<void> {
  const seed = args.seed === undefined ? demoSeed() : readSeed(args.seed);
  const { port = 0 } = args;
  const simulator = await startSimulator({ seed, port, stateFile: args.stateFile }).catch((error: unknown) => {
    throw new UserError(`The simulator cannot listen on port ${port}: ${messageOf(error)}`, {
      next: 'Choose another one with --port, or stop the program that uses it.',
      cause: error,
    });
  });
  const stopping = untilSignal('Stopping.');
  console.log(`Proxmox VE ${seed.version} API simulator: ${simulator.url}/api2/json`);
  for (const token of seed.tokens) console.log(`  token ${token.tokenid}=${token.secret}`);
  console.log('Press Ctrl+C to stop.');
  await stopping;
  await simulator.close();
}

function readSeed(path: string): Seed {
  try {
    return parseSeed(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new UserError(`The seed ${path} cannot be read: ${messageOf(error)}`, {
      next: 'src/simulator/seed.ts has the form of a seed.',
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
