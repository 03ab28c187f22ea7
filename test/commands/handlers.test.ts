import { describe, expect, it } from 'vitest';
import { chatHandlers } from '../../commands/handlers.ts';
import type { CommandOption, Completion, Suggested } from '../../src/chat/chat.ts';
import { UserError } from '../../src/core/errors.ts';
import type { ButtonAction } from '../../src/views/card.ts';
import { aBigPlan, aPlan, aRun } from '../support/builders.ts';
import { aFleet, person, place, StandIn, silentLog } from './stand-in.ts';

const actor = { ...person, ...place };
const runs = [
  aRun('applied', aBigPlan(), { id: 'r-39' }),
  aRun('in-sync', aPlan(), { id: 'r-40' }),
  aRun('planned', aPlan(), { id: 'r-41' }),
];

function world(options: ConstructorParameters<typeof StandIn>[0] = {}) {
  const pipeline = new StandIn({ runs, ...options });
  const lines: string[] = [];
  const handlers = chatHandlers(pipeline, silentLog(lines), () => 0);
  const press = (action: ButtonAction, runId = 'r-41') =>
    handlers.press({ action, runId, planId: 'p-7f3c2a', person, place });
  const submit = (formId: string, values: Readonly<Record<string, string>> = {}) =>
    handlers.submit({ formId, values, person, place });
  return { pipeline, lines, handlers, press, submit };
}

function completing(option: CommandOption, typed = ''): Completion {
  return { command: 'x', option, typed, args: {}, person, place };
}

describe('a press', () => {
  it.each([
    ['approve', ['approve', 'r-41', 'p-7f3c2a', actor, undefined]],
    ['reject', ['askReason', 'r-41', 'p-7f3c2a', actor]],
    ['cancel', ['cancel', 'r-41', actor]],
    [
      'plan-again',
      ['plan', 'homelab', { kind: 'plan-again', by: { chat: 'console', id: 'ada', name: 'Ada' } }, undefined],
    ],
  ] as const)('of %s is handed on with the ids it carries', async (action, asked) => {
    const { pipeline, press } = world();
    await press(action);
    expect(pipeline.asked).toEqual([asked]);
  });

  it.each(['details', 'log'] as const)(
    'of %s shows the plan to the one who asked, and asks for nothing',
    async (action) => {
      const { pipeline, press } = world();
      const title = expect.stringMatching(/^Full plan p-[0-9a-f]{6} of run r-41$/);
      expect(await press(action)).toMatchObject({ kind: 'card', card: { title } });
      expect(pipeline.asked).toEqual([]);
    },
  );

  it('says when there is no plan, no run or no fleet any more', async () => {
    const { press } = world();
    expect(await press('details', 'r-40')).toEqual({ kind: 'note', text: 'Run r-40 has no plan to show.' });
    expect(await press('details', 'r-99')).toEqual({ kind: 'note', text: 'Run r-99 has no plan to show.' });
    expect(await press('plan-again', 'r-99')).toEqual({
      kind: 'note',
      text: 'Run r-99 belongs to no fleet that is configured.',
    });
    const elsewhere = world({ fleets: [aFleet('lab')] });
    expect(await elsewhere.press('plan-again')).toMatchObject({
      text: 'Run r-41 belongs to no fleet that is configured.',
    });
  });
});

describe('a form', () => {
  it.each([
    ['px1:confirm:r-41:p-7f3c2a', { names: 'test-old' }, ['approve', 'r-41', 'p-7f3c2a', actor, 'test-old']],
    ['px1:confirm:r-41:p-7f3c2a', {}, ['approve', 'r-41', 'p-7f3c2a', actor, '']],
    ['px1:reject:r-41:p-7f3c2a', { reason: ' not today ' }, ['reject', 'r-41', 'p-7f3c2a', actor, 'not today']],
    ['px1:reject:r-41:p-7f3c2a', { reason: ' ' }, ['reject', 'r-41', 'p-7f3c2a', actor, undefined]],
    ['px1:reject:r-41:', {}, ['reject', 'r-41', '', actor, undefined]],
    ['px1:confirm:r-41:p-7f3', {}, ['approve', 'r-41', 'p-7f3', actor, '']],
  ])('%s with %j is handed on', async (formId, values, asked) => {
    const { pipeline, submit } = world();
    expect(await submit(formId, values)).toEqual({ kind: 'none' });
    expect(pipeline.asked).toEqual([asked]);
  });

  it.each([
    '',
    'px1:approve:r-41:p-7f3c2a',
    'px1:confirm:41:p-7f3c2a',
    'px1:confirm:r-41:p-7f3c2a:x',
    'px1:confirm:r-41:p-zz\n',
  ])('that nobody made decides nothing: %j', async (formId) => {
    const { pipeline, submit } = world();
    expect(await submit(formId, { names: 'x' })).toEqual({
      kind: 'note',
      text: 'This form belongs to no plan of proxnix.',
    });
    expect(pipeline.asked).toEqual([]);
  });
});

