import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BuildMonitor } from '../../../../src/builder/builder.ts';
import type { Cluster, ImageFile } from '../../../../src/cluster/cluster.ts';
import { ProxmoxCluster } from '../../../../src/cluster/proxmox/proxmox.ts';
import { type Image, imageHash } from '../../../../src/core/guest.ts';
import {
  demoSeed,
  type Seed,
  type Simulator,
  startSimulator,
  type WorldState,
} from '../../../../src/simulator/simulator.ts';
import { currentVersion, type StoreData } from '../../../../src/store/schema.ts';
import type { AuditEntry } from '../../../../src/store/store.ts';
import { secretOf } from '../../../cluster/proxmox/on-simulator.ts';
import { FakeBuilder } from '../../../fakes/builder.ts';
import { FakeChat, type FakeMessage } from '../../../fakes/chat.ts';
import { FakeStore } from '../../../fakes/store.ts';
import { Bench } from '../../../support/pipeline.ts';
import { commitOf, shaOf } from '../fleet.ts';
import { Deaths, type Point } from './deaths.ts';
import { Wire } from './wire.ts';

/** The part of the real waits that the simulator and the adapter wait here. */
const timeScale = 0.01;
const foreignVmid = 900;

/** What one commit declares. */
export interface Declared {
  readonly fleet: { readonly vms?: object; readonly containers?: object };
  readonly images: Readonly<Record<string, string>>;
}

/** A world at rest, as data: every point of a story begins with a copy of it. */
export interface Snapshot {
  readonly cluster: WorldState;
  readonly store: StoreData;
  readonly audit: readonly AuditEntry[];
  readonly messages: readonly FakeMessage[];
  readonly commits: readonly Declared[];
  /** The guests that HA keeps running. */
  readonly managed?: readonly number[];
}

/** The pipeline over the real adapter and the simulator, in processes that can be killed. */
export class KillWorld {
  readonly simulator: Simulator;
  readonly bench: Bench;
  readonly #folder: string;
  readonly #switch: { current: Cluster };
  readonly #commits: Declared[];
  #wires: Wire[] = [];
  #deaths = new Deaths();

