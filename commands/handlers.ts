import type { Answer, ChatHandlers, CommandOption, Press, Submission } from '../src/chat/chat.ts';
import { toFailure, UserError } from '../src/core/errors.ts';
import { didYouMean } from '../src/core/nearest.ts';
import type { Log } from '../src/pipeline/deps.ts';
import type { Pipeline } from '../src/pipeline/pipeline.ts';
import { planCardOf } from '../src/views/plan-card.ts';
import { actorOf, note } from './command.ts';
import { commands } from './index.ts';

const formPattern = /^px1:(confirm|reject):(r-\d{1,9}):(p-[0-9a-f]{6,16})?$/;

/** What every chat hands its commands, presses and forms to. Nothing here throws: what goes wrong is an answer. */
export function chatHandlers(pipeline: Pipeline, log: Log, now: () => number = Date.now): ChatHandlers {
  return {
    commands,
    command: (request) =>
      answered(pipeline, log, { command: request.name }, async () => {
        const command = commands.find((one) => one.name === request.name);
        if (command !== undefined) {
          return command.run({ args: request.args, actor: actorOf(request), pipeline, now: now() });
        }
        const names = commands.map((one) => one.name);
        return note(`There is no command "${request.name}"${didYouMean(request.name, names) || '.'}`);
      }),
    press: (press) =>
      answered(pipeline, log, { action: press.action, run: press.runId }, () => onPress(pipeline, press)),
    submit: (submission) => answered(pipeline, log, { form: submission.formId }, () => onSubmit(pipeline, submission)),
    complete: async (option, typed) => {
      try {
        return complete(pipeline, option, typed);
      } catch (error) {
        log.error({ option: option.name, err: error }, 'suggestions could not be made');
        return [];
      }
    },
  };
}

async function onPress(pipeline: Pipeline, press: Press): Promise<Answer> {
  const actor = actorOf(press);
  switch (press.action) {
    case 'approve':
      return pipeline.approve(press.runId, press.planId, actor);
    case 'reject':
      return pipeline.askReason(press.runId, press.planId, actor);
    case 'cancel':
      return pipeline.cancel(press.runId, actor);
    case 'plan-again':
      return planAgain(pipeline, press);
    case 'details':
    case 'log': {
      const run = pipeline.run(press.runId);
      const card = run === undefined ? undefined : planCardOf(run);
      return card === undefined ? note(`Run ${press.runId} has no plan to show.`) : { kind: 'card', card };
    }
  }
}

async function planAgain(pipeline: Pipeline, press: Press): Promise<Answer> {
  const run = pipeline.run(press.runId);
  const fleet = pipeline.fleets().find((one) => one.name === run?.fleet);
  if (fleet === undefined) return note(`Run ${press.runId} belongs to no fleet that is configured.`);
  const by = { chat: press.person.chat, id: press.person.id, name: press.person.name };
  const next = await pipeline.plan(fleet, { kind: 'plan-again', by });
  return note(`Planning as run ${next.id}.`);
}

async function onSubmit(pipeline: Pipeline, submission: Submission): Promise<Answer> {
  const [, what, runId, planId] = formPattern.exec(submission.formId) ?? [];
  if (runId === undefined) return note('That form is not one of mine.');
  const actor = actorOf(submission);
  if (what === 'confirm') return pipeline.approve(runId, planId, actor, submission.values['names'] ?? '');
  const reason = submission.values['reason']?.trim();
  return pipeline.reject(runId, planId, actor, reason === '' ? undefined : reason);
}

function complete(pipeline: Pipeline, option: CommandOption, typed: string): readonly string[] {
  return suggestions(pipeline, option)
    .filter((one) => one.toLowerCase().startsWith(typed.toLowerCase()))
    .slice(0, 25);
}

function suggestions(pipeline: Pipeline, option: CommandOption): readonly string[] {
  const runs = [...pipeline.runs()].reverse();
  const fleets = pipeline.fleets().map((fleet) => fleet.name);
  switch (option.complete) {
    case 'run':
      return [...runs.filter((run) => run.phase === 'planned' || run.phase === 'applying'), ...runs]
        .map((run) => run.id)
        .filter(unique);
    case 'fleet':
      return fleets;
    case 'guest': {
      const plans = runs.flatMap((run) => ('plan' in run && run.plan !== undefined ? run.plan.goal.guests : []));
      return [...fleets, ...plans.map((guest) => guest.name)].filter(unique);
    }
    case 'ref':
      return [
        ...pipeline.fleets().map((fleet) => fleet.branch),
        ...runs.flatMap((run) => run.commit?.sha.slice(0, 12) ?? []),
      ].filter(unique);
    case 'command':
      return commands.map((command) => command.name);
    default:
      return [];
  }
}

function unique(value: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(value) === index;
}

async function answered(pipeline: Pipeline, log: Log, facts: object, answer: () => Promise<Answer>): Promise<Answer> {
  return pipeline.clean(await orNote(log, facts, answer));
}

async function orNote(log: Log, facts: object, answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof UserError)) log.error({ ...facts, err: error }, 'a request could not be answered');
    const failure = toFailure(error);
    const run = 'run' in facts && !(error instanceof UserError) ? `It concerns run ${facts.run}.` : undefined;
    return note([failure.message, run, failure.next].filter((part) => part !== undefined).join(' '));
  }
}