describe('a command that is not there', () => {
  it.each([
    ['aprove', 'There is no command "aprove", did you mean "approve"?'],
    ['PLAN', 'There is no command "PLAN", did you mean "plan"?'],
    ['destroy-all', 'There is no command "destroy-all".'],
    ['constructor', 'There is no command "constructor".'],
  ])('is answered with what is near: %s', async (name, text) => {
    const { handlers } = world();
    expect(await handlers.command({ name, args: {}, person, place })).toEqual({ kind: 'note', text });
  });
});

describe('what goes wrong', () => {
  const requests = (error: Error) => {
    const { handlers, press, submit, lines } = world({ error });
    const command = () => handlers.command({ name: 'approve', args: { run: '41' }, person, place });
    return { lines, all: [command, () => press('approve'), () => submit('px1:reject:r-41:')] };
  };

  it('is an answer in words when it is meant for people, with what to do, and no bug in the log', async () => {
    const { all, lines } = requests(
      new UserError('The cluster is away.', { next: 'Plan again.', details: ['secret'] }),
    );
    for (const request of all)
      expect(await request()).toEqual({ kind: 'note', text: 'The cluster is away. Plan again.' });
    expect(lines).toEqual([]);
  });

  it('says nothing of a bug but that there was one, and logs it whole', async () => {
    const { all, lines } = requests(new TypeError('token=abc of undefined'));
    for (const request of all) {
      const answer = await request();
      const text = expect.stringMatching(
        /^An unexpected error inside proxnix\.( It concerns run r-41\.)? The log of the bot has the whole story\.$/,
      );
      expect(answer).toEqual({ kind: 'note', text });
    }
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^a request could not be answered .*token=abc/);
  });

  it('leaves suggestions empty', async () => {
    const { handlers, lines } = world({ error: new Error('broken') });
    expect(
      await handlers.complete(completing({ name: 'run', description: '', required: true, complete: 'open-run' })),
    ).toEqual([]);
    expect(lines).toHaveLength(1);
  });
});

describe('suggestions', () => {
  const suggest = (complete: Suggested | undefined, typed = '', options = {}) => {
    const option = { name: 'x', description: '', required: false, ...(complete === undefined ? {} : { complete }) };
    return world(options).handlers.complete(completing(option, typed));
  };

  it('are the runs that can be decided, or stopped, and no others', async () => {
    const all = (['planned', 'queued', 'applying', 'applied', 'in-sync'] as const).map((phase, index) =>
      aRun(phase, aPlan(), { id: `r-${index + 1}` }),
    );
    expect(await suggest('open-run', 'R-', { runs: all })).toEqual(['r-1']);
    expect(await suggest('working-run', '', { runs: all })).toEqual(['r-3', 'r-2']);
  });

  it('are fleets, guests, refs and commands by their beginning, in any case', async () => {
    expect(await suggest('fleet')).toEqual(['homelab']);
    expect(await suggest('fleet-or-guest', 'TEST-C')).toEqual(['test-cp']);
    expect(await suggest('ref')).toEqual(['main', '9b1f2ad09b1f']);
    expect(await suggest('command', 're')).toEqual(['reject']);
    expect(await suggest(undefined)).toEqual([]);
  });

  it('are at most 25', async () => {
    const many = Array.from({ length: 40 }, (_, index) => aRun('planned', aPlan(), { id: `r-${index}` }));
    expect(await suggest('open-run', '', { runs: many })).toHaveLength(25);
  });
});
