import type {
  Cluster,
  ClusterMonitor,
  ClusterView,
  ImageFile,
  Precondition,
  StoredImage,
} from '../../src/cluster/cluster.ts';
import { moveRootAdvice } from '../../src/core/block.ts';
import { UserError } from '../../src/core/errors.ts';
import { type DesiredGuest, type GuestRef, guestLabel, imageHash } from '../../src/core/guest.ts';
import type { GuestTask, KnownGuest, LiveDisk, LiveGuest, LiveNode, LiveState } from '../../src/core/live.ts';
import type { StepSpec } from '../../src/core/steps.ts';
import { readTags, stagingMarker, stagingOwner } from '../../src/core/tags.ts';
import { firmwareMoved, withDataDisks, withRestored } from './cluster-disks.ts';
import {
  configured,
  digestOf,
  emptyGuest,
  type FakeGuest,
  freed,
  grown,
  isIncomplete,
  moved,
  rolledBack,
  rootOf,
  stagingOf,
  storedTags,
  swapped,
  withConfig,
  withoutPending,
  withRoot,
} from './cluster-guest.ts';

/** What shall go wrong: before anything was done, or when all was done and only the answer is lost. */
export interface FakeFailure {
  readonly at: StepSpec['kind'] | 'upload' | 'read';
  readonly when: 'before' | 'after';
  readonly error: Error;
}

/** A cluster in memory, for tests of what uses one: guarded, tagged and half made as the real one. */
export class FakeCluster implements Cluster {
  readonly #deeds = new Map<number, readonly GuestTask[]>();
  readonly #guests = new Map<number, FakeGuest>();
  /** Guests whose configuration nobody can read: those of a node that is down. */
  readonly #unread = new Map<number, LiveGuest>();
  readonly #images = new Map<string, ImageFile>();
  readonly #uploadedAt = new Map<string, number>();
  readonly #failures: FakeFailure[] = [];
  readonly #nodes: readonly LiveNode[];
  readonly #now: () => number;
  #volumes = 0;
  #tasks = 0;
  /** Kinds of the steps that were asked for, in order; `upload` among them. */
  readonly asked: string[] = [];
  /** How often the state was read. */
  reads = 0;
  /** How often somebody looked at it. */
  views = 0;
  /** Steps that are at work at this moment, and the most there were at once. */
  atWork = 0;
  mostAtWork = 0;
  /** Called before a step is carried out; what it answers is waited for. */
  before: (step: StepSpec) => Promise<void> | undefined = () => undefined;
  /** Called before the state is read; what it answers is waited for. */
  beforeRead: () => Promise<void> | undefined = () => undefined;

  constructor(
    nodes: readonly LiveNode[] = [{ node: 'pve1', online: true, storages: ['fast', 'slow'] }],
    now: () => number = () => 0,
  ) {
    this.#nodes = nodes;
    this.#now = now;
  }

  /** A cluster as it was read; guests whose configuration is not known stay as they are. */
  static of({ guests, nodes }: LiveState): FakeCluster {
    const cluster = new FakeCluster(nodes);
    for (const guest of guests) {
      if (isKnown(guest)) cluster.put(guest);
      else cluster.#unread.set(guest.vmid, guest);
    }
    return cluster;
  }

  /** Once, at the next call of that kind. */
  failNext(failure: FakeFailure): void {
    this.#failures.push(failure);
  }

  /** As somebody with the web interface would: puts a guest there, whatever was there before. */
  put(guest: FakeGuest): void {
    this.#guests.set(guest.vmid, guest);
  }

  /** Somebody does something to a guest, which the list of tasks tells. */
  did(vmid: number, task: GuestTask): void {
    this.#deeds.set(vmid, [...(this.#deeds.get(vmid) ?? []), task]);
  }

  remove(vmid: number): void {
    this.#guests.delete(vmid);
  }

  guest(vmid: number): FakeGuest | undefined {
    return this.#guests.get(vmid);
  }

