import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type App, type AppParts, startApp } from '../app.ts';
import { checkSandbox } from '../builder/nix/sandbox.ts';
import { nixSettings } from '../builder/nix/settings.ts';
import { loadConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import { demoSeed, type Simulator, startSimulator } from '../simulator/simulator.ts';
import { findNix } from './private-store.ts';
import { createSampleRepository, type SampleRepository } from './repository.ts';
import { stateDirOf, writeSession } from './session.ts';

/** A running demo: the bot, a simulated cluster and a repository to push to. */
export interface Demo {
  readonly app: App;
  readonly simulator: Simulator;
  readonly repository: SampleRepository;
  /** The reason for recorded evaluations; absent with real Nix. */
  readonly recorded?: string;
  /** The reason why evaluations run without a sandbox; absent when they run in one. */
  readonly unboxed?: string;
  stop(): Promise<void>;
}

/** The options of a demo. */
export interface DemoOptions {
  /** An empty folder for everything the demo keeps. */
  readonly dir: string;
  readonly port: number;
  readonly log?: Log;
  /** Called with every call to the simulator. */
  readonly requests?: (what: { readonly method: string; readonly path: string }) => void;
  /** In place of the seed's 100 MB/s. */
  readonly importBytesPerSecond?: number;
}

/** Starts everything and makes the sample repository. `reportHead` reports its first commit to the bot, this does not. */
export async function startDemo({ dir, port, log, importBytesPerSecond, requests }: DemoOptions): Promise<Demo> {
  const seed = demoSeed();
  const [token] = seed.tokens;
  if (token === undefined) throw new Error('the demo cluster has no token');
  const nix = await findNixHere(dir);
  const simulator = await startSimulator({ seed, timeScale: 0.2, importBytesPerSecond, requests });
  try {
    const repository = await createSampleRepository(dir, { system: nix.system });
    const secret = randomBytes(24).toString('hex');
    const config = loadConfig(
      {
        PROXMOX_URL: simulator.url,
        PROXMOX_TOKEN_ID: token.tokenid,
        PROXMOX_TOKEN_SECRET: token.secret,
        PROXMOX_IMAGE_STORAGE: 'local',
        GIT_URL: repository.origin,
        FLEET: 'demo',
        WEBHOOK_SECRET: secret,
        WEBHOOK_REPOSITORY: 'demo/fleet',
        POLL_INTERVAL: 'off',
        DRIFT_POWER_INTERVAL: '10s',
        HTTP_PORT: String(port),
        APPROVERS: 'console:owner',
        STATE_DIR: stateDirOf(dir),
        LOG_LEVEL: 'warn',
        NIX_EVAL_SANDBOX: nix.unboxed === undefined ? 'on' : 'off',
      },
      () => '',
    );
    const app = await startApp(config, {
      ...nix.parts,
      proxmox: { timeouts: quickTimeouts },
      health: quickHealth,
      ...(log === undefined ? {} : { log }),
    });
    await writeSession(dir, repository.origin, { url: app.url, secret, simulatorUrl: simulator.url });
    const stop = async () => {
      await app.stop();
      await simulator.close();
    };
    return {
      ...{ app, simulator, repository, stop },
      ...(nix.why === undefined ? {} : { recorded: nix.why }),
      ...(nix.unboxed === undefined ? {} : { unboxed: nix.unboxed }),
    };
  } catch (error) {
    await simulator.close();
    throw error;
  }
}

/** The simulator takes a fifth of the real server's time, so tasks are polled more often as well. */
const quickTimeouts = { pollMs: [100, 200, 400], logMs: 500, pauseMs: 600, startMs: 1000 };

/** The time of the simulator's guests: five times as fast. */
export const quickHealth = {
  now: () => Date.now() * 5,
  sleep: async (ms: number, signal?: AbortSignal) => {
    await setTimeout(ms / 5, undefined, signal === undefined ? {} : { signal });
  },
};

interface HereNix {
  readonly system: string;
  readonly parts: AppParts;
  readonly why?: string;
  readonly unboxed?: string;
}

/** Real Nix where it works, else recorded evaluations of the same repository. */
async function findNixHere(dir: string): Promise<HereNix> {
  const found = await findNix(dir).catch((error: Error) => ({ why: error.message }));
  if ('options' in found) {
    // The flake of the demo is the reader's own, so it may be evaluated without a sandbox.
    const unboxed = await checkSandbox(nixSettings(found.options)).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const parts = { nix: found.options };
    return { system: found.system, parts, ...(unboxed === undefined ? {} : { unboxed }) };
  }
  const { RecordedBuilder } = await import('./recorded-builder.ts');
  return {
    system: 'x86_64-linux',
    parts: { builder: new RecordedBuilder({ dir: path.join(dir, 'recorded') }) },
    why: found.why,
  };
}
