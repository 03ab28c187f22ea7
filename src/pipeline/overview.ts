import type { Cluster, ClusterView, SeenGuest } from '../cluster/cluster.ts';
import { shortSha } from '../core/commit.ts';
import { belongsTo, ownerOf } from '../core/goal.ts';
import { imageHash } from '../core/guest.ts';
import type { LiveGuest } from '../core/live.ts';
import { rolledBackGuests } from '../core/rolled-back.ts';
import { planOf, type Run, reachedApply } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import type { Store } from '../store/store.ts';
import {
  concerns,
  type Overview,
  type Reached,
  runRef,
  type SeenFleet,
  type SeenFleetGuest,
  seenLock,
} from '../views/overview.ts';
import type { DriftFinding } from './drift-check.ts';
import type { Clock, Fleet, Ports } from './ports.ts';
import type { Reachability } from './reachability.ts';
import type { Runs } from './runs.ts';

/** However many people look, a cluster is read once in this time. */
const readEveryMs = 10_000;
/** An address seldom changes, and each costs a call to a guest's agent. */
const askAddressEveryMs = 5 * 60_000;
/** So many addresses are asked for at a time. */
const addressesAtOnce = 5;

/** A reading of a cluster. */
interface Reading {
  readonly begunAt: number;
  /** The last one that succeeded; `undefined` where none did. */
  readonly seen: Promise<{ readonly at: number; readonly view: ClusterView } | undefined>;
}

/** What the overviews need. */
interface Parts {
  readonly runs: Runs;
  readonly reachability: Reachability;
  /** What the last drift check of a fleet found. */
  readonly lastDrift: (fleet: string) => DriftFinding['kind'] | undefined;
}

/** Reads what people see of fleets and their clusters, when somebody asks and not more often than needed. */
export class Overviews {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #chats: Ports['chats'];
  readonly #parts: Parts;
  readonly #readings = new Map<Cluster, Reading>();
  /** By cluster and VMID; `undefined` where the guest told none. */
  readonly #addresses = new Map<string, { readonly askedAt: number; readonly address: string | undefined }>();

  constructor({ store, clock, chats }: Pick<Ports, 'store' | 'clock' | 'chats'>, parts: Parts) {
    this.#store = store;
    this.#clock = clock;
    this.#chats = chats;
    this.#parts = parts;
  }

