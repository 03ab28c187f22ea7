import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import https from 'node:https';
import { type AddressInfo, createConnection, createServer as createTcpServer, type Server } from 'node:net';
import { onTestFinished } from 'vitest';
import type { GuestProbe, HealthMonitor, RunState } from '../../src/health/health.ts';
import type { Connect } from '../../src/health/network.ts';

/** A clock that moves only when somebody sleeps. */
export function aClock() {
  let time = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => time,
    sleep: async (ms: number) => {
      slept.push(ms);
      time += ms;
    },
  };
}

/** A probe that gives these answers in turn, the last one for ever. Not given: a running guest with an agent. */
export function aProbe(script: {
  readonly running?: readonly (boolean | RunState | Error)[];
  readonly ping?: readonly ('ok' | 'silent' | 'absent' | Error)[];
  readonly address?: string | undefined;
}): GuestProbe & { readonly asked: string[] } {
  const { running = [true], ping = ['ok'] } = script;
  const asked: string[] = [];
  const turns = new Map<string, number>();
  const next = <T>(question: string, answers: readonly (T | Error)[]): T => {
    const turn = turns.get(question) ?? 0;
    turns.set(question, turn + 1);
    asked.push(question);
    const answer = answers[Math.min(turn, answers.length - 1)];
    if (answer === undefined || answer instanceof Error) throw answer;
    return answer;
  };
  return {
    asked,
    running: async () => {
      const said = next<boolean | RunState>('running', running);
      return typeof said === 'boolean' ? (said ? 'running' : 'stopped') : said;
    },
    agentPing: async () => next('ping', ping),
    address: async () => {
      asked.push('address');
      return 'address' in script ? script.address : '10.77.0.73';
    },
  };
}

export function aMonitor(): HealthMonitor & { readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, line: (text) => void lines.push(text) };
}

/** A network in which guests' addresses are servers of this machine; everything else refuses. */
export function aNetwork(servers: Readonly<Record<string, number>> = {}) {
  const dialed: string[] = [];
  // Port 1 of this machine belongs to nobody.
  const connect: Connect = ({ host, port }) => {
    dialed.push(`${host}:${port}`);
    return createConnection({ host: '127.0.0.1', port: servers[`${host}:${port}`] ?? 1 });
  };
  return { connect, dialed };
}

export async function serve(listener: RequestListener): Promise<number> {
  return listening(createServer(listener));
}

export async function serveTls(key: string, cert: string, listener: RequestListener): Promise<number> {
  return listening(https.createServer({ key, cert }, listener));
}

/** A server that takes connections and says what it is told, or nothing. */
export async function serveRaw(text = ''): Promise<number> {
  return listening(
    createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.write(text);
    }),
  );
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}
