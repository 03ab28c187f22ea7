import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from './body.ts';
import { createClock } from './clock.ts';
import type { Guest } from './guest.ts';
import { actOutside, OutsideAction } from './outside.ts';
import type { Seed } from './seed.ts';
import { createApiServer } from './server.ts';
import type { TaskRecord } from './tasks.ts';
import type { Volume } from './volume.ts';
import { openWorld, type World, type WorldState } from './world.ts';

export type { OutsideAction } from './outside.ts';
export { demoSeed, parseSeed, type Seed } from './seed.ts';
export type { WorldState } from './world.ts';

/** How a simulated cluster is started. */
export interface SimulatorOptions {
  /** The state it begins with and returns to at a reset. */
  readonly seed: Seed;
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. The doors for outside actions are open only on a loopback address. */
  readonly host?: string | undefined;
  /** Added to every call. */
  readonly latencyMs?: number | undefined;
  /** Milliseconds a 401 is held back. The real server takes 3000; default 0. */
  readonly refusalDelayMs?: number | undefined;
  /** What part of the real server's waits (agent, shutdown, locks, imports) is waited; default 1, tests take less. */
  readonly timeScale?: number | undefined;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** From 0 to 1, as `Math.random`, which is the default. */
  readonly random?: (() => number) | undefined;
  /** Gets a line for people about errors inside of the simulator. */
  readonly log?: ((line: string) => void) | undefined;
  /** PEM texts; serves HTTPS with them, else HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Keeps the state in this file, so that the cluster outlives a restart. */
  readonly stateFile?: string | undefined;
  /** In place of the seed's guests and volumes, and of what a state file holds. */
  readonly state?: WorldState | undefined;
  /** Bytes a second of an import, in place of the seed's rate. */
  readonly importBytesPerSecond?: number | undefined;
  /** Seconds that the lists of guests lag behind, in place of the seed's. */
  readonly statisticsSeconds?: number | undefined;
  /** Called with every request when it is answered. */
  readonly requests?: ((what: { method: string; path: string; status: number; ms: number }) => void) | undefined;
}

/** A simulated cluster that listens, with what a test looks at from outside of the API. */
export interface Simulator {
  /** `http://127.0.0.1:8006`, without a slash at its end and without `/api2/json`. */
  readonly url: string;
  readonly port: number;
  /** Ends connections and tasks. With `stateFile` the state is saved. */
  close(): Promise<void>;
  /** Does what no API call can do; see the README for the actions. */
  outside(action: OutsideAction): Promise<void>;
  /** Back to the seed: guests, volumes and tasks are gone. */
  reset(): Promise<void>;
  guests(): readonly Guest[];
  guest(vmid: number): Guest | undefined;
  volumes(): readonly Volume[];
  tasks(): readonly TaskRecord[];
}

/** Starts a Proxmox VE API on a port of this machine. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { host = '127.0.0.1', stateFile, log = () => undefined } = options;
  const seed = withRates(options);
  const clock = createClock(options.now ?? Date.now, options.random ?? Math.random, options.timeScale ?? 1);
  const save = () => {
    if (stateFile !== undefined) saveState(stateFile, world.state());
  };
  const fingerprint = options.tls === undefined ? undefined : new X509Certificate(options.tls.cert).fingerprint256;
  const kept = options.state ?? (stateFile === undefined ? undefined : loadState(stateFile));
  let world = openWorld(seed, clock, save, { fingerprint, state: kept });
  const reset = async () => {
    const old = world;
    world = openWorld(seed, clock, save, { fingerprint });
    await old.tasks.clear();
    save();
  };
  const server = createApiServer({
    world: () => world,
    latencyMs: options.latencyMs ?? 0,
    refusalDelayMs: options.refusalDelayMs ?? 0,
    tls: options.tls,
    beside: (request, response, path) => sideDoor(isLoopback(host), () => world, reset, request, response, path),
    onAnswer: (what) => {
      log(`${what.method} ${what.path} ${what.status} ${Math.round(what.ms)}ms`);
      if (what.method !== 'GET') save();
      options.requests?.(what);
    },
  });
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    outside: (action) => actOutside(world, action),
    reset,
    guests: () => world.guests(),
    guest: (vmid) => world.findGuest(vmid),
    volumes: () => world.storages.everywhere(),
    tasks: () => world.tasks.list(),
    async close() {
      save();
      server.close();
      server.closeAllConnections();
      await world.tasks.clear();
    },
  };
}

function withRates(options: SimulatorOptions): Seed {
  const { rates } = options.seed;
  return {
    ...options.seed,
    rates: {
      importBytesPerSecond: options.importBytesPerSecond ?? rates.importBytesPerSecond,
      statisticsSeconds: options.statisticsSeconds ?? rates.statisticsSeconds,
    },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** `POST /__simulator/outside` and `/__simulator/reset`: answers false for every other path. */
async function sideDoor(
  isOpen: boolean,
  world: () => World,
  reset: () => Promise<void>,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  if (!isOpen || request.method !== 'POST' || !path.startsWith('/__simulator/')) return false;
  const body = await readBody(request);
  const say = (status: number, text: string) => {
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end(text);
  };
  try {
    if (path === '/__simulator/reset') await reset();
    else if (path === '/__simulator/outside') await actOutside(world(), OutsideAction.parse(JSON.parse(body)));
    else say(404, 'no such door\n');
    if (!response.writableEnded) say(200, 'done\n');
  } catch (error) {
    say(400, `${error instanceof Error ? error.message : String(error)}\n`);
  }
  return true;
}

/** The state kept in a file, or undefined when there is no file yet. A damaged file is an error, never overwritten. */
export function loadState(path: string): WorldState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const state: unknown = JSON.parse(text);
  if (isState(state)) return state;
  throw new Error(`${path} does not hold the state of a simulator`);
}

/** Writes the state to a file beside it, then takes its place, so that a crash leaves the old or the new one. */
export function saveState(path: string, state: WorldState): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(state));
  renameSync(fresh, path);
}

/** The file is the simulator's own: only that it is whole is looked at. */
function isState(value: unknown): value is WorldState {
  if (typeof value !== 'object' || value === null) return false;
  return ['guests', 'volumes', 'tasks'].every((key) => key in value && Array.isArray(Reflect.get(value, key)));
}
