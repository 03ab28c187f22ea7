import { describe, expect, it } from 'vitest';
import { FakeChat } from '../fakes/chat.ts';
import { aBench, owner, second, stranger } from '../support/pipeline.ts';
import { codesOf } from './support/answers.ts';
import { gate, until } from './support/clock.ts';
import { aVm, present, threeVms } from './support/fleet.ts';

const directMessage = { workspace: 'direct-message', channel: 'd-1' };

describe('a stranger in a direct message', () => {
  it('supersedes no plan that is half approved', async () => {
    const bench = await aBench({ policy: { approvals: 2 } });
    await bench.push(1);
    await bench.press('approve', owner);
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    const asked = await bench.chat.command('/proxnix plan', stranger, directMessage);
    await bench.settle();
    expect(asked).toMatchObject({ kind: 'note', code: 'wrong-channel' });
    expect(bench.run('planned', 'r-1').approvals).toHaveLength(1);
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('is refused on every way to read and to ask, with a code and a line in the audit', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [button] = bench.buttons();
    const commands = ['status', 'history', 'help', 'plan', 'drift', 'adopt init', 'rollback', 'lock no', 'unlock'];
    const answers = [];
    for (const command of commands) {
      answers.push(await bench.chat.command(`/proxnix ${command}`, stranger, directMessage));
    }
    for (const action of ['details', 'log', 'plan-again'] as const) {
      answers.push(await bench.chat.press({ ...present(button), action }, stranger, directMessage));
    }
    expect(codesOf(answers)).toEqual(answers.map(() => 'wrong-channel'));
    expect(bench.audit().filter((line) => line.startsWith('refused console:stranger wrong-channel'))).toHaveLength(12);
    expect(bench.pipeline.runs()).toHaveLength(1);
  });
});

describe('a viewer', () => {
  it('is by default whoever is in the channel of the fleet, and reads and asks for plans', async () => {
    const bench = await aBench();
    await bench.push(1);
    for (const command of ['status', 'history', 'help']) {
      expect(await bench.chat.command(`/proxnix ${command}`, stranger), command).toMatchObject({ kind: 'card' });
    }
    expect(await bench.chat.command('/proxnix plan', stranger)).toEqual({
      kind: 'note',
      text: 'Run r-1 has the plan already. It was compared with the cluster again; its card shows it.',
    });
    expect(await bench.press('details', stranger)).toMatchObject({ kind: 'card' });
  });

  it('is only who is named, where VIEWERS names people; approvers may read as well', async () => {
    const bench = await aBench({ policy: { viewers: ['console:viewer'] } });
    await bench.push(1);
    const viewer = { ...stranger, id: 'viewer' };
    for (const person of [viewer, owner]) {
      expect(await bench.chat.command('/proxnix status', person)).toMatchObject({ kind: 'card' });
    }
    for (const command of ['status', 'history', 'help', 'plan', 'drift']) {
      expect(await bench.chat.command(`/proxnix ${command}`, stranger), command).toMatchObject({
        code: 'not-a-viewer',
      });
    }
    for (const action of ['details', 'plan-again'] as const) {
      const button = present(bench.buttons()[0]);
      expect(await bench.chat.press({ ...button, action }, stranger)).toMatchObject({ code: 'not-a-viewer' });
    }
    expect(bench.audit()).toContain('refused console:stranger not-a-viewer status');
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('adopts nothing, rolls nothing back and cancels nothing', async () => {
    const bench = await aBench();
    await bench.push(1);
    for (const command of ['adopt init', 'rollback', 'cancel 1', 'lock no', 'unlock']) {
      expect(await bench.chat.command(`/proxnix ${command}`, stranger), command).toMatchObject({
        code: 'not-an-approver',
      });
    }
    expect(bench.audit()).toContain('refused console:stranger not-an-approver adopt');
    expect(bench.pipeline.runs()).toHaveLength(1);
  });
});

describe('a person in the channel of one of two fleets', () => {
  const places = (channel: string) => [{ chat: 'console', workspace: 'w-1', channel }] as const;
  const two = async () => {
    const policy = { approvers: ['console:owner'], approvals: 1, authorMayApprove: true, authors: {} };
    const bench = await aBench({
      fleets: [
        { name: 'web', tagged: true, policy: { ...policy, places: places('c-web') } as never },
        { name: 'lab', tagged: true, policy: { ...policy, places: places('c-lab') } as never },
      ],
    });
    const vms = { website: aVm({ name: 'only-in-both' }) };
    await bench.push(1, { vms });
    return bench;
  };
  const inWeb = { workspace: 'w-1', channel: 'c-web' };
  const run = { name: 'run', description: '', required: true, complete: 'open-run' } as const;

  it('sees runs, guests and names of that fleet alone', async () => {
    const bench = await two();
    const runs = bench.pipeline.runs();
    const lab = present(runs.find(({ fleet }) => fleet === 'lab')).id;
    const said = [
      await bench.chat.command('/proxnix history', stranger, inWeb),
      await bench.chat.command('/proxnix status', stranger, inWeb),
      await bench.chat.command('/proxnix status lab', stranger, inWeb),
      await bench.chat.command('/proxnix drift', stranger, inWeb),
      await bench.chat.command('/proxnix drift lab', stranger, inWeb),
      await bench.chat.command('/proxnix plan lab', stranger, inWeb),
      await bench.chat.command('/proxnix adopt x lab', owner, inWeb),
      await bench.chat.command('/proxnix rollback x lab', owner, inWeb),
    ];
    for (const answer of said) {
      const text = JSON.stringify(answer).replaceAll('"lab\\"', '').replaceAll('\\"lab', '');
      expect(text).not.toContain(lab);
      expect(text).not.toMatch(/\blab\b/);
    }
    expect(await bench.chat.complete('approve', run, '', stranger, inWeb)).toEqual(
      runs.filter(({ fleet }) => fleet === 'web').map(({ id }) => id),
    );
    expect(await bench.chat.complete('approve', run, '', stranger, directMessage)).toEqual([]);
  });
});

describe('a run that waits for one of another fleet', () => {
  it('says so on its card and in the status, without the id of that run', async () => {
    const bench = await aBench({
      fleets: [
        { name: 'web', tagged: true },
        { name: 'lab', tagged: true },
      ],
    });
    const held = gate();
    let evaluations = 0;
    bench.builder.evaluationWaits = () => {
      evaluations += 1;
      return held.opened;
    };
    bench.commit(1);
    bench.report();
    await bench.clock.advance(500);
    await until(() => evaluations === 1 && bench.pipeline.runs().length === 2);
    const lab = present(bench.fleets.find(({ name }) => name === 'lab'));
    const [first, waiting] = bench.pipeline.runs();
    expect((await bench.pipeline.status(lab)).queue).toEqual(['of another fleet', waiting?.id]);
    await bench.show();
    expect(bench.text(bench.message(present(waiting).id))).toContain('of another fleet');
    const status = await bench.chat.command('/proxnix status lab');
    expect(JSON.stringify(status)).not.toContain(`${first?.id} `);
    held.open();
    await bench.settle();
  });
});

describe('a person who asks without an end', () => {
  it('is told to wait, and when to ask again', async () => {
    const bench = await aBench();
    await bench.push(1);
    const answers = [];
    for (let n = 0; n < 40; n++) answers.push(await bench.chat.command('/proxnix history', stranger));
    const refused = answers.filter((answer) => answer.kind === 'note');
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({ code: 'too-many-asks', text: expect.stringMatching(/again in 3 s/) });
    expect(await bench.chat.command('/proxnix history', second)).toMatchObject({ kind: 'card' });
    await bench.clock.advance(3000);
    expect(await bench.chat.command('/proxnix history', stranger)).toMatchObject({ kind: 'card' });
    expect(bench.audit().filter((line) => line.includes('too-many-asks'))).toHaveLength(1);
  });

  it('fills no audit with refused presses, and an approver may still decide', async () => {
    const bench = await aBench();
    await bench.push(1);
    for (let n = 0; n < 200; n++) await bench.press('approve', stranger);
    expect(bench.audit().filter((line) => line.startsWith('refused console:stranger')).length).toBeLessThan(30);
    expect(await bench.press('approve', owner)).toEqual({ kind: 'none' });
  });
});

describe('runs that were applied', () => {
  it('are kept, however many runs find nothing after them', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    for (let n = 0; n < 120; n++) {
      await bench.chat.command('/proxnix adopt nobody', owner);
      await bench.settle();
      await bench.clock.advance(10_000);
    }
    expect(bench.run('applied', 'r-1').commit.subject).toBe('change number 1');
    expect(bench.pipeline.runs().length).toBeLessThanOrEqual(102);
  });
});

describe('a chat that hands over a completion', () => {
  it('is answered for the fleets of that place', async () => {
    const chat = new FakeChat();
    const bench = await aBench({ chats: [chat], policy: { viewers: ['console:owner'] } });
    await bench.push(1);
    const option = { name: 'name', description: '', required: false, complete: 'fleet-or-guest' } as const;
    expect(await chat.complete('status', option, 'test', owner)).toContain('test-website');
    expect(await chat.complete('status', option, 'test', stranger)).toEqual([]);
  });
});
