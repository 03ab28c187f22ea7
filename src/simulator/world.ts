import { type Clock, randomUuid } from './clock.ts';
import { digestOf } from './digest.ts';
import { ApiError, failure } from './errors.ts';
import { type Guest, newGuest } from './guest.ts';
import { GuestLocks } from './locks.ts';
import type { Seed } from './seed.ts';
import { Statistics } from './statistics.ts';
import { Storages } from './storages.ts';
import { type TaskRecord, Tasks } from './tasks.ts';
import { type Version, versionOf } from './version.ts';
import { keepVolume, type Volume } from './volume.ts';

/** What no API call can do and tests must: daemons that are down, a cluster that lost its quorum. */
export interface Troubles {
  workerDaemonDown: boolean;
  configurationDown: boolean;
  noQuorum: boolean;
}

/** What a state file holds. */
export interface WorldState {
  readonly guests: readonly Guest[];
  readonly volumes: readonly Volume[];
  readonly tasks: readonly TaskRecord[];
}

/** What a world may be given besides its seed. */
export interface WorldOptions {
  readonly state?: WorldState | undefined;
  readonly fingerprint?: string | undefined;
}

/** The cluster: everything that changes while the simulator runs. */
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
  readonly troubles: Troubles = { workerDaemonDown: false, configurationDown: false, noQuorum: false };
  readonly #guests = new Map<number, Guest>();

  constructor(seed: Seed, clock: Clock, changed: () => void, more: WorldOptions = {}) {
    this.seed = seed;
    this.version = versionOf(seed);
    this.clock = clock;
    this.bootedAt = clock.now();
    this.fingerprint = more.fingerprint ?? Array.from({ length: 32 }, () => 'AB').join(':');
    const seeded = seed.volumes.map((volume) => keepVolume(volume, clock.now()));
    this.storages = new Storages(seed.storages, seeded);
    this.tasks = new Tasks(clock, changed);
    this.locks = new GuestLocks(clock);
    this.statistics = new Statistics(clock, seed.rates.statisticsSeconds);
    if (more.state !== undefined) this.#restore(more.state, seeded);
    else for (const guest of seed.guests) this.#seedGuest(guest);
  }

  /** The node all calls land on unless they name another. */
  get localNode(): string {
    return this.seed.nodes[0]?.node ?? '';
  }

  /** The first bytes of new MAC addresses. */
  get macPrefix(): string {
    const prefix = this.seed.options['mac_prefix'];
    return typeof prefix === 'string' ? prefix : 'BC:24:11';
  }

  /** Whether calls for that node never reach it. */
  isUnreachable(node: string): boolean {
    return this.seed.nodes.find((one) => one.node === node)?.unreachable !== undefined;
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

  /** Adds a new guest. */
  addGuest(guest: Guest): void {
    this.#guests.set(guest.vmid, guest);
  }

  /** Forgets a guest. */
  removeGuest(vmid: number): void {
    this.#guests.delete(vmid);
  }

  /** The pool of a guest. */
  poolOf(vmid: number): string | undefined {
    return this.#guests.get(vmid)?.pool;
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

  /** Everything worth keeping over a restart. */
  state(): WorldState {
    return { guests: this.guests(), volumes: this.storages.volumes(), tasks: this.tasks.list().toReversed() };
  }

  #restore(state: WorldState, seeded: readonly Volume[]): void {
    for (const volume of seeded) this.storages.remove(volume.volid);
    for (const volume of state.volumes) this.storages.put(volume);
    for (const guest of state.guests) this.addGuest(guest);
    this.tasks.restore(state.tasks);
  }

  #seedGuest(seed: Seed['guests'][number]): void {
    const identity = { smbios1: `uuid=${randomUuid(this.clock.random)}`, vmgenid: randomUuid(this.clock.random) };
    const config = seed.type === 'qemu' ? { ...identity, ...seed.config } : { ...seed.config };
    const guest = newGuest(seed.type, seed.vmid, seed.node, config, seed.pool);
    if (seed.running) guest.startedAt = this.clock.now();
    this.addGuest(guest);
  }
}

/** 595: the front daemon could not reach who does the work. */
export function unreachable(reason: string): ApiError {
  return new ApiError(595, reason, { body: 'none' });
}