  /** The newest view of fleets. A cluster that cannot be read is shown as it was read last, and as failing. */
  async of(fleets: readonly Fleet[]): Promise<Overview> {
    const seen = await Promise.all(fleets.map((fleet) => this.#fleet(fleet)));
    return { fleets: seen, reached: this.#reached(fleets) };
  }

  #reached(fleets: readonly Fleet[]): readonly Reached[] {
    if (fleets.length === 0) return [];
    const { reachability } = this.#parts;
    const clusters = new Set(fleets.map(({ clusterName }) => clusterName));
    const repositories = new Set(fleets.map(({ repository }) => repository));
    return [
      ...[...clusters].map((name) => reachability.of('Proxmox', name)),
      ...[...repositories].map((name) => reachability.of('Git', name)),
      ...this.#chats.map(({ name }) => reachability.of('Chat', name)),
    ];
  }

  async #fleet(fleet: Fleet): Promise<SeenFleet> {
    const { runs } = this.#parts;
    const read = await this.#read(fleet);
    const own = runs.all().filter((run) => run.fleet === fleet.name);
    const { lock } = this.#store.fleet(fleet.name);
    const lastRun = own.findLast(reachedApply);
    return {
      fleet: fleet.name,
      branch: fleet.branch,
      ...(read === undefined
        ? {}
        : {
            cluster: {
              at: read.at,
              guests: this.#guests(fleet, read.view, own),
              nodes: read.view.nodes,
              storages: read.view.storages,
            },
          }),
      open: own.filter((run) => run.phase === 'planned').map(runRef),
      queue: runs.queue(fleet),
      ...(lastRun === undefined ? {} : { lastRun: runRef(lastRun) }),
      ...(lock === undefined ? {} : { lock: seenLock(lock) }),
    };
  }

  #read(fleet: Fleet): Reading['seen'] {
    const { cluster, clusterName } = fleet;
    const now = this.#clock.now();
    const last = this.#readings.get(cluster);
    if (last !== undefined && now - last.begunAt < readEveryMs) return last.seen;
    const seen = this.#parts.reachability
      .watch('Proxmox', clusterName, () => cluster.view())
      .then((view) => ({ at: this.#clock.now(), view }))
      .catch(() => last?.seen);
    this.#readings.set(cluster, { begunAt: now, seen });
    return seen;
  }

  #guests(fleet: Fleet, view: ClusterView, runs: readonly Run[]): readonly SeenFleetGuest[] {
    const ours = view.guests.filter(({ guest }) => belongsTo(ownerOf(fleet), guest.tags));
    this.#askAddresses(fleet, ours);
    const types = imageTypes(runs);
    return ours.map((seen) => this.#guest(fleet, seen, runs, types));
  }

  #guest(
    fleet: Fleet,
    { guest, uptime, url }: SeenGuest,
    runs: readonly Run[],
    types: ReadonlyMap<string, string>,
  ): SeenFleetGuest {
    const { vmid } = guest;
    const { pending, imageHash: hash = '', commit } = readTags(guest.tags);
    const type = types.get(hash);
    const lastRun = runs.findLast((run) => reachedApply(run) && concerns(run, vmid));
    const address = guest.status === 'running' ? this.#addressOf(fleet, vmid, runs) : undefined;
    return {
      name: guest.name,
      vmid,
      kind: guest.kind,
      node: guest.node,
      state: pending ? 'unfinished' : guest.paused === undefined ? guest.status : 'paused',
      ...(hash === '' ? {} : { image: { hash, ...(type === undefined ? {} : { type }) } }),
      ...(commit === undefined ? {} : { commit: { sha: commit, ...commitFacts(fleet, commit, runs) } }),
      ...(address === undefined ? {} : { address }),
      ...(uptime === undefined ? {} : { uptime }),
      ...(lastRun === undefined ? {} : { lastRun: runRef(lastRun) }),
      drift: this.#drift(fleet, guest, runs),
      url,
    };
  }

  /** A drift that somebody acknowledged is one still: its run tells it. */
  #drift(fleet: Fleet, guest: LiveGuest, runs: readonly Run[]): SeenFleetGuest['drift'] {
    const [rolledBack] = rolledBackGuests(runs, [guest]);
    if (rolledBack !== undefined) return { kind: 'rolled-back', run: rolledBack.runId };
    const run = runs.findLast((one) => one.trigger.kind === 'drift' || reachedApply(one));
    const found = this.#parts.lastDrift(fleet.name);
    if (run?.trigger.kind === 'drift' && !reachedApply(run) && found !== 'same') {
      const differs = planOf(run)?.changes.some(({ vmid }) => vmid === guest.vmid);
      return differs ? { kind: 'drifted', run: run.id } : { kind: 'none' };
    }
    return { kind: found === 'same' ? 'none' : 'unknown' };
  }

  #addressOf(fleet: Fleet, vmid: number, runs: readonly Run[]): string | undefined {
    const asked = this.#addresses.get(`${fleet.clusterName} ${vmid}`);
    // An agent that does not answer yet says nothing of what the last apply told.
    if (asked?.address !== undefined) return asked.address;
    const told = runs.findLast((run) => run.phase === 'applied' && run.addresses[vmid] !== undefined);
    return told?.phase === 'applied' ? told.addresses[vmid] : undefined;
  }

  /** Asks in the background for the addresses that nobody asked for lately; the next overview has them. */
  #askAddresses(fleet: Fleet, guests: readonly SeenGuest[]): void {
    const now = this.#clock.now();
    const due = guests.filter(({ guest }) => {
      const { askedAt } = this.#addresses.get(`${fleet.clusterName} ${guest.vmid}`) ?? { askedAt: -Infinity };
      return guest.status === 'running' && now - askedAt >= askAddressEveryMs;
    });
    for (const { guest } of due.slice(0, addressesAtOnce)) {
      const { vmid, node, kind: guestKind } = guest;
      const key = `${fleet.clusterName} ${vmid}`;
      this.#addresses.set(key, { askedAt: now, address: this.#addresses.get(key)?.address });
      void fleet.cluster.address({ guestKind, vmid, node }).then((address) => {
        this.#addresses.set(key, { askedAt: now, address });
      });
    }
  }
}

/** The configuration that each image was made from, by its hash, as far as runs that are kept planned it. */
function imageTypes(runs: readonly Run[]): ReadonlyMap<string, string> {
  const guests = runs.flatMap((run) => planOf(run)?.goal.guests ?? []);
  return new Map(guests.map(({ image, imageType }) => [imageHash(image), imageType]));
}

function commitFacts(
  { webUrl }: Fleet,
  sha: string,
  runs: readonly Run[],
): { readonly at?: number; readonly url?: string } {
  const commit = runs.findLast((run) => run.commit?.sha.startsWith(shortSha(sha)) === true)?.commit;
  return {
    ...(commit === undefined ? {} : { at: commit.at }),
    ...(webUrl === undefined ? {} : { url: `${webUrl}/commit/${sha}` }),
  };
}
