import type { Cluster } from '../cluster/cluster.ts';
import type { ApplyingRun, RunEvent, StepState } from '../core/run.ts';
import type { Clock, Log } from './deps.ts';

/**
 * Finds out what became of an apply whose bot died in the middle: the task that ran is waited for (it goes on without
 * us), and the outcome is put into words. Nothing is run again.
 */
export async function reconcile(
  run: ApplyingRun,
  cluster: Cluster,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Extract<RunEvent, { type: 'interrupted' }>> {
  const current = run.steps.find((state) => state.state === 'running');
  const settled = current === undefined ? undefined : await settle(current, cluster, log);
  return {
    type: 'interrupted',
    at: clock.now(),
    notes: settled === undefined ? [] : [settled],
  };
}

async function settle(state: StepState, cluster: Cluster, log: Log): Promise<string> {
  const { step, upid } = state;
  const what = `The step "${step.id}"`;
  if (step.kind === 'build') return `${what} had not ended; a build changes nothing in the cluster.`;
  if (upid === undefined) return `${what} had begun; no task of it is known.`;
  const outcome = await cluster.settle(upid).catch((error: unknown) => {
    log.warn({ upid, err: error }, 'a task of an earlier process could not be asked after');
    return 'unknown' as const;
  });
  if (outcome === 'unknown') return `${what}: what became of its task could not be found out.`;
  if (outcome === undefined) return `${what}: its task is not known to the cluster any more.`;
  // One step may be several tasks: that the last known one went well does not mean that the step did.
  return `${what}: its task went on without the bot and ended with "${outcome.text}".`;
}
