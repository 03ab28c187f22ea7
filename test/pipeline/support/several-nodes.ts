import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Builder } from '../../../src/builder/builder.ts';
import type { Cluster, ImageFile } from '../../../src/cluster/cluster.ts';
import { imageHash } from '../../../src/core/guest.ts';
import type { StepSpec } from '../../../src/core/steps.ts';
import { readTags, splitTags } from '../../../src/core/tags.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { openSimulated } from '../../cluster/proxmox/on-simulator.ts';
import { severalNodes } from '../../cluster/proxmox/several-nodes.ts';
import { aBench, type Bench, type Declared } from '../../support/pipeline.ts';

const gib = 2 ** 30;
/** More than its head, so that a second journey would be seen in the bytes. */
export const imageBytes = 300_000;

/** The pipeline with the real adapter, on a simulated cluster of several nodes. */
export async function startOnNodes(from: Seed = severalNodes()) {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-nodes-'));
  const wire = new Wire();
  const world = await openSimulated(from, (url) => wire.listen(url));
  const { simulator, requests } = world;
  let before: (step: StepSpec) => Promise<void> = async () => {};
  const cluster = new Proxy<Cluster>(world.cluster, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (member === 'perform') await before(args[0] as StepSpec);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  const fake = (): Builder => bench.builder;
  const builder: Builder = {
    fetchInputs: (...args) => fake().fetchInputs(...args),
    evaluateFleet: (...args) => fake().evaluateFleet(...args),
    evaluateImages: (...args) => fake().evaluateImages(...args),
    packageVersions: (...args) => fake().packageVersions(...args),
    log: (...args) => fake().log(...args),
    keep: (...args) => fake().keep(...args),
    build: async (...args) => (await fake().build(...args)).map((file) => written(dir, file)),
  };
  const bench: Bench = await aBench({ fleets: [{ cluster, builder }] });
  onTestFinished(async () => {
    await world.close();
    wire.close();
    await rm(dir, { recursive: true });
  });
  return {
    ...{ bench, world, simulator, requests, wire },
    uploads: () => requests.filter((request) => /^POST .*\/upload$/.test(request)),
    /** Where guests are, and whether they run and are done. */
    guests: () =>
      simulator.guests().map(({ vmid, node, startedAt, config }) => {
        const { pending } = readTags(splitTags(String(config['tags'] ?? '')));
        return `${vmid} ${node} ${startedAt === undefined ? 'stopped' : 'running'}${pending ? ' pending' : ''}`;
      }),
    /** A commit is pushed, and its plan approved and carried out. */
    deploy: async (n: number, declared: Declared): Promise<void> => {
      await bench.push(n, declared);
      await bench.apply();
      bench.run('applied');
    },
    /** Something happens once, before the first step of a kind. */
    beforeNext: (kind: StepSpec['kind'], happens: () => Promise<void>): void => {
      before = async (step) => {
        if (step.kind !== kind) return;
        before = async () => {};
        await happens();
      };
    },
    plan: (): readonly string[] =>
      bench
        .run('planned')
        .plan.changes.map(
          ({ action, vmid, node, blocked }) => `${action} ${vmid} on ${node}${blocked ? ` (${blocked.reason})` : ''}`,
        ),
  };
}

/** A connection to the simulator on which the bytes are counted. */
class Wire {
  /** Bytes on their way to the cluster. */
  sent = 0;
  readonly #server = net.createServer();
  readonly #sockets = new Set<net.Socket>();

  async listen(url: string): Promise<string> {
    const { hostname, port } = new URL(url);
    this.#server.on('connection', (socket) => {
      const onward = net.connect(Number(port), hostname);
      for (const one of [socket, onward]) {
        this.#sockets.add(one);
        one.on('error', () => one.destroy());
      }
      socket.on('data', (chunk: Buffer) => {
        this.sent += chunk.length;
      });
      socket.pipe(onward).pipe(socket);
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** A qcow2 file of 1 GiB that is nothing but its head and zeros. */
export function written(dir: string, { image }: ImageFile): ImageFile {
  const bytes = Buffer.alloc(imageBytes);
  bytes.writeUInt32BE(0x514649fb, 0);
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(gib), 24);
  bytes.writeUInt32BE(104, 100);
  const file = path.join(dir, `${imageHash(image)}.qcow2`);
  writeFileSync(file, bytes);
  return { image, path: file, size: imageBytes, virtualSize: gib };
}
