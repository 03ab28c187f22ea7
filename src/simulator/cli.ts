import { readFileSync } from 'node:fs';
import { demoSeed, parseSeed, type Seed, startSimulator } from './simulator.ts';

/** The program: serves until SIGINT or SIGTERM. Throws one clear sentence when the seed or the port is no good. */
export async function simulatorCommand(args: {
  readonly port?: number | undefined;
  readonly seed?: string | undefined;
  readonly stateFile?: string | undefined;
}): Promise<void> {
  const seed = args.seed === undefined ? demoSeed() : readSeed(args.seed);
  const simulator = await startSimulator({ seed, port: args.port, stateFile: args.stateFile }).catch(
    (error: unknown) => {
      throw new Error(`the simulator cannot listen on port ${args.port ?? 0}: ${messageOf(error)}`);
    },
  );
  console.log(`Proxmox VE ${seed.version} API simulator: ${simulator.url}/api2/json`);
  for (const token of seed.tokens) console.log(`  token ${token.tokenid}=${token.secret}`);
  console.log('Press Ctrl+C to stop.');
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await simulator.close();
}

function readSeed(path: string): Seed {
  try {
    return parseSeed(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new Error(`seed ${path}: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
