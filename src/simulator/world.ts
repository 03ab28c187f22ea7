import { type Clock, randomUuid } from './clock.ts';
import { type Datacenter, datacenterOf } from './datacenter.ts';
import { ApiError, failure } from './errors.ts';
import { digestOf, type Guest, newGuest } from './guest.ts';
import { GuestLocks } from './locks.ts';
import type { Seed } from './seed.ts';
import { openStorages, type Storages } from './storages.ts';
import { type TaskRecord, Tasks } from './tasks.ts';
import { type Version, versionOf } from './version.ts';
import { keepVolume, type NewVolume } from './volume.ts';

/** States that only outside actions cause: daemons that are down, a cluster without quorum. */
export interface Troubles {
  workerDaemonDown: boolean;
  configurationDown: boolean;
  noQuorum: boolean;
  /** The statistics daemons of all nodes hang. */
  statisticsDown: boolean;
  /** What HA does with each guest that is handed to it, by VMID. */
  readonly managed: Map<number, HaResource>;
  /** Nodes whose machine is off; `noticed`: the others' lists show it. */
  readonly downNodes: Map<string, { readonly reason: string; readonly noticed: boolean }>;
}

/** A guest in the hands of HA. */
export interface HaResource {
  /** What is asked for: `started`, `stopped`, `disabled`, or `ignored`, with which HA does nothing. */
  state: string;
  /** What the manager says of it; null until it has noticed the guest. */
  status: string | null;
  readonly comment?: string;
  readonly max_restart?: number;
}

/** What a state file holds. */
export interface WorldState {
  readonly guests: readonly Guest[];
  readonly volumes: readonly NewVolume[];
  readonly tasks: readonly TaskRecord[];
  /** Absent: as the seed has it. */
  readonly datacenter?: Datacenter;
}

/** The options of a world besides its seed. */
export interface WorldOptions {
  readonly state?: WorldState | undefined;
  readonly fingerprint?: string | undefined;
}

/** The shared state of all nodes' views. */
interface Shared {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly bootedAt: number;
  readonly fingerprint: string;
  readonly tasks: Tasks;
  readonly locks: GuestLocks;
  readonly statistics: Statistics;
  readonly troubles: Troubles;
  readonly datacenter: Datacenter;
  readonly guests: Map<number, Guest>;
}

/** The cluster as one node sees it: everything that changes while the simulator runs. */
export class World {
  readonly seed: Seed;
  readonly version: Version;
  readonly clock: Clock;
  readonly bootedAt: number;
  /** SHA-256 of the certificate it serves with, as lists of nodes show it. */
  readonly fingerprint: string;
  readonly storages: Storages;
  readonly tasks: Tasks;
  readonly locks: GuestLocks;
  readonly statistics: Statistics;
  readonly troubles: Troubles;
  readonly datacenter: Datacenter;
  readonly #shared: Shared;
  readonly #guests: Map<number, Guest>;

  constructor(shared: Shared, storages: Storages) {
    this.seed = shared.seed;
    this.version = versionOf(shared.seed);
    this.clock = shared.clock;
    this.bootedAt = shared.bootedAt;
    this.fingerprint = shared.fingerprint;
    this.storages = storages;
    this.tasks = shared.tasks;
    this.locks = shared.locks;
    this.statistics = shared.statistics;
    this.troubles = shared.troubles;
    this.datacenter = shared.datacenter;
    this.#shared = shared;
    this.#guests = shared.guests;
  }

