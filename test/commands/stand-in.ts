import type { Answer, Person, Place } from '../../src/chat/chat.ts';
import type { LiveState } from '../../src/core/live.ts';
import type { Actor } from '../../src/core/policy.ts';
import type { Run, Trigger, Who } from '../../src/core/run.ts';
import type { DriftFinding } from '../../src/pipeline/drift-check.ts';
import { Pipeline } from '../../src/pipeline/pipeline.ts';
import type { Fleet, Log } from '../../src/pipeline/ports.ts';
import { FakeBuilder } from '../fakes/builder.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeGit } from '../fakes/git.ts';
import { FakeHealth } from '../fakes/health.ts';
import { FakeStore } from '../fakes/store.ts';
import { aPolicy, aRun, aState, t0 } from '../support/builders.ts';

export const person: Person = { chat: 'console', id: 'ada', name: 'Ada', groups: ['g1'] };
export const place: Place = { workspace: 'console', channel: 'homelab' };

const nothing: Answer = { kind: 'none' };

/** A pipeline that does nothing and remembers what it was asked for. */
export class StandIn extends Pipeline {
  readonly asked: (readonly unknown[])[] = [];
  readonly #fleets: readonly Fleet[];
  readonly #runs: readonly Run[];
  readonly #error: Error | undefined;
  readonly #finding: DriftFinding;

  constructor(
    options: { fleets?: readonly Fleet[]; runs?: readonly Run[]; error?: Error; finding?: DriftFinding } = {},
  ) {
    const clock = { now: () => t0, after: () => () => undefined };
    const rest = { gate: (text: string) => text, editEveryMs: () => 0, pushQuietMs: 0, chats: [], risks: [] };
    const log = silentLog([]);
    super({ fleets: [], store: new FakeStore(), clock, log, ...rest });
    this.#fleets = options.fleets ?? [aFleet('homelab')];
    this.#runs = options.runs ?? [];
    this.#error = options.error;
    this.#finding = options.finding ?? { kind: 'never-applied' };
  }

  override fleets(): readonly Fleet[] {
    return this.#fleets;
  }

  override runs(): readonly Run[] {
    if (this.#error !== undefined) throw this.#error;
    return this.#runs;
  }

  override run(id: string): Run | undefined {
    return this.#runs.find((run) => run.id === id);
  }

  override async plan(fleet: Fleet, trigger: Trigger, ref?: string): Promise<Run> {
    await this.#note('plan', fleet.name, trigger, ref);
    return aRun('planning', undefined, { id: 'r-50' });
  }

  override async drift(fleet: Fleet): Promise<DriftFinding> {
    await this.#note('drift', fleet.name);
    return this.#finding;
  }

  override async adopt(fleet: Fleet, guest: string, by: Who): Promise<Run> {
    await this.#note('adopt', fleet.name, guest, by);
    return aRun('planning', undefined, { id: 'r-50' });
  }

  override async rollback(fleet: Fleet, to: string | undefined, by: Who): Promise<Run> {
    await this.#note('rollback', fleet.name, to, by);
    return aRun('planning', undefined, { id: 'r-50' });
  }

  override approve(runId: string, planId: string | undefined, actor: Actor, typed?: string): Promise<Answer> {
    return this.#note('approve', runId, planId, actor, typed);
  }

  override reject(runId: string, planId: string | undefined, actor: Actor, reason?: string): Promise<Answer> {
    return this.#note('reject', runId, planId, actor, reason);
  }

  override askReason(runId: string, planId: string, actor: Actor): Promise<Answer> {
    return this.#note('askReason', runId, planId, actor);
  }

  override cancel(runId: string, actor: Actor): Promise<Answer> {
    return this.#note('cancel', runId, actor);
  }

  override lock(fleets: readonly Fleet[], actor: Actor, reason: string): Promise<Answer> {
    return this.#note('lock', namesOf(fleets), actor, reason);
  }

  override unlock(fleets: readonly Fleet[], actor: Actor): Promise<Answer> {
    return this.#note('unlock', namesOf(fleets), actor);
  }

  async #note(...asked: readonly unknown[]): Promise<Answer> {
    if (this.#error !== undefined) throw this.#error;
    this.asked.push(asked);
    return nothing;
  }
}

function namesOf(fleets: readonly Fleet[]): readonly string[] {
  return fleets.map(({ name }) => name);
}

export function aFleet(name: string, live: LiveState = aState()): Fleet {
  const cluster = new FakeCluster();
  cluster.readState = async () => live;
  return {
    ...{ name, branch: 'main', repository: 'acme/fleet', git: new FakeGit(), builder: new FakeBuilder(), cluster },
    health: new FakeHealth(),
    ...{
      clusterName: 'pve',
      policy: aPolicy(),
      planExpiryMs: 1000,
      rollbackWindowMs: 86_400_000,
      onStopped: 'start',
      tagged: false,
      previewForks: false,
    },
  };
}

/** A log that keeps its lines as text, to be searched. */
export function silentLog(lines: string[]): Log {
  const keep = (facts: object, message: string) => {
    const err = 'err' in facts && facts.err instanceof Error ? facts.err.message : '';
    lines.push(`${message} ${JSON.stringify(facts)} ${err}`);
  };
  return { debug: keep, info: keep, warn: keep, error: keep };
}
