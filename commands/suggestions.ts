import type { Completion } from '../src/chat/chat.ts';
import { planOf, type Run } from '../src/core/run.ts';
import { readTags } from '../src/core/tags.ts';
import type { Pipeline } from '../src/pipeline/pipeline.ts';
import type { Fleet } from '../src/pipeline/ports.ts';
import { actorOf } from './command.ts';
import { commands } from './index.ts';
import { runId } from './run-option.ts';

/** Suggestions for what a person types, at most 25: from the fleets that are shown to them in this place. */
export function suggest(pipeline: Pipeline, completion: Completion): readonly string[] {
  return suggestions(pipeline, completion)
    .filter(unique)
    .filter((one) => one.toLowerCase().startsWith(completion.typed.toLowerCase()))
    .slice(0, 25);
}

function suggestions(pipeline: Pipeline, completion: Completion): readonly string[] {
  const actor = actorOf(completion);
  const visible = pipeline.visible(actor);
  const names = visible.map((fleet) => fleet.name);
  const runs = pipeline
    .runs()
    .filter((run) => names.includes(run.fleet))
    .reverse();
  const idsOf = (fits: (run: Run) => boolean) => runs.filter(fits).map(({ id }) => id);
  switch (completion.option.complete) {
    case 'open-run':
      return idsOf(({ phase }) => phase === 'planned');
    case 'working-run':
      return idsOf(({ phase }) => phase === 'applying' || phase === 'queued');
    case 'plan': {
      const run = runs.find(({ id }) => id === runId(completion.args['run'] ?? ''));
      // A plan that the person was not shown is never taken: it would be approved unseen.
      return run?.phase === 'planned' ? [pipeline.shownPlan(actor, run.id) ?? []].flat() : [];
    }
    case 'fleet':
      return names;
    case 'fleet-or-guest':
      return [...names, ...runs.flatMap((run) => planOf(run)?.goal.guests.map(({ name }) => name) ?? [])];
    case 'adoptable':
      return visible.flatMap((fleet) => adoptable(runs, fleet));
    case 'rollback':
      return [
        ...visible.flatMap((fleet) => pipeline.retained(fleet)),
        ...runs.flatMap((run) => (run.phase === 'applied' ? shortOf(run) : [])),
      ];
    case 'ref':
      return [...visible.map((fleet) => fleet.branch), ...runs.flatMap(shortOf)];
    case 'command':
      return visible.length === 0 ? [] : commands.map((command) => command.name);
    default:
      return [];
  }
}

/** The guests that the newest plan of a fleet found under a wanted VMID and that proxnix did not make. */
function adoptable(newestFirst: readonly Run[], { name }: Fleet): readonly string[] {
  const plans = newestFirst.flatMap((run) => (run.fleet === name ? (planOf(run) ?? []) : []));
  const whole = plans.find(({ goal }) => goal.adopt === undefined && goal.rollback?.vmid === undefined);
  const foreign = whole?.changes.filter(
    (change) =>
      change.action === 'conflict' &&
      change.blocked.reason === 'not-ours' &&
      readTags(change.live.tags).fleet === undefined,
  );
  return foreign?.map((change) => change.name) ?? [];
}

function shortOf({ commit }: Run): readonly string[] {
  return commit === undefined ? [] : [commit.sha.slice(0, 12)];
}

function unique(value: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(value) === index;
}
