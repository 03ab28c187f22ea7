import type { Precondition } from '../cluster/cluster.ts';
import { errorFacts, toFailure } from '../core/errors.ts';
import { belongsTo, ownerOf } from '../core/goal.ts';
import { type GuestRef, guestLabel } from '../core/guest.ts';
import { factsOf } from '../core/guest-facts.ts';
import type { LiveGuest } from '../core/live.ts';
import { readTags } from '../core/tags.ts';
import type { Store } from '../store/store.ts';
import { type PowerEvent, powerCard } from '../views/announcements.ts';
import type { Delivery } from './delivery.ts';
import type { Clock, Fleet, Log } from './ports.ts';

/** How often a guest is started within `startsWithinMs` before it is only reported. */
const mostStarts = 3;
const startsWithinMs = 60 * 60_000;

interface PowerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly delivery: Delivery;
}

/**
 * Starts guests that ran and have stopped. The store holds which guests ran at the last check or at the end of a later
 * apply, so a guest that stopped while the bot was down is found as well. Others are not started.
 */
export class Power {
  readonly #options: PowerOptions;
  /** When each guest was started, by fleet and VMID. */
  readonly #starts = new Map<string, readonly number[]>();
  /** Unfinished guests whose stop was reported, by fleet and VMID: they go on counting as running. */
  readonly #reported = new Set<string>();

  constructor(options: PowerOptions) {
    this.#options = options;
  }

  /** Checks the fleets of one cluster once. Call it only while nothing else changes that cluster. */
  async check(fleets: readonly Fleet[]): Promise<void> {
    const [any] = fleets;
    if (any === undefined) return;
    const guests = await any.cluster.list();
    for (const fleet of fleets) await this.#checkFleet(fleet, guests);
  }

  async #checkFleet(fleet: Fleet, guests: readonly LiveGuest[]): Promise<void> {
    const { store } = this.#options;
    const known = store.fleet(fleet.name).running ?? [];
    const facts = store.fleet(fleet.name).guests;
    const ours = guests.filter((guest) => isOurs(fleet, guest) && factsOf(facts, guest.vmid).power === undefined);
    const stopped = ours.filter((guest) => known.includes(guest.vmid) && isStopped(guest));
    const events = new Map<number, PowerEvent | 'runs' | 'later'>();
    for (const guest of stopped) events.set(guest.vmid, await this.#onStopped(fleet, guest));
    const running = ours.filter((guest) => {
      const event = events.get(guest.vmid);
      if (event === 'runs' || event === 'later') return true;
      // The plan that finishes an unfinished guest starts it only when it is known to have run.
      if (event !== undefined) return event.kind === 'started' || readTags(guest.tags).pending;
      // A guest that is locked, incomplete or on a node that is down keeps its last known state.
      return guest.status === 'running' || known.includes(guest.vmid);
    });
    // Saved before the card is shown, so that no card is shown twice.
    const vmids = running.map((guest) => guest.vmid);
    if (vmids.join() !== known.join()) await store.saveFleet(fleet.name, { running: vmids });
    for (const guest of ours) if (!stopped.includes(guest)) this.#reported.delete(keyOf(fleet, guest));
    for (const guest of stopped) {
      const event = events.get(guest.vmid);
      if (typeof event !== 'object' || this.#reported.has(keyOf(fleet, guest))) continue;
      if (readTags(guest.tags).pending) this.#reported.add(keyOf(fleet, guest));
      this.#options.delivery.announce(fleet.name, `power of ${guest.vmid}`, powerCard(guest, event));
    }
  }

  /** `runs`: the cluster's list was out of date and the guest runs; `later`: somebody else works on the guest now. */
  async #onStopped(fleet: Fleet, guest: LiveGuest): Promise<PowerEvent | 'runs' | 'later'> {
    const { clock, log, store } = this.#options;
    const { lock } = store.fleet(fleet.name);
    if (lock !== undefined) return { kind: 'locked', lock };
    if (readTags(guest.tags).pending) return { kind: 'pending' };
    if (fleet.onStopped === 'report') return { kind: 'report' };
    const key = keyOf(fleet, guest);
    const recent = (this.#starts.get(key) ?? []).filter((at) => at > clock.now() - startsWithinMs);
    if (recent.length >= mostStarts) return { kind: 'often', starts: recent.length };
    const precondition = await preconditionOf(fleet, guest);
    if (precondition === undefined) return 'later';
    try {
      if (!(await start(fleet, precondition))) return 'runs';
      this.#starts.set(key, [...recent, clock.now()]);
    } catch (error) {
      // Somebody works on the guest: it is looked at again, as what it is then.
      const now = await preconditionOf(fleet, guest);
      if (now?.digest !== precondition.digest || now.uuid !== precondition.uuid) return 'later';
      log.warn({ fleet: fleet.name, vmid: guest.vmid, ...errorFacts(error) }, 'a stopped guest could not be started');
      return { kind: 'failed', failure: toFailure(error) };
    }
    const detail = `${fleet.name}: ${guestLabel({ guestKind: guest.kind, vmid: guest.vmid })}`;
    await store.audit({ at: clock.now(), action: 'guest-started', who: 'proxnix', detail });
    return { kind: 'started' };
  }
}

function keyOf({ name }: Fleet, { vmid }: LiveGuest): string {
  return `${name} ${vmid}`;
}

function isOurs(fleet: Fleet, guest: LiveGuest): boolean {
  return belongsTo(ownerOf(fleet), guest.tags);
}

/** Is the guest stopped, and does nobody work on it? HA starts and stops the guests that it manages. */
function isStopped(guest: LiveGuest): boolean {
  return guest.status === 'stopped' && guest.lock === undefined && !guest.template && guest.haState === undefined;
}

/** The guest's precondition from its configuration; `undefined` when it is no longer the guest of the list. */
async function preconditionOf(fleet: Fleet, { vmid }: LiveGuest): Promise<Precondition | undefined> {
  const { guests } = await fleet.cluster.readState(new Set());
  const guest = guests.find((one) => one.vmid === vmid);
  if (guest?.config?.uuid === undefined || !isOurs(fleet, guest) || !isStopped(guest)) return undefined;
  return { guestKind: guest.kind, vmid, node: guest.node, uuid: guest.config.uuid, digest: guest.config.digest };
}

/**
 * @returns whether the guest had to be started. The cluster's list is up to 10 s old, so the step reads the guest
 * itself.
 */
async function start(fleet: Fleet, precondition: Precondition): Promise<boolean> {
  let began = false;
  const monitor = {
    task() {
      began = true;
    },
    progress() {},
    line() {},
  };
  await fleet.cluster.perform({ ...atOf(precondition), kind: 'start' }, precondition, monitor);
  return began;
}

function atOf({ guestKind, vmid, node }: Precondition): GuestRef {
  return { guestKind, vmid, node };
}
