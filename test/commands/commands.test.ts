import { describe, expect, it } from 'vitest';
import { type Command, defineCommand, usage } from '../../commands/command.ts';
import { chatHandlers } from '../../commands/handlers.ts';
import { commands } from '../../commands/index.ts';
import { runId } from '../../commands/run-option.ts';
import type { DriftFinding } from '../../src/pipeline/drift-check.ts';
import { plainText } from '../../src/views/card.ts';
import { aCommit, aGuest, aLiveGuest, aPlan, aRun, aState } from '../support/builders.ts';
import { cardText } from '../views/card-text.ts';
import { aFleet, person, place, StandIn, silentLog } from './stand-in.ts';

const actor = { ...person, ...place };
const by = { chat: 'console', id: 'ada', name: 'Ada' };

function ask(pipeline: StandIn, name: string, args: Readonly<Record<string, string>> = {}) {
  return chatHandlers(pipeline, silentLog([])).command({ name, args, person, place });
}

describe.each(commands.map((command): [string, Command] => [command.name, command]))(
  'the command %s',
  (name, command) => {
    it('has words that every chat can show', () => {
      expect(name).toMatch(/^[a-z][a-z-]{1,31}$/);
      expect(command.description).toMatch(/^[A-Z].{5,99}$/);
      expect(command.description).not.toMatch(/[.!]$/);
      for (const option of command.options) {
        expect(option.name).toMatch(/^[a-z][a-z-]{1,31}$/);
        expect(option.description.length).toBeGreaterThan(0);
        expect(option.description.length).toBeLessThanOrEqual(100);
      }
    });

    it('has its required options first, no two of one name, and takes the rest of a line only at its end', () => {
      const required = command.options.map((option) => option.required);
      expect(required).toEqual([...required].sort((a, b) => Number(b) - Number(a)));
      expect(new Set(command.options.map((option) => option.name)).size).toBe(command.options.length);
      expect(command.options.slice(0, -1).filter((option) => option.rest === true)).toEqual([]);
    });

    it('says how it is used when something is missing', async () => {
      const required = command.options.some((option) => option.required);
      const pipeline = new StandIn();
      const answer = await ask(pipeline, name, { run: '' });
      if (required) expect(answer).toEqual({ kind: 'note', text: `Usage: ${usage(command)}` });
      else expect(answer).not.toMatchObject({ text: expect.stringContaining('Usage') });
      if (required) expect(pipeline.asked).toEqual([]);
    });
  },
);

describe('the list of commands', () => {
  it('is in help order, each name once, help last', () => {
    const names = commands.map((command) => command.name);
    expect(names).toEqual([
      'plan',
      'approve',
      'reject',
      'status',
      'history',
      'rollback',
      'drift',
      'adopt',
      'cancel',
      'lock',
      'unlock',
      'help',
    ]);
  });

  it('is what help shows', async () => {
    const answer = await ask(new StandIn(), 'help');
    if (answer.kind !== 'card') throw new Error('help is no card');
    for (const command of commands) {
      expect(cardText(answer.card)).toContain(`\`${usage(command)}\`  ${command.description}`);
    }
  });

  it('tells how each is used', () => {
    expect(commands.map(usage)).toEqual([
      ...['/proxnix plan [fleet] [ref]', '/proxnix approve <run> [plan]', '/proxnix reject <run> [plan] [reason]'],
      ...[
        '/proxnix status [name]',
        '/proxnix history',
        '/proxnix rollback [to] [fleet]',
        '/proxnix drift [fleet]',
        '/proxnix adopt <vm> [fleet]',
        '/proxnix cancel <run>',
      ],
      ...['/proxnix lock <reason>', '/proxnix unlock', '/proxnix help'],
    ]);
  });
});

describe('a run', () => {
  it.each([
    ['r-41', 'r-41'],
    ['R-41', 'r-41'],
    ['41', 'r-41'],
    ['r41', 'r-41'],
    [' 041 ', 'r-41'],
  ])('may be named %j', (typed, id) => {
    expect(runId(typed)).toBe(id);
  });

  it.each(['latest', 'r-', 'r-4x', '-41', '4 1', 'px1:approve:r-41:', '9999999999'])('is not named by %j', (typed) => {
    expect(runId(typed)).toBe(typed);
  });
});

