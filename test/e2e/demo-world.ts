import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { ConsoleClient, Message } from '../../src/demo/console-client.ts';
import { reportHead } from '../../src/demo/session.ts';
import { type Demo, startDemo } from '../../src/demo/start-demo.ts';
import { createLog } from '../../src/log.ts';
import { demoSeed } from '../../src/simulator/simulator.ts';
import { clientOf } from '../support/console.ts';

/** Everything a person has in front of them: the demo, and the console over HTTP. */
export interface World extends Demo {
  readonly dir: string;
  readonly client: ConsoleClient;
  /** Reports the head of the branch to the bot, as the first push does. */
  begin(): Promise<void>;
  /** What the bot logged. */
  readonly logged: string[];
  /** Every call that reached the simulator, as `GET /path`. */
  readonly requests: string[];
  /** A call to the cluster as its administrator: somebody at the Proxmox page. */
  call(method: string, path: string, params: Record<string, string>): Promise<Response>;
  /** Git in the person's working tree. */
  git(...args: string[]): Promise<unknown>;
}

export async function aWorld(options: { readonly importBytesPerSecond?: number } = {}): Promise<World> {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-e2e-'));
  const logged: string[] = [];
  const destination = { write: (line: string) => logged.push(line) };
  const log = createLog({ level: 'debug', gate: (text) => text, pretty: false, destination });
  const requests: string[] = [];
  const demo = await startDemo({
    ...{ dir, port: 0, log, importBytesPerSecond: 2_000_000_000 },
    requests: ({ method, path: called }) => requests.push(`${method} ${called}`),
    ...options,
  });
  const admin = demoSeed().tokens.find(({ tokenid }) => tokenid.startsWith('admin'));
  return {
    ...demo,
    dir,
    logged,
    requests,
    git: (...args) => execa('git', args, { cwd: demo.repository.dir }),
    call: (method, called, params) =>
      fetch(`${demo.simulator.url}/api2/json${called}`, {
        method,
        headers: { authorization: `PVEAPIToken=${admin?.tokenid}=${admin?.secret}` },
        ...(method === 'GET' ? {} : { body: new URLSearchParams(params) }),
      }),
    client: clientOf(demo.app),
    begin: () => reportHead(dir, demo.repository),
    stop: async () => {
      await demo.stop();
      await removeTree(dir);
    },
  };
}

/** A Nix store is read-only, down to its folders. */
export async function removeTree(dir: string): Promise<void> {
  await execa('chmod', ['-R', 'u+w', dir], { reject: false });
  await rm(dir, { recursive: true, force: true });
}

/** The plan lines of a message: sign, guest, action. */
export function changesIn(message: Message): readonly string[] {
  const rows = message.card.blocks.flatMap((block) => (block.kind === 'guests' ? block.rows : []));
  return rows.map(({ mark, guest, action, image }) =>
    [mark, guest?.name, `(${guest?.vmid})`, action, image].filter((part) => part !== undefined).join(' '),
  );
}

/** All words of a message. */
export function wordsOf(message: Message): string {
  return JSON.stringify(message.card);
}
