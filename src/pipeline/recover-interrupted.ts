import type { Cluster } from '../cluster/cluster.ts';
import type { ApplyingRun, RunEvent, StepState } from '../core/run.ts';
import { type CutOff, cutOffNote } from '../views/step-text.ts';
import type { Clock, Log } from './ports.ts';

/**
 * Finds out what became of an apply whose bot died in the middle: the task that ran is waited for (it goes on without
 * us), and the outcome is put into words. Nothing is run again.
 */
export async function recoverInterrupted(
  run: ApplyingRun,
  cluster: Cluster,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Extract<RunEvent, { type: 'interrupted' }>> {
  const current = run.steps.find((state) => state.state === 'running');
  return {
    type: 'interrupted',
    at: clock.now(),
    notes: current === undefined ? [] : [cutOffNote(current.step, await settle(current, cluster, log))],
  };
}

async function settle({ step, upid }: StepState, cluster: Cluster, log: Log): Promise<CutOff> {
  if (step.kind === 'build') return { kind: 'build' };
  if (upid === undefined) return { kind: 'no-task' };
  try {
    const outcome = await cluster.settle(upid);
    return outcome === undefined ? { kind: 'forgotten' } : { kind: 'ended', text: outcome.text };
  } catch (error) {
    log.warn({ upid, err: error }, 'a task of an earlier process could not be asked after');
    return { kind: 'unreachable' };
  }
}
