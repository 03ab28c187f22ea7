import type { ClusterMonitor, Precondition } from '../../../src/cluster/cluster.ts';
import { UserError } from '../../../src/core/errors.ts';
import type { LiveState } from '../../../src/core/live.ts';
import type { StepSpec } from '../../../src/core/steps.ts';
import type { Source } from '../../../src/git/git.ts';
import { FakeBuilder } from '../../fakes/builder.ts';
import { FakeCluster } from '../../fakes/cluster.ts';

/** The fake builder, whose evaluations can be held as well. */
export class TestBuilder extends FakeBuilder {
  /** Answers what the evaluation of a commit waits for. */
  evaluationWaits: (rev: string) => Promise<void> | undefined = () => undefined;

  override async evaluateFleet(source: Source, signal?: AbortSignal): Promise<unknown> {
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new UserError('The evaluation was cancelled.')), { once: true });
    });
    await Promise.race([this.evaluationWaits(source.rev), aborted]);
    return super.evaluateFleet(source, signal);
  }
}

/** The fake cluster, with a hook before each step and each reading, and counts. */
export class TestCluster extends FakeCluster {
  /** How often the state was read. */
  reads = 0;
  /** Steps that are at work at this moment, and the most there were at once. */
  atWork = 0;
  mostAtWork = 0;
  /** Called before a step is carried out; what it answers is waited for. */
  before: (step: StepSpec) => Promise<void> | undefined = () => undefined;
  /** Called before the state is read. */
  beforeRead: () => Promise<void> | undefined = () => undefined;

  override async readState(wanted: ReadonlySet<number>): Promise<LiveState> {
    this.reads++;
    await this.beforeRead();
    return super.readState(wanted);
  }

  override async perform(
    step: StepSpec,
    precondition: Precondition | undefined,
    monitor: ClusterMonitor,
  ): Promise<Precondition | undefined> {
    this.atWork++;
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
    try {
      await this.before(step);
      return await super.perform(step, precondition, monitor);
    } finally {
      this.atWork--;
    }
  }
}
