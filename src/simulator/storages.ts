import { failure } from './errors.ts';
import type { SeedStorage } from './seed.ts';
import { diskName, isBlock, type Volume, volumePath } from './volume.ts';

/** The storages and the volumes on them. */
export class Storages {
  readonly #storages: readonly SeedStorage[];
  readonly #volumes = new Map<string, Volume>();
  readonly #seeded = new Map<string, number>();

  constructor(storages: readonly SeedStorage[], volumes: readonly Volume[]) {
    this.#storages = storages;
    for (const volume of volumes) {
      this.#volumes.set(volume.volid, volume);
      this.#seeded.set(volume.volid, volume.size);
    }
  }

  /** Every storage, the disabled ones too. */
  all(): readonly SeedStorage[] {
    return this.#storages;
  }

  /** The storage of that name, or undefined. */
  find(name: string): SeedStorage | undefined {
    return this.#storages.find((one) => one.storage === name);
  }

  /** The storage of that name; throws the server's texts for a missing and for a disabled one. */
  get(name: string): SeedStorage {
    const storage = this.find(name);
    if (storage === undefined) throw failure(`storage '${name}' does not exist`);
    if (!storage.enabled) throw failure(`storage '${name}' is disabled`);
    return storage;
  }

  /** The bytes taken and left. The seed's volumes are part of its `avail`; a storage named `full` has nothing left. */
  space(name: string): { readonly total: number; readonly used: number; readonly avail: number } {
    const storage = this.get(name);
    let grown = 0;
    for (const volume of this.volumes(name)) grown += volume.size - (this.#seeded.get(volume.volid) ?? 0);
    const avail = storage.storage === 'full' ? 0 : Math.max(0, storage.avail - grown);
    return { total: storage.total, used: storage.total - avail, avail };
  }

  /** The volumes of one storage, or all. */
  volumes(storage?: string): readonly Volume[] {
    const all = [...this.#volumes.values()];
    return storage === undefined ? all : all.filter((one) => one.storage === storage);
  }

  /** One volume by its id. */
  volume(volid: string): Volume | undefined {
    return this.#volumes.get(volid);
  }

  /** Adds a volume or writes a new state of it. */
  put(volume: Volume): void {
    this.#volumes.set(volume.volid, volume);
  }

  /** Removes a volume; one that is gone already is no error. */
  remove(volid: string): void {
    this.#volumes.delete(volid);
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

  /** The format a disk has on a storage: files keep the wished one, plain disks are raw. */
  formatOn(name: string, wished: string): string {
    return isBlock(this.get(name)) ? 'raw' : wished;
  }
}
