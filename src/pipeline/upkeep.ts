import { errorFacts } from '../core/errors.ts';
import type { Run } from '../core/run.ts';
import type { Card } from '../views/card.ts';
import { Collector } from './collect.ts';
import type { Delivery } from './delivery.ts';
import type { Deps, Fleet } from './deps.ts';
import { Drift, type DriftFinding } from './drift-check.ts';
import type { Lanes } from './lanes.ts';
import { Power } from './power.ts';
import type { Runs } from './runs.ts';
import { Schedule } from './schedule.ts';

/** How often each thing is looked at, in milliseconds; an interval that is absent is off. */
export interface Intervals {
  /** Do guests that ran still run? */
  readonly powerIntervalMs?: number;
  /** Is everything as the last apply left it? */
  readonly planIntervalMs?: number;
  /** Is the time of something up that is kept for a rollback? */
  readonly collectIntervalMs?: number;
}

/** For how long after an apply the cluster's list may still tell the power states from before it. */
const listLagsMs = 15_000;

/** What is done for a cluster when nobody asks: only while no run is in its lane, and silent when nothing is found. */
export class Upkeep {
  readonly #deps: Deps;
  readonly #runs: Runs;
  readonly #lanes: Lanes;
  readonly #reporter: Delivery;
  readonly #power: Power;
  readonly #drift: Drift;
  readonly #collector: Collector;
  readonly #schedule: Schedule;

  constructor(deps: Deps, parts: { readonly runs: Runs; readonly lanes: Lanes; readonly reporter: Delivery }) {
    const { runs, lanes, reporter } = parts;
    this.#deps = deps;
    this.#runs = runs;
    this.#lanes = lanes;
    this.#reporter = reporter;
    this.#power = new Power({ ...deps, say: (fleet, vmid, card) => this.#say(fleet, `power of ${vmid}`, card) });
    this.#drift = new Drift({ ...deps, runs, lanes });
    this.#collector = new Collector({ ...deps, runs, say: (fleet, card) => this.#say(fleet, 'freed', card) });
    this.#schedule = new Schedule({
      ...deps,
      onError: (error) => deps.log.warn(errorFacts(error), 'a check on an interval failed'),
    });
  }

  begin({ powerIntervalMs, planIntervalMs, collectIntervalMs }: Intervals): void {
    const { fleets, log } = this.#deps;
    for (const name of new Set(fleets.map((fleet) => fleet.clusterName))) {
      const here = fleets.filter((fleet) => fleet.clusterName === name);
      this.#schedule.every(powerIntervalMs, () => this.#checkPower(name, here));
      this.#schedule.every(collectIntervalMs, async () => {
        await this.#lanes.ifFree(name, () => this.#collector.collect(here));
      });
    }
    for (const fleet of fleets) {
      this.#schedule.every(planIntervalMs, async () => {
        const { kind } = await this.#drift.check(fleet);
        log.debug({ fleet: fleet.name, finding: kind }, 'the cluster was compared with what was applied');
      });
    }
  }

  /** Compares a fleet with what was last applied to it, now: somebody asks. */
  drift(fleet: Fleet): Promise<DriftFinding> {
    return this.#drift.check(fleet, true);
  }

  /** No check begins any more; resolves when those at work are over. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  async #checkPower(clusterName: string, fleets: readonly Fleet[]): Promise<void> {
    const since = this.#deps.clock.now() - listLagsMs;
    const applied = (run: Run) => 'steps' in run && 'endedAt' in run && run.endedAt > since;
    if (this.#runs.all().some((run) => fleets.some((fleet) => fleet.name === run.fleet) && applied(run))) return;
    await this.#lanes.ifFree(clusterName, () => this.#power.check(fleets));
  }

  /** Shows a card that belongs to no run; the next one about the same is another message. */
  #say(fleet: Fleet, about: string, card: Card): void {
    const key = `${fleet.name}: ${about}`;
    this.#reporter.forget(key);
    this.#reporter.show(key, fleet.name, () => card, {});
  }
}