  async readState(wanted: ReadonlySet<number>): Promise<LiveState> {
    this.reads++;
    await this.beforeRead();
    const guests = [...this.#guests.values()].map((guest): LiveGuest => {
      const known = guest.tags.includes('proxnix') || wanted.has(guest.vmid);
      return known ? withDigest(guest) : withoutConfig(guest);
    });
    return this.#around('read', () => ({ guests: this.#withUnread(guests), nodes: this.#nodes }));
  }

  async list(): Promise<readonly LiveGuest[]> {
    const guests = [...this.#guests.values()].map(withoutConfig);
    return this.#around('read', () => this.#withUnread(guests));
  }

  async view(): Promise<ClusterView> {
    this.views++;
    const url = 'https://pve1.example.net:8006/';
    const guests = await this.list();
    return {
      guests: guests.map((guest) => ({ guest, ...(guest.status === 'running' ? { uptime: 60 } : {}), url })),
      nodes: this.#nodes.map(({ node, online }) => ({ node, online, url })),
      storages: this.#nodes.flatMap(({ node, storages }) =>
        storages.map((storage) => ({ storage, nodes: [node], type: 'dir', url })),
      ),
    };
  }

  async upload(file: ImageFile, _node: string, monitor: ClusterMonitor): Promise<void> {
    this.asked.push('upload');
    this.#around('upload', () => {
      const hash = imageHash(file.image);
      if (this.#images.has(hash)) return;
      this.#task(monitor);
      monitor.progress(file.size, file.size, 'bytes');
      this.#images.set(hash, file);
      this.#uploadedAt.set(hash, this.#now());
    });
  }

  async perform(
    step: StepSpec,
    precondition: Precondition | undefined,
    monitor: ClusterMonitor,
  ): Promise<Precondition | undefined> {
    this.atWork++;
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
    try {
      await this.before(step);
      this.asked.push(step.kind);
      return this.#around(step.kind, () => {
        this.#perform(step, precondition, monitor);
        return this.#preconditionOf(step.vmid);
      });
    } finally {
      this.atWork--;
    }
  }

  async settle(upid: string): Promise<{ readonly ok: boolean; readonly text: string } | undefined> {
    return Number(/^UPID:pve1:(\d+):/.exec(upid)?.[1] ?? Number.NaN) <= this.#tasks
      ? { ok: true, text: 'OK' }
      : undefined;
  }

  async images(): Promise<readonly StoredImage[]> {
    return [...this.#images].map(([hash, file]) => ({
      nodes: this.#nodes.map(({ node }) => node),
      volid: file.image.kind === 'vm' ? `local:import/proxnix-${hash}.qcow2` : `local:vztmpl/proxnix-${hash}.tar.xz`,
      hash,
      size: file.size,
      at: this.#uploadedAt.get(hash) ?? 0,
    }));
  }

  async removeImage(image: StoredImage): Promise<void> {
    this.#images.delete(image.hash);
  }

  async address({ vmid }: GuestRef): Promise<string | undefined> {
    return this.#guests.get(vmid)?.status === 'running' ? `10.0.0.${vmid % 250}` : undefined;
  }

  async tasksOf({ vmid }: GuestRef, since: number): Promise<readonly GuestTask[]> {
    return (this.#deeds.get(vmid) ?? []).filter(({ at }) => at >= since).toReversed();
  }

  async close(): Promise<void> {}

  #withUnread(guests: readonly LiveGuest[]): readonly LiveGuest[] {
    return [...guests, ...this.#unread.values()].sort((a, b) => a.vmid - b.vmid);
  }

  #around<T>(at: FakeFailure['at'], work: () => T): T {
    const index = this.#failures.findIndex((failure) => failure.at === at);
    const [failure] = index < 0 ? [] : this.#failures.splice(index, 1);
    if (failure?.when === 'before') throw failure.error;
    const result = work();
    if (failure !== undefined) throw failure.error;
    return result;
  }

  #perform(step: StepSpec, precondition: Precondition | undefined, monitor: ClusterMonitor): void {
    if (step.kind === 'discard' && step.staging) this.#dropStaging(step.vmid);
    else if (step.kind === 'create') this.#create(step, monitor);
    else if (this.#guests.get(step.vmid)?.kind === step.guestKind) this.#change(step, precondition, monitor);
    else if (step.kind !== 'destroy' && step.kind !== 'discard')
      throw moved(`${guestLabel(step)} is not on ${step.node} any more.`);
  }

  #create(step: Extract<StepSpec, { kind: 'create' }>, monitor: ClusterMonitor): void {
    if (this.#guests.has(step.vmid) || this.#unread.has(step.vmid)) throw new UserError(`VMID ${step.vmid} is taken.`);
    this.#image(step.guest);
    this.#task(monitor);
    const made = emptyGuest(step.guest, step.node, step.tags);
    const sizeMb = step.guest.diskGb * 1024;
    const whole = () => withRoot(made, step.guest, { ...this.#volume(step.guest.storage), sizeMb });
    this.#guests.set(step.vmid, made.kind === 'vm' ? made : whole());
  }

  #change(step: StepSpec, precondition: Precondition | undefined, monitor: ClusterMonitor): void {
    const guest = this.#check(step, precondition);
    if (!isSilent(step, guest)) this.#task(monitor);
    const next = this.#next(step, guest, monitor);
    if (next === undefined) this.#guests.delete(step.vmid);
    else this.#guests.set(step.vmid, next);
  }

  /** The guest after a step; `undefined` when it is gone. */
  #next(step: StepSpec, guest: FakeGuest, monitor: ClusterMonitor): FakeGuest | undefined {
    const { config } = guest;
    switch (step.kind) {
      case 'create':
        return guest;
      case 'import':
        return config.disks[step.guest.diskSlot] === undefined
          ? withRoot(guest, step.guest, this.#copy(step.guest))
          : guest;
      case 'resize':
        return grown(guest, step.guest);
      case 'move-disk':
        if (rootOf(guest, step.guest).storage === step.guest.storage) return guest;
        if (step.guest.kind === 'container')
          throw new UserError(`The root of ${guestLabel(step)} is not moved.`, { next: moveRootAdvice(step.guest) });
        return withRoot(guest, step.guest, { ...rootOf(guest, step.guest), ...this.#volume(step.guest.storage) });
      case 'move-firmware':
        return firmwareMoved(guest, step.guest, (storage) => this.#volume(storage));
      case 'data-disks':
        return withDataDisks(guest, step.guest, step.detach, step.attach, (storage) => this.#volume(storage));
      case 'restore-disks':
        return withRestored(guest, step.disks);
      case 'backup':
        monitor.backup?.(`${step.storage}:backup/vzdump-${step.vmid}-${this.#tasks}`);
        return guest;
      case 'start':
        return { ...guest, status: 'running' };
      case 'stop':
        return { ...withoutPending(guest), status: 'stopped' };
      case 'restart':
        return withoutPending(guest);
      case 'shutdown':
        return { ...withoutPending(guest), status: 'stopped' };
      case 'pool':
        return { ...guest, ...(step.guest.pool === undefined ? {} : { pool: step.guest.pool }) };
      case 'configure':
        return configured(guest, step.guest, step.tags);
      case 'prepare':
        this.#dropStaging(step.vmid);
        this.#guests.set(stagingOf(step.vmid), this.#staging(step.guest, step.node));
        return guest;
      case 'attach': {
        const volid =
          Object.values(this.#guests.get(stagingOf(step.vmid))?.config.disks ?? {})[0]?.volid ??
          config.unused['unused200'];
        if (volid === undefined)
          throw moved(`The new root disk of ${guestLabel(step)} is gone before it was attached.`);
        this.#dropStaging(step.vmid);
        return withConfig(guest, { unused: { ...config.unused, unused200: volid } });
      }
      case 'swap':
        return swapped(guest, step.guest, step.tags, step.volid);
      case 'rollback':
        return rolledBack(guest, step.guest, step.volid);
      case 'finish':
        return {
          ...withConfig(guest, { protected: config.protected || step.guest.protected }),
          tags: storedTags(step.tags),
        };
      case 'adopt':
        if (config.protected || guest.template) {
          const what = guest.template ? 'a template' : 'protected in Proxmox';
          throw new UserError(`${guestLabel(step)} is ${what}: it is not taken over.`);
        }
        return { ...guest, tags: storedTags(step.tags) };
      case 'destroy':
        if (config.protected) throw new UserError(`${guestLabel(step)} is protected in Proxmox: it is not deleted.`);
        return undefined;
      case 'discard':
        if (!isIncomplete(guest)) throw new UserError(`${guestLabel(step)} is not incomplete: it is not discarded.`);
        return undefined;
      case 'free':
        return freed(guest, step.volids);
      default:
        throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
    }
  }

  #check(step: StepSpec, precondition: Precondition | undefined): FakeGuest {
    const guest = this.#guests.get(step.vmid);
    const label = guestLabel(step);
    if (guest === undefined || precondition === undefined)
      throw new Error(`a step of ${label} came without guest or precondition`);
    const identity = guest.kind === 'vm' ? 'SMBIOS UUID' : 'MAC address';
    if (guest.config.uuid !== precondition.uuid)
      throw moved(`${label} is another machine than planned: its ${identity} differs.`);
    if (step.kind !== 'adopt' && !readTags(guest.tags).ours)
      throw moved(`${label} does not carry the tag "proxnix" any more: it is not touched.`);
    if (digestOf(guest) !== precondition.digest) throw moved(`${label} was changed by somebody else since the plan.`);
    return guest;
  }

  #preconditionOf(vmid: number): Precondition | undefined {
    const guest = this.#guests.get(vmid);
    return (
      guest && { guestKind: guest.kind, vmid, node: guest.node, uuid: guest.config.uuid ?? '', digest: digestOf(guest) }
    );
  }

  #image(guest: DesiredGuest): ImageFile {
    const file = this.#images.get(imageHash(guest.image));
    if (file === undefined) throw new UserError(`The image of ${guest.name} is not on the storage local of pve1.`);
    if ((file.virtualSize ?? 0) > guest.diskGb * 2 ** 30)
      throw new UserError(`The root disk of ${guest.name} has more than its disk_gb.`);
    return file;
  }

  #copy(guest: DesiredGuest): LiveDisk {
    const { virtualSize } = this.#image(guest);
    const sizeMb = virtualSize === undefined ? guest.diskGb * 1024 : virtualSize / 2 ** 20;
    return { ...this.#volume(guest.storage), sizeMb };
  }

  #volume(storage: string): LiveDisk {
    return { volid: `${storage}:vm-disk-${this.#volumes++}`, storage };
  }

  #staging(guest: DesiredGuest, node: string): FakeGuest {
    const named = { vmid: stagingOf(guest.vmid), name: `proxnix-staging-${guest.vmid}` };
    const marked = { ...named, description: stagingMarker(guest.vmid) };
    const owner: DesiredGuest =
      guest.kind === 'vm' ? { ...guest, ...marked, diskSlot: 'scsi0' } : { ...guest, ...marked };
    const disk = { ...this.#copy(guest), sizeMb: guest.diskGb * 1024 };
    return withRoot(emptyGuest(owner, node, 'proxnix;proxnix-pending'), owner, disk);
  }

  #dropStaging(vmid: number): void {
    const staging = this.#guests.get(stagingOf(vmid));
    if (staging !== undefined && stagingOwner(staging.config.description ?? '') === vmid)
      this.#guests.delete(staging.vmid);
  }

  #task(monitor: ClusterMonitor): void {
    monitor.task(`UPID:pve1:${String(++this.#tasks).padStart(8, '0')}:00000000:00000000:fake::proxnix@pve!bot:`);
  }
}

/** Steps that are one write, or have nothing to do, begin no task. */
function isSilent({ kind }: StepSpec, guest: FakeGuest): boolean {
  if (kind === 'start') return guest.status === 'running';
  return [...['adopt', 'pool', 'configure', 'swap', 'rollback', 'finish'], ...['data-disks', 'restore-disks']].includes(
    kind,
  );
}

function isKnown(guest: LiveGuest): guest is KnownGuest {
  return guest.config !== undefined;
}

function withDigest(guest: FakeGuest): LiveGuest {
  const digest = digestOf(guest);
  return guest.kind === 'vm'
    ? { ...guest, config: { ...guest.config, digest } }
    : { ...guest, config: { ...guest.config, digest } };
}

function withoutConfig(guest: FakeGuest): LiveGuest {
  const { config: _, ...listed } = guest;
  return listed;
}
