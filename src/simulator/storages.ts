import { failure } from './errors.ts';
import type { SeedStorage } from './seed.ts';
import { diskName, isBlock, type NewVolume, takenBy, type Volume, volumePath } from './volume.ts';

/** Bytes of an extent of LVM. */
const EXTENT = 4 * 1024 ** 2;

/** The storages and volumes that all nodes' views share. */
interface Shelves {
  readonly storages: readonly SeedStorage[];
  /** By place: the same name may lie on several nodes. */
  readonly volumes: Map<string, Volume>;
  /** By place, the bytes the seed's volumes had at first. */
  readonly seeded: ReadonlyMap<string, number>;
  /** The last mark that a volume got. */
  lastMark: number;
}

/** The storages of one node with their volumes: the shared ones and its own. */
export class Storages {
  readonly #shelves: Shelves;
  readonly #node: string;

  constructor(shelves: Shelves, node: string) {
    this.#shelves = shelves;
    this.#node = node;
  }

  /** The same storages as another node sees them. */
  on(node: string): Storages {
    return new Storages(this.#shelves, node);
  }

  /** Every storage of the cluster, the disabled ones too. */
  all(): readonly SeedStorage[] {
    return this.#shelves.storages;
  }

  /** The storages this node has, the disabled ones too. */
  here(): readonly SeedStorage[] {
    return this.all().filter((one) => isOn(one, this.#node));
  }

  /** The storage of that name, or undefined. */
  find(name: string): SeedStorage | undefined {
    return this.here().find((one) => one.storage === name);
  }

  /** The storage of that name; throws the server's texts for a missing and for a disabled one. */
  get(name: string): SeedStorage {
    const storage = this.all().find((one) => one.storage === name);
    if (storage === undefined) throw failure(`storage '${name}' does not exist`);
    if (!storage.enabled) throw failure(`storage '${name}' is disabled`);
    if (!isOn(storage, this.#node)) throw failure(`storage '${name}' is not available on node '${this.#node}'`);
    return storage;
  }

  /** The bytes taken and left. The seed's volumes are part of its `avail`; a storage named `full` has nothing left. */
  space(name: string): { readonly total: number; readonly used: number; readonly avail: number } {
    const storage = this.get(name);
    let grown = 0;
    for (const volume of this.volumes(name)) {
      grown += takenBy(storage.type, volume) - (this.#shelves.seeded.get(placeOf(volume)) ?? 0);
    }
    const avail = storage.storage === 'full' ? 0 : Math.max(0, storage.avail - grown);
    return { total: storage.total, used: storage.total - avail, avail };
  }

  /** The volumes this node sees on one storage, or on all. */
  volumes(storage?: string): readonly Volume[] {
    return this.everywhere().filter(
      (one) =>
        (one.node === undefined || one.node === this.#node) && (storage === undefined || one.storage === storage),
    );
  }

  /** The volumes of all nodes. */
  everywhere(): readonly Volume[] {
    return [...this.#shelves.volumes.values()];
  }

  /** One volume by its id. */
  volume(volid: string): Volume | undefined {
    return this.#shelves.volumes.get(this.#place(volid));
  }

  /** Adds a volume or writes a new state of it; answers it as it lies there. */
  put(volume: NewVolume): Volume {
    const node = this.#nodeFor(volume.storage);
    const placed = { ...volume, node, mark: volume.mark ?? this.#nextMark() };
    this.#shelves.volumes.set(placeOf(placed), placed);
    return placed;
  }

  /** Removes a volume; one that is gone already is no error. */
  remove(volid: string): void {
    this.#shelves.volumes.delete(this.#place(volid));
  }

  /** Replaces all volumes. */
  restore(volumes: readonly NewVolume[]): void {
    this.#shelves.volumes.clear();
    this.#shelves.lastMark = Math.max(this.#shelves.lastMark, ...volumes.map(({ mark = 0 }) => mark));
    for (const volume of volumes) {
      const { mark = this.#nextMark() } = volume;
      this.#shelves.volumes.set(placeOf(volume), { ...volume, mark });
    }
  }

  /** The path of a volume on its node. */
  path(volid: string): string {
    return volumePath(this.get(volid.split(':')[0] ?? ''), volid);
  }

  /** The first free `vm-<vmid>-disk-<n>` of a guest on a storage, as a volume id. */
  freeDisk(name: string, vmid: number, format: string): string {
    const storage = this.get(name);
    const taken = this.volumes(name).map((one) => one.volid.split('/').at(-1) ?? '');
    let index = 0;
    const isTaken = (n: number) =>
      taken.some((one) => new RegExp(`(?:^|:)(?:vm|base|subvol)-${vmid}-disk-${n}(?:\\.|$)`).test(one));
    while (isTaken(index)) index += 1;
    return `${name}:${diskName(storage, vmid, `vm-${vmid}-disk-${index}`, format)}`;
  }

  /** Throws what a new disk of so many bytes ends with: LUNs are never made, and LVM takes the whole size at once. */
  demandDisk(name: string, bytes: number): void {
    const { type, path } = this.get(name);
    if (type === 'iscsi' || type === 'iscsidirect') throw failure("can't allocate space in iscsi storage");
    const extents = (size: number) => Math.floor(size / EXTENT);
    const { avail } = this.space(name);
    if (type !== 'lvm' || avail >= bytes) return;
    const free = `Volume group "${path.split('/').at(-1)}" has insufficient free space (${extents(avail)} extents)`;
    throw failure(`lvcreate '${path.replace('/dev/', '')}' error:   ${free}: ${extents(bytes)} required.`);
  }

  /** The format a disk has on a storage: files keep the wished one, plain disks are raw. */
  formatOn(name: string, wished: string): string {
    return isBlock(this.get(name)) ? 'raw' : wished;
  }

  #nextMark(): number {
    this.#shelves.lastMark += 1;
    return this.#shelves.lastMark;
  }

  #place(volid: string): string {
    return placeOf({ volid, node: this.#nodeFor(volid.split(':')[0] ?? '') });
  }

  #nodeFor(storage: string): string | undefined {
    return this.all().find((one) => one.storage === storage)?.shared === true ? undefined : this.#node;
  }
}

/** The storages of a new cluster, as its first node sees them. */
export function openStorages(
  storages: readonly SeedStorage[],
  nodes: readonly string[],
  seeds: readonly NewVolume[],
): Storages {
  const placed = seeds.map((volume, index): Volume => {
    const storage = storages.find((one) => one.storage === volume.storage);
    const first = nodes.find((node) => storage === undefined || isOn(storage, node));
    return { ...volume, node: storage?.shared === true ? undefined : (volume.node ?? first), mark: index + 1 };
  });
  const typeOf = (name: string) => storages.find((one) => one.storage === name)?.type ?? '';
  const shelves = {
    storages,
    volumes: new Map(placed.map((volume) => [placeOf(volume), volume])),
    seeded: new Map(placed.map((volume) => [placeOf(volume), takenBy(typeOf(volume.storage), volume)])),
    lastMark: placed.length,
  };
  return new Storages(shelves, nodes[0] ?? '');
}

function isOn({ nodes }: SeedStorage, node: string): boolean {
  return nodes === undefined || nodes.includes(node);
}

function placeOf({ node = '', volid }: Pick<Volume, 'node' | 'volid'>): string {
  return `${node} ${volid}`;
}