describe('a command that decides', () => {
  it.each([
    ['approve', { run: '41' }, ['approve', 'r-41', undefined, actor, undefined]],
    ['approve', { run: '41', plan: ' P-7F3C2A ' }, ['approve', 'r-41', 'p-7f3c2a', actor, undefined]],
    ['approve', { run: '41', plan: 'p-7f3' }, ['approve', 'r-41', 'p-7f3', actor, undefined]],
    ['reject', { run: 'R-41' }, ['reject', 'r-41', undefined, actor, undefined]],
    ['reject', { run: 'R-41', plan: 'p-7f3c2a' }, ['reject', 'r-41', 'p-7f3c2a', actor, undefined]],
    ['reject', { run: '41', plan: 'p-7f3', reason: 'no' }, ['reject', 'r-41', 'p-7f3', actor, 'no']],
    ['reject', { run: '41', plan: 'not', reason: 'today' }, ['reject', 'r-41', undefined, actor, 'not today']],
    ['reject', { run: '41', plan: 'p-lan', reason: 'B' }, ['reject', 'r-41', undefined, actor, 'p-lan B']],
    ['reject', { run: 'r-41', reason: 'not today' }, ['reject', 'r-41', undefined, actor, 'not today']],
    ['cancel', { run: '41' }, ['cancel', 'r-41', actor]],
    ['lock', { reason: 'storage migration' }, ['lock', ['homelab'], actor, 'storage migration']],
    ['unlock', {}, ['unlock', ['homelab'], actor]],
  ])('hands the person, the place and the run on: %s %j', async (name, args, asked) => {
    const pipeline = new StandIn();
    expect(await ask(pipeline, name, args)).toEqual({ kind: 'none' });
    expect(pipeline.asked).toEqual([asked]);
  });
});

describe('plan', () => {
  const two = { fleets: [aFleet('homelab'), aFleet('lab')] };
  const trigger = { kind: 'command', by };

  it.each([
    [{}, {}, ['homelab', trigger, undefined]],
    [{}, { fleet: 'homelab' }, ['homelab', trigger, undefined]],
    [{}, { fleet: 'feature' }, ['homelab', trigger, 'feature']],
    [{}, { fleet: 'homelab', ref: '9b1f2ad' }, ['homelab', trigger, '9b1f2ad']],
    [two, { fleet: 'lab' }, ['lab', trigger, undefined]],
    [two, { fleet: 'lab', ref: 'v1' }, ['lab', trigger, 'v1']],
  ])('of %o with %o begins a run', async (options, args, asked) => {
    const pipeline = new StandIn(options);
    expect(await ask(pipeline, 'plan', args)).toEqual({ kind: 'note', text: 'Planning as run r-50.' });
    expect(pipeline.asked).toEqual([['plan', ...asked]]);
  });

  it.each([
    [{ fleets: [] }, {}, 'No fleet is configured.'],
    [two, {}, 'Name one of the fleets: homelab, lab.'],
    [two, { fleet: 'main' }, 'Name one of the fleets: homelab, lab.'],
    [{}, { fleet: 'other', ref: 'v1' }, 'Name one of the fleets: homelab.'],
  ])('says which fleet it needs to know', async (options, args, text) => {
    const pipeline = new StandIn(options);
    expect(await ask(pipeline, 'plan', args)).toEqual({ kind: 'note', text });
    expect(pipeline.asked).toEqual([]);
  });
});

describe('status', () => {
  const live = aState([aLiveGuest(), aLiveGuest({ tags: ['prod'] }, aGuest({ vmid: 900, name: 'payroll' }))]);
  const fleets = [aFleet('homelab', live), aFleet('lab')];
  const title = async (name?: string) => {
    const answer = await ask(new StandIn({ fleets }), 'status', name === undefined ? {} : { name });
    return answer.kind === 'card' ? answer.card.title : answer;
  };

  it('shows every fleet, one fleet, or one guest by name or VMID', async () => {
    expect(await title()).toBe('Status: 1 of 1 guest running');
    expect(await title('lab')).toBe('Status: 0 of 0 guests running');
    expect(await title('test-website')).toBe('Status: test-website (823) is running');
    expect(await title('823')).toBe('Status: test-website (823) is running');
  });

  it('says nothing of guests that are not ours, and suggests what is near', async () => {
    expect(await title('payroll')).toEqual({ kind: 'note', text: 'There is no fleet or guest "payroll".' });
    expect(await title('test-web')).toEqual({
      kind: 'note',
      text: 'There is no fleet or guest "test-web", did you mean "test-website"?',
    });
  });
});

describe('history', () => {
  it('shows the newest twenty runs, newest first', async () => {
    const runs = Array.from({ length: 25 }, (_, index) => aRun('applied', aPlan(), { id: `r-${index + 1}` }));
    const answer = await ask(new StandIn({ runs }), 'history');
    if (answer.kind !== 'card') throw new Error('history is no card');
    const lines = answer.card.blocks.map((block) => ('rich' in block ? plainText(block.rich) : ''));
    expect(lines).toHaveLength(20);
    expect(lines[0]).toMatch(/^r-25 applied /);
    expect(lines[19]).toMatch(/^r-6 applied /);
  });
});

