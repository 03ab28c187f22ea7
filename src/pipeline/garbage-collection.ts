import type { ClusterMonitor, Precondition, StoredImage } from '../cluster/cluster.ts';
import { hasEnded } from '../core/advance.ts';
import { errorFacts, UserError } from '../core/errors.ts';
import { belongsTo, hasConfig, ownerOf } from '../core/goal.ts';
import { type Image, imageHash } from '../core/guest.ts';
import type { KnownGuest, LiveGuest, LiveState } from '../core/live.ts';
import { dueForCollection, type RetainedDisk, stillRetained } from '../core/retained-disks.ts';
import { planOf, type Run } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import type { Store } from '../store/store.ts';
import { type Collected, collectedCard } from '../views/announcements.ts';
import type { Delivery } from './delivery.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Runs } from './runs.ts';

/** How often image files and GC roots are collected: there is no hurry. */
const imagesEveryMs = 60 * 60_000;

interface CollectorOptions {
  readonly store: Store;
  readonly runs: Runs;
  readonly clock: Clock;
  readonly log: Log;
  readonly delivery: Delivery;
}

/**
 * Deletes what is older than the rollback window: retained root disks, image files that no guest uses, and GC roots of
 * images that no rollback needs. Deletes only disks and files that the store has a record of.
 */
export class Collector {
  readonly #options: CollectorOptions;
  /** When the images of each cluster were last collected. */
  readonly #lookedAt = new Map<string, number>();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Collects once for the fleets of one cluster. Call it only while nothing else changes that cluster. */
  async collect(fleets: readonly Fleet[]): Promise<void> {
    const { store, clock } = this.#options;
    const open = fleets.filter((fleet) => store.fleet(fleet.name).lock === undefined);
    const [any] = open;
    if (any === undefined) return;
    const disks = open.some((fleet) => isDue(store.fleet(fleet.name).retainedDisks ?? [], fleet, clock.now()));
    const images = (this.#lookedAt.get(any.clusterName) ?? 0) + imagesEveryMs <= clock.now();
    if (!disks && !images) return;
    const live = await any.cluster.readState(new Set());
    // A failure is not retried at once: the next collection is an hour away.
    if (images) this.#lookedAt.set(any.clusterName, clock.now());
    for (const fleet of open) {
      const collected: Collected = {
        disks: await this.#deleteDisks(fleet, live),
        images: images && fleet === any ? await this.#removeImages(any, fleets, live) : [],
        roots: images ? await this.#dropRoots(fleet) : 0,
      };
      if (collected.disks.length + collected.images.length > 0) await this.#tell(fleet, collected);
    }
  }

  async #deleteDisks(fleet: Fleet, { guests }: LiveState): Promise<Collected['disks']> {
    const { store, clock } = this.#options;
    const kept = stillRetained(store.fleet(fleet.name).retainedDisks ?? [], guests);
    const window = { now: clock.now(), windowMs: fleet.rollbackWindowMs };
    const collected: { guest: KnownGuest; disks: readonly RetainedDisk[] }[] = [];
    for (const guest of guests) {
      const due = dueForCollection(guest, kept, window);
      if (due.length > 0 && hasConfig(guest) && mayCollect(fleet, guest) && (await this.#delete(fleet, guest, due))) {
        collected.push({ guest, disks: due });
      }
    }
    const gone = new Set(collected.flatMap(({ disks }) => disks));
    const left = kept.filter((disk) => !gone.has(disk));
    if (left.length !== store.fleet(fleet.name).retainedDisks?.length)
      await store.saveFleet(fleet.name, { retainedDisks: left });
    return collected.map(({ guest, disks }) => ({ name: guest.name, vmid: guest.vmid, disks }));
  }

  /**
   * @returns false when Proxmox refused the deletion, for example because a snapshot needs the disk; the next
   * collection tries again
   */
  async #delete(fleet: Fleet, guest: KnownGuest, due: readonly RetainedDisk[]): Promise<boolean> {
    const { kind: guestKind, vmid, node, config } = guest;
    const at = { guestKind, vmid, node };
    const precondition: Precondition = { ...at, uuid: config.uuid ?? '', digest: config.digest };
    try {
      const volids = due.map((disk) => disk.volid);
      await fleet.cluster.perform({ ...at, kind: 'free', volids }, precondition, quietMonitor);
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#options.log.warn(
        { fleet: fleet.name, vmid, ...errorFacts(error) },
        'an old root disk could not be deleted',
      );
      return false;
    }
  }

  /**
   * Image files belong to the cluster: a file that any of its fleets needs is not deleted, nor one that another bot may
   * have uploaded.
   */
  async #removeImages(any: Fleet, fleets: readonly Fleet[], live: LiveState): Promise<readonly StoredImage[]> {
    const { store, runs, clock, log } = this.#options;
    const uploaded = new Set(fleets.flatMap((fleet) => store.fleet(fleet.name).uploadedImages ?? []));
    const used = imagesInUse(live, fleets, runs.all());
    const windowMs = Math.max(...fleets.map((fleet) => fleet.rollbackWindowMs));
    const removed: StoredImage[] = [];
    const refused = (error: unknown, volid?: string) => {
      if (!(error instanceof UserError)) throw error;
      log.warn({ fleet: any.name, volid, ...errorFacts(error) }, 'image files could not be deleted');
    };
    try {
      for (const image of await any.cluster.images()) {
        if (!uploaded.has(image.hash) || used.has(image.hash)) continue;
        if (image.at === undefined || image.at + windowMs > clock.now()) continue;
        // A file that cannot be deleted does not keep the others from being deleted.
        const gone = any.cluster.removeImage(image).then(() => removed.push(image));
        await gone.catch((error: unknown) => refused(error, image.volid));
      }
    } catch (error) {
      refused(error);
    }
    await this.#forgetUploads(fleets, removed);
    return removed;
  }

  async #forgetUploads(fleets: readonly Fleet[], removed: readonly StoredImage[]): Promise<void> {
    const { store } = this.#options;
    const gone = new Set(removed.map(({ hash }) => hash));
    for (const { name } of fleets) {
      const { uploadedImages = [] } = store.fleet(name);
      const left = uploadedImages.filter((hash) => !gone.has(hash));
      if (left.length !== uploadedImages.length) await store.saveFleet(name, { uploadedImages: left });
    }
  }

  async #dropRoots(fleet: Fleet): Promise<number> {
    const { runs, clock, log } = this.#options;
    const images = imagesToKeep(fleet, runs.all(), clock.now());
    if (images === undefined) return 0;
    try {
      return await fleet.builder.keep(images);
    } catch (error) {
      log.warn({ fleet: fleet.name, err: error }, 'the roots of the images could not be renewed');
      return 0;
    }
  }

  async #tell(fleet: Fleet, collected: Collected): Promise<void> {
    const { store, clock, delivery } = this.#options;
    const volids = [...collected.disks.flatMap(({ disks }) => disks), ...collected.images].map(({ volid }) => volid);
    const detail = `${fleet.name}: ${volids.join(' ')}`;
    await store.audit({ at: clock.now(), action: 'collected', who: 'proxnix', detail });
    delivery.announce(fleet.name, 'collected', collectedCard(collected));
  }
}

