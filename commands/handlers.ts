import type { Answer, ChatHandlers, CommandRequest, Press, Submission } from '../src/chat/chat.ts';
import { toFailure, UserError } from '../src/core/errors.ts';
import { didYouMean } from '../src/core/nearest.ts';
import { planOf } from '../src/core/run.ts';
import type { Pipeline } from '../src/pipeline/pipeline.ts';
import type { Log } from '../src/pipeline/ports.ts';
import { planCardOf } from '../src/views/plan-card.ts';
import { actorOf, type Command, note } from './command.ts';
import { commands } from './index.ts';
import { planning } from './plan.ts';
import { goingBack } from './rollback.ts';
import { suggest } from './suggestions.ts';

/** The plan is read as it stands: one that is missing or cut off is refused by the pipeline. */
const formPattern = /^px1:(confirm|reject):(r-\d{1,9}):([^:\s]*)$/;

/** What every chat hands its commands, presses and forms to. Nothing here throws: what goes wrong is an answer. */
export function chatHandlers(pipeline: Pipeline, log: Log, now: () => number = Date.now): ChatHandlers {
  return {
    commands,
    command: (request) =>
      answered(pipeline, log, { command: request.name }, async () => {
        const command = commands.find((one) => one.name === request.name);
        if (command !== undefined) return runCommand(command, request, pipeline, now());
        const names = commands.map((one) => one.name);
        return note(`There is no command "${request.name}"${didYouMean(request.name, names) || '.'}`);
      }),
    press: (press) =>
      answered(pipeline, log, { action: press.action, run: press.runId }, () => onPress(pipeline, press)),
    submit: (submission) => answered(pipeline, log, { form: submission.formId }, () => onSubmit(pipeline, submission)),
    complete: async (completion) => {
      try {
        return suggest(pipeline, completion);
      } catch (error) {
        log.error({ option: completion.option.name, err: error }, 'suggestions could not be made');
        return [];
      }
    },
    overview: async (asker) => pipeline.overview(pipeline.visible(actorOf(asker))),
    runPage: async (id, asker) => {
      const run = pipeline.run(id);
      const mayView = pipeline.visible(actorOf(asker)).some((fleet) => fleet.name === run?.fleet);
      return run === undefined || !mayView ? undefined : pipeline.page(run);
    },
  };
}

async function runCommand(command: Command, request: CommandRequest, pipeline: Pipeline, now: number): Promise<Answer> {
  const actor = actorOf(request);
  const { args } = request;
  if (command.wish === 'run') return command.run({ args, actor, pipeline, fleets: [], now });
  const opened = await pipeline.open(actor, command.wish, command.name);
  return 'refused' in opened ? opened.refused : command.run({ args, actor, pipeline, fleets: opened.fleets, now });
}

async function onPress(pipeline: Pipeline, press: Press): Promise<Answer> {
  const actor = actorOf(press);
  const { action, runId, planId = '' } = press;
  switch (action) {
    case 'approve':
      return pipeline.approve(runId, planId, actor);
    case 'reject':
      return pipeline.askReason(runId, planId, actor);
    case 'cancel':
      return pipeline.cancel(runId, actor);
    case 'rollback': {
      const opened = await pipeline.open(actor, 'act', action, runId);
      return 'refused' in opened ? opened.refused : rollbackOf(pipeline, press);
    }
    case 'accept':
    case 'plan-again':
    case 'details':
    case 'log': {
      const opened = await pipeline.open(actor, 'view', action, runId);
      if ('refused' in opened) return opened.refused;
      if (action === 'accept') return pipeline.acceptance(runId);
      return action === 'plan-again' ? planAgain(pipeline, press) : details(pipeline, press);
    }
  }
}

function details(pipeline: Pipeline, press: Press): Answer {
  const run = pipeline.run(press.runId);
  const plan = run === undefined ? undefined : planOf(run);
  const card = run === undefined ? undefined : planCardOf(run);
  if (plan === undefined || card === undefined) return note(`Run ${press.runId} has no plan to show.`);
  pipeline.answeredWithPlan(actorOf(press), press.runId, plan.id);
  return { kind: 'card', card };
}

async function planAgain(pipeline: Pipeline, press: Press): Promise<Answer> {
  const run = pipeline.run(press.runId);
  const fleet = pipeline.fleets().find((one) => one.name === run?.fleet);
  if (fleet === undefined) return note(`Run ${press.runId} belongs to no fleet that is configured.`);
  const by = { chat: press.person.chat, id: press.person.id, name: press.person.name };
  return note(planning(await pipeline.plan(fleet, { kind: 'plan-again', by })));
}

async function rollbackOf(pipeline: Pipeline, press: Press): Promise<Answer> {
  const run = pipeline.run(press.runId);
  const fleet = pipeline.fleets().find((one) => one.name === run?.fleet);
  if (run === undefined || fleet === undefined) {
    return note(`Run ${press.runId} belongs to no fleet that is configured.`);
  }
  const by = { chat: press.person.chat, id: press.person.id, name: press.person.name };
  const next = await pipeline.rollbackOf(run, fleet, by);
  return note(goingBack(next));
}

async function onSubmit(pipeline: Pipeline, submission: Submission): Promise<Answer> {
  const [, what, runId, planId = ''] = formPattern.exec(submission.formId) ?? [];
  if (runId === undefined) return note('This form belongs to no plan of proxnix.');
  const actor = actorOf(submission);
  if (what === 'confirm') return pipeline.approve(runId, planId, actor, submission.values['names'] ?? '');
  const reason = submission.values['reason']?.trim();
  return pipeline.reject(runId, planId, actor, reason === '' ? undefined : reason);
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