describe('drift', () => {
  const two = { fleets: [aFleet('homelab'), aFleet('lab')] };

  it.each<[DriftFinding, string]>([
    [{ kind: 'same', commit: aCommit(), rolledBack: [] }, 'nothing differs from 9b1f2ad, which was applied last.'],
    [
      { kind: 'same', commit: aCommit(), rolledBack: [{ vmid: 823, name: 'web', runId: 'r-6', by: 'Ada' }] },
      'nothing differs from 9b1f2ad, which was applied last. Rolled back since, and not compared: web (823) (by Ada, run r-6).',
    ],
    [{ kind: 'drift', runId: 'r-7' }, 'it has drifted; see run r-7.'],
    [{ kind: 'known' }, 'it differs as before; no new plan was made.'],
    [{ kind: 'open', runId: 'r-7' }, 'run r-7 is open; decide it first.'],
    [{ kind: 'unfinished', runId: 'r-7' }, 'run r-7 was not finished; plan again to finish it.'],
    [{ kind: 'busy' }, 'a plan or apply is under way; try again when it ends.'],
    [{ kind: 'never-applied' }, 'nothing was applied yet.'],
    [{ kind: 'unknown-commit' }, 'the commit that was applied last is not in the repository any more.'],
  ])('answers what was found: %o', async (finding, words) => {
    expect(await ask(new StandIn({ finding }), 'drift')).toEqual({ kind: 'note', text: `homelab: ${words}` });
  });

  it('looks at every fleet, or at the one that is named', async () => {
    const pipeline = new StandIn(two);
    await ask(pipeline, 'drift');
    await ask(pipeline, 'drift', { fleet: 'lab' });
    expect(pipeline.asked).toEqual([
      ['drift', 'homelab'],
      ['drift', 'lab'],
      ['drift', 'lab'],
    ]);
    const text = 'There is no fleet "lap", did you mean "lab"?';
    expect(await ask(pipeline, 'drift', { fleet: 'lap' })).toEqual({ kind: 'note', text });
  });
});

describe('adopt', () => {
  const two = { fleets: [aFleet('homelab'), aFleet('lab')] };

  it('begins a run in the one fleet, or in the one that is named', async () => {
    const answer = { kind: 'note', text: 'Planning as run r-50.' };
    const one = new StandIn();
    expect(await ask(one, 'adopt', { vm: 'payroll' })).toEqual(answer);
    expect(one.asked).toEqual([['adopt', 'homelab', 'payroll', by]]);
    const pipeline = new StandIn(two);
    expect(await ask(pipeline, 'adopt', { vm: '823', fleet: 'lab' })).toEqual(answer);
    expect(pipeline.asked).toEqual([['adopt', 'lab', '823', by]]);
  });

  it.each([{ vm: '823' }, { vm: '823', fleet: 'other' }])('says which fleet it needs to know: %j', async (args) => {
    const pipeline = new StandIn(two);
    const text = 'Name one of the fleets: homelab, lab.';
    expect(await ask(pipeline, 'adopt', args)).toEqual({ kind: 'note', text });
    expect(pipeline.asked).toEqual([]);
  });
});

describe('rollback', () => {
  const two = { fleets: [aFleet('homelab'), aFleet('lab')] };

  it('begins a run for a guest, a commit, or the commit before', async () => {
    const answer = { kind: 'note', text: 'Planning as run r-50.' };
    const one = new StandIn();
    expect(await ask(one, 'rollback', { to: 'test-website' })).toEqual(answer);
    expect(await ask(one, 'rollback', {})).toEqual(answer);
    expect(one.asked).toEqual([
      ['rollback', 'homelab', 'test-website', by],
      ['rollback', 'homelab', undefined, by],
    ]);
    const pipeline = new StandIn(two);
    expect(await ask(pipeline, 'rollback', { to: '823', fleet: 'lab' })).toEqual(answer);
    expect(pipeline.asked).toEqual([['rollback', 'lab', '823', by]]);
  });

  it('says which fleet it needs to know', async () => {
    const pipeline = new StandIn(two);
    const text = 'Name one of the fleets: homelab, lab.';
    expect(await ask(pipeline, 'rollback', { to: '823' })).toEqual({ kind: 'note', text });
    expect(pipeline.asked).toEqual([]);
  });
});

describe('a command that somebody defines', () => {
  it('gets its arguments only when the required ones are there', async () => {
    const seen: unknown[] = [];
    const command = defineCommand({
      ...{ name: 'move', description: 'Move something', wish: 'view' },
      options: [
        { name: 'what', description: 'What', required: true },
        { name: 'where', description: 'Where', required: false, rest: true },
      ],
      async run({ args }) {
        const what: string = args.what;
        const where: string | undefined = args.where;
        seen.push([what, where]);
        return { kind: 'none' };
      },
    });
    const context = { actor, pipeline: new StandIn(), fleets: [], now: 0 };
    expect(await command.run({ ...context, args: {} })).toEqual({
      kind: 'note',
      text: 'Usage: /proxnix move <what> [where]',
    });
    expect(await command.run({ ...context, args: { what: 'a' } })).toEqual({ kind: 'none' });
    expect(seen).toEqual([['a', undefined]]);
  });
});