  private constructor(parts: {
    readonly simulator: Simulator;
    readonly folder: string;
    readonly from: Snapshot | undefined;
  }) {
    const { simulator, folder, from } = parts;
    this.simulator = simulator;
    this.#folder = folder;
    this.#commits = [...(from?.commits ?? [])];
    const current: { current?: Cluster } = {};
    this.#switch = current as { current: Cluster };
    this.bench = new Bench({
      builder: new FileBuilder(folder),
      store: new FakeStore(from?.store, [...(from?.audit ?? [])]),
      chats: [new FakeChat({ messages: structuredClone([...(from?.messages ?? [])]) })],
      fleets: [{ cluster: switched(() => this.#switch.current) }],
    });
    // Both clocks tell the same time, so that the rollback window passes for images as well.
    this.bench.clock.jump(Date.now() - this.bench.clock.now());
    for (const [index, declared] of this.#commits.entries()) this.#declare(index + 1, declared);
  }

  /** A world as it was, or an empty one; its first process dies at the point. */
  static async open(from?: Snapshot, point?: Point): Promise<KillWorld> {
    const folder = mkdtempSync(path.join(tmpdir(), 'proxnix-killed-'));
    const simulator = await startSimulator({ seed: seed(), timeScale, state: structuredClone(from?.cluster) });
    const world = new KillWorld({ simulator, folder, from });
    world.#deaths = new Deaths(point);
    for (const vmid of from?.managed ?? []) await simulator.outside({ do: 'ha', vmid, state: 'started' });
    await world.#connect();
    await world.bench.start();
    return world;
  }

  async close(): Promise<void> {
    this.bench.kill();
    for (const wire of this.#wires) wire.cut();
    await this.simulator.close();
    rmSync(this.#folder, { recursive: true });
  }

  /** Everything that this process wrote so far, in order. */
  get writes(): readonly string[] {
    return this.#deaths.writes;
  }

  /** Makes a commit the head of the branch. */
  commit(declared: Declared): void {
    this.#commits.push(declared);
    this.#declare(this.#commits.length, declared);
  }

  /** The hash of the newest commit. */
  get head(): string {
    return shaOf(this.#commits.length);
  }

  /** Goes on until all that was set off is done, or the process is dead. */
  async settle(): Promise<void> {
    await this.untilDeath(this.bench.settle());
  }

  /** Waits for something that a dead process never comes to. @returns `undefined` then */
  async untilDeath<T>(work: Promise<T>): Promise<T | undefined> {
    return Promise.race([work, this.bench.life.ended.then(() => undefined)]);
  }

  get isDead(): boolean {
    return this.bench.life.over;
  }

  /** Another process on the same store and cluster. */
  async restart(): Promise<void> {
    this.bench.kill();
    for (const wire of this.#wires) wire.cut();
    this.#deaths = new Deaths();
    await this.#connect(() => this.bench.restart());
    await this.bench.settle();
  }

  /** Waits for what runs on in the cluster without anybody who asked for it. */
  async tasksEnd(): Promise<void> {
    while (this.simulator.tasks().some(({ exit }) => exit === undefined)) await setTimeout(2);
  }

  /** A world at rest as data. */
  async snapshot(): Promise<Snapshot> {
    await this.tasksEnd();
    const { simulator, bench } = this;
    const onDisk = bench.store.reopen();
    return structuredClone({
      cluster: { guests: simulator.guests(), volumes: simulator.volumes(), tasks: [] },
      store: { version: currentVersion, runs: onDisk.runs(), fleets: { acme: onDisk.fleet('acme') } },
      audit: bench.store.audited(),
      messages: bench.chat.messages,
      commits: this.#commits,
    });
  }

  /** A call of the administrator. */
  async admin(method: string, call: string, params: Readonly<Record<string, string>>): Promise<void> {
    const body = new URLSearchParams(params);
    const response = await fetch(`${this.simulator.url}/api2/json${call}`, {
      method,
      headers: { authorization: `PVEAPIToken=admin@pve!all=${secretOf(seed(), 'admin@pve!all')}` },
      body,
    });
    if (!response.ok) throw new Error(`${method} ${call}: ${response.status} ${await response.text()}`);
  }

  /** Lets a process speak to the simulator. `begin`: the process begins only when it can. */
  async #connect(begin?: () => Promise<unknown>): Promise<void> {
    const deaths = this.#deaths;
    const owner: { life?: Bench['life'] } = begin === undefined ? { life: this.bench.life } : {};
    const wire = new Wire(this.simulator.url, (write, when) => {
      const dies = deaths.request(write, when);
      if (dies) owner.life?.end();
      return dies;
    });
    this.#wires = [wire];
    const isOver = () => owner.life?.over === true;
    this.#switch.current = new ProxmoxCluster({
      url: await wire.listen(),
      tokenId: 'proxnix@pve!bot',
      secret: secretOf(seed(), 'proxnix@pve!bot'),
      imageStorage: 'local',
      // The dead do not wake up.
      sleep: (ms) => (isOver() ? new Promise(() => undefined) : setTimeout(ms * timeScale, undefined)),
      timeouts: { requestMs: 5000, stallMs: 5000, startMs: 3000, haDelayMs: 1000 },
    });
    await begin?.();
    const { life } = this.bench;
    owner.life = life;
    life.endsAt = (_, when, made) => {
      if (!['saveRun', 'saveMessages', 'saveFleet', 'audit'].includes(made.member) || !deaths.store(made, when))
        return false;
      wire.cut();
      return true;
    };
  }

  #declare(number: number, { fleet, images }: Declared): void {
    this.bench.builder.commit(shaOf(number), { fleet, images });
    this.bench.git.push(commitOf(number));
  }
}

/** The fake builder, whose images are files that can be uploaded. */
class FileBuilder extends FakeBuilder {
  readonly #folder: string;

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  override async build(images: readonly Image[], monitor: BuildMonitor, signal?: AbortSignal) {
    const files = await super.build(images, monitor, signal);
    return files.map(({ image }) => this.#write(image));
  }

  #write(image: Image): ImageFile {
    const bytes = image.kind === 'vm' ? emptyDisk() : Buffer.alloc(4096);
    const file = path.join(this.#folder, `${imageHash(image)}.${image.kind === 'vm' ? 'qcow2' : 'tar.xz'}`);
    writeFileSync(file, bytes);
    return { image, path: file, size: bytes.length, ...(image.kind === 'vm' ? { virtualSize } : {}) };
  }
}

const virtualSize = 4 * 2 ** 20;

/** A qcow2 file that is nothing but its header. */
function emptyDisk(): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt32BE(0x514649fb, 0);
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(virtualSize), 24);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}

/** A cluster with somebody else's machines in it; an import takes two seconds of its time. */
function seed(): Seed {
  const base = demoSeed();
  const disk = (volid: string, size: number) => ({
    volid,
    content: 'images',
    format: 'qcow2',
    size,
    virtualSize: size,
  });
  return {
    ...base,
    rates: { importBytesPerSecond: virtualSize / 2, statisticsSeconds: 0 },
    volumes: [
      disk(`fast:${foreignVmid}/vm-${foreignVmid}-disk-0.qcow2`, 2 ** 20),
      disk(`fast:${foreignVmid}/vm-${foreignVmid}-disk-1.qcow2`, 2 ** 21),
      disk('fast:901/vm-901-disk-0.qcow2', 2 ** 20),
    ],
    guests: [
      {
        ...{ type: 'qemu', vmid: foreignVmid, node: 'pve1', running: true },
        config: {
          name: 'somebody-elses',
          tags: 'backup',
          scsi0: `fast:${foreignVmid}/vm-${foreignVmid}-disk-0.qcow2,size=1M`,
          unused0: `fast:${foreignVmid}/vm-${foreignVmid}-disk-1.qcow2`,
        },
      },
      {
        ...{ type: 'lxc', vmid: 901, node: 'pve1' },
        config: { hostname: 'somebody-elses-too', rootfs: 'fast:901/vm-901-disk-0.qcow2,size=1M' },
      },
    ],
  };
}

/** The cluster of whichever process is at work. */
function switched(current: () => Cluster): Cluster {
  return new Proxy({} as Cluster, {
    get: (_, member: keyof Cluster) => {
      const cluster = current();
      return (cluster[member] as (...args: unknown[]) => unknown).bind(cluster);
    },
  });
}