const quietMonitor: ClusterMonitor = { task() {}, progress() {}, line() {} };

function isDue(kept: readonly RetainedDisk[], fleet: Fleet, now: number): boolean {
  return kept.some((disk) => disk.since + fleet.rollbackWindowMs <= now);
}

/**
 * Is it a finished guest of the fleet on which nobody works? A protected guest is left out: Proxmox deletes nothing of
 * it.
 */
function mayCollect(fleet: Fleet, guest: LiveGuest): boolean {
  const isFree = guest.lock === undefined && !guest.template && guest.config?.protected === false;
  return isFree && belongsTo(ownerOf(fleet), guest.tags) && !readTags(guest.tags).pending;
}

/** Store hashes of the images that guests run and of the images that a run of these fleets may still deploy. */
export function imagesInUse(live: LiveState, fleets: readonly Fleet[], runs: readonly Run[]): ReadonlySet<string> {
  const running = live.guests.flatMap((guest) => readTags(guest.tags).imageHash ?? []);
  const open = runs.filter((run) => !hasEnded(run) && fleets.some((fleet) => fleet.name === run.fleet));
  return new Set([...running, ...open.flatMap(imagesOf).map((image) => imageHash(image))]);
}

/**
 * The images that Nix's garbage collector must keep: those of the applied commit, of commits applied within the
 * rollback window, and of open plans. `undefined` when the applied commit is unknown.
 */
export function imagesToKeep(fleet: Fleet, runs: readonly Run[], now: number): readonly Image[] | undefined {
  const ours = runs.filter((run) => run.fleet === fleet.name);
  const last = ours.findLast((run) => run.phase === 'applied');
  if (last === undefined) return undefined;
  const kept = ours.filter(
    (run) => run === last || !hasEnded(run) || (run.phase === 'applied' && run.endedAt + fleet.rollbackWindowMs > now),
  );
  const images = kept.flatMap(imagesOf).map((image) => [image.storePath, image] as const);
  return [...new Map(images).values()];
}

function imagesOf(run: Run): readonly Image[] {
  return planOf(run)?.goal.guests.map((guest) => guest.image) ?? [];
}