  /** The same cluster with the storages of another node. */
  on(node: string): World {
    return new World(this.#shared, this.storages.on(node));
  }

  /** The node all calls land on unless they name another. */
  get localNode(): string {
    return this.seed.nodes[0]?.node ?? '';
  }

  /** The first bytes of new MAC addresses. */
  get macPrefix(): string {
    const prefix = this.datacenter.options['mac_prefix'];
    return typeof prefix === 'string' ? prefix : 'BC:24:11';
  }

  /** The datacenter option `tag-style`, as text. */
  get tagStyle(): string {
    return JSON.stringify(this.datacenter.options['tag-style'] ?? '');
  }

  /** Why calls for that node never reach it; undefined when they do. */
  unreachable(node: string): string | undefined {
    return this.troubles.downNodes.get(node)?.reason ?? this.seed.nodes.find((one) => one.node === node)?.unreachable;
  }

  /** Whether the other nodes know that a node is gone: they need a while to notice. */
  isOffline(node: string): boolean {
    return this.unreachable(node) !== undefined && this.troubles.downNodes.get(node)?.noticed !== false;
  }

  /** Every guest by its number. */
  guests(): readonly Guest[] {
    return [...this.#guests.values()].toSorted((a, b) => a.vmid - b.vmid);
  }

  /** The guest of that number, whatever it is and wherever it lives. */
  findGuest(vmid: number): Guest | undefined {
    return this.#guests.get(vmid);
  }

  /** The guest of that number, type and node; throws the text of a missing configuration file. */
  guest(type: 'qemu' | 'lxc', node: string, vmid: number): Guest {
    const guest = this.#guests.get(vmid);
    if (guest !== undefined && guest.type === type && guest.node === node) return guest;
    const folder = type === 'qemu' ? 'qemu-server' : 'lxc';
    throw failure(`Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`);
  }

  /** Adds a new guest, to the pool that its number is in already. */
  addGuest(guest: Guest): void {
    guest.pool ??= this.datacenter.reserved[guest.vmid];
    delete this.datacenter.reserved[guest.vmid];
    this.#guests.set(guest.vmid, guest);
  }

  /** Forgets a guest. */
  removeGuest(vmid: number): void {
    this.#guests.delete(vmid);
  }

  /** The pool of a guest, or of a number that has none yet. */
  poolOf(vmid: number): string | undefined {
    return this.#guests.get(vmid)?.pool ?? this.datacenter.reserved[vmid];
  }

  /** Throws when a cluster without quorum may not write. */
  demandQuorum(text: string): void {
    if (this.troubles.noQuorum) throw failure(text);
  }

  /** Whether that much of the real server's time has passed since a moment. */
  hasPassed(since: number, ms: number): boolean {
    return this.clock.now() - since >= ms * this.clock.timeScale;
  }

  /** The digest of a guest's configuration. */
  digest(guest: Guest): string {
    return digestOf(guest);
  }

  /** The state for a state file. */
  state(): WorldState {
    return {
      ...{ guests: this.guests(), volumes: this.storages.everywhere(), tasks: this.tasks.list().toReversed() },
      datacenter: this.datacenter,
    };
  }
}

/** A cluster in the state of its seed, or in the one that was kept. */
export function openWorld(seed: Seed, clock: Clock, changed: () => void, more: WorldOptions = {}): World {
  const seeded = seed.volumes.map((volume) => keepVolume(volume, clock.now()));
  const nodes = seed.nodes.map(({ node }) => node);
  const shared = {
    ...{ seed, clock, bootedAt: clock.now(), guests: new Map<number, Guest>() },
    fingerprint: more.fingerprint ?? Array.from({ length: 32 }, () => 'AB').join(':'),
    tasks: new Tasks(clock, changed),
    locks: new GuestLocks(clock),
    statistics: new Statistics(clock, seed.rates.statisticsSeconds),
    datacenter: more.state?.datacenter ?? datacenterOf(seed),
    troubles: {
      workerDaemonDown: false,
      configurationDown: false,
      noQuorum: false,
      statisticsDown: false,
      managed: new Map(),
      downNodes: new Map(),
    },
  };
  const world = new World(shared, openStorages(seed.storages, nodes, seeded));
  const { state } = more;
  for (const guest of state?.guests ?? seed.guests.map((one) => seedGuest(one, clock))) world.addGuest(guest);
  if (state === undefined) return world;
  world.storages.restore(state.volumes);
  world.tasks.restore(state.tasks);
  return world;
}

function seedGuest(seed: Seed['guests'][number], { now, random }: Clock): Guest {
  const identity = { smbios1: `uuid=${randomUuid(random)}`, vmgenid: randomUuid(random) };
  const config = seed.type === 'qemu' ? { ...identity, ...seed.config } : { ...seed.config };
  const guest = newGuest(seed.type, seed.vmid, seed.node, config, seed.pool);
  if (seed.running) guest.startedAt = now();
  return guest;
}

/** 595: the front daemon cannot reach the worker daemon. */
export function unreachable(reason: string): ApiError {
  return new ApiError(595, reason, { body: 'none' });
}

/** What the statistics daemon said of a guest at its last round. */
export interface Reported {
  readonly guest: Guest;
  readonly name: string;
  readonly isRunning: boolean;
  readonly isPaused: boolean;
  readonly startedAt: number | undefined;
}

/**
 * The daemon that reports every ten seconds: lists of guests show its last round, so a new guest is `unknown`
 * and a number that was used before shows the old name. With an interval of 0 everything is seen at once.
 */
export class Statistics {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #reported = new Map<number, Reported>();
  #lastRound = 0;

  constructor(clock: Clock, seconds: number) {
    this.#clock = clock;
    this.#interval = seconds * 1000;
    this.#lastRound = clock.now();
  }

  /** Goes through the guests once more if a round is due. Call it before guests change and before they are read. */
  look(guests: readonly Guest[], nameOf: (guest: Guest) => string): void {
    const now = this.#clock.now();
    if (this.#interval > 0 && now - this.#lastRound < this.#interval) return;
    if (this.#interval > 0) this.#lastRound += Math.floor((now - this.#lastRound) / this.#interval) * this.#interval;
    this.#reported.clear();
    for (const guest of guests) {
      const { startedAt, paused } = guest;
      const state = { isRunning: startedAt !== undefined, isPaused: paused !== undefined };
      this.#reported.set(guest.vmid, { guest, name: nameOf(guest), ...state, startedAt });
    }
  }

  /** The last report about that number, which may be about a guest that is gone. */
  of(vmid: number): Reported | undefined {
    return this.#reported.get(vmid);
  }
}
