import { describe, expect, it } from 'vitest';
import { planCard } from '../../support/slack/cards.ts';
import { aWorld, later, type World, type WorldOptions } from '../../support/slack/harness.ts';
import { eventually, startSlack } from '../../support/slack/slack-server.ts';

async function withPlan(options: WorldOptions = {}): Promise<World> {
  const world = await aWorld(options);
  await world.chat.show('homelab', planCard, {});
  return world;
}

/** What somebody is told who presses Approve. */
async function whisperAfterPress(world: World, id: string): Promise<string> {
  const before = world.slack.state.whispers.length;
  await world.member(id).press(world.card(), 'px1:approve');
  const whisper = await eventually(() => world.slack.state.whispers[before]);
  return whisper.text;
}

describe('who may use the bot', () => {
  for (const [id, why] of [
    ['U0GUEST001', 'is a guest'],
    ['U0OTHER001', 'is not of this workspace'],
    ['U0ROBOT001', 'is a bot'],
  ] as const) {
    it(`refuses ${id}, who ${why}, on every way in`, async () => {
      const world = await withPlan();
      expect(await whisperAfterPress(world, id)).toContain(why);
      await world.member(id).type('status');
      await eventually(() => world.slack.state.whispers.length === 2);
      const form = { id: 'V1', callback_id: 'px1:form', title: { text: '' }, submit: { text: '' }, blocks: [] };
      await world
        .member(id)
        .submit({ ...form, private_metadata: 'px1:confirm:r-41:p-7f3c2a C0DEPLOY01 ' }, { names: 'a' });
      await eventually(() => world.slack.state.whispers.length === 3);
      expect(world.heard.presses.length + world.heard.typed.length + world.heard.submissions.length).toBe(0);
    });
  }

  it('refuses somebody whose payload names another workspace without asking who it is', async () => {
    const world = await withPlan();
    await world.member('U0ALICE001', { team: 'T0OTHER001' }).press(world.card(), 'px1:approve');
    await eventually(() => world.slack.state.whispers.length === 1);
    expect(world.slack.calls('users.info')).toEqual([]);
    expect(world.heard.presses).toEqual([]);
  });

  describe('in a grid of workspaces', () => {
    const grid = 'E0GRID0001';
    const other = 'T0SISTER01';
    const grids = [
      ['names the other workspace', { team: { id: other, enterprise_id: grid }, enterprise: { id: grid } }],
      ['names no workspace', { team: null, enterprise: { id: grid } }],
      [
        'names the workspace of the bot, with the grid beside it',
        { team: { id: 'T0HOMELAB1' }, enterprise: { id: grid } },
      ],
    ] as const;

    async function withSister(options: { readonly enterprise: string; readonly stranger?: true }): Promise<World> {
      const slack = await startSlack();
      slack.state.enterprise = grid;
      const enterprise_user = { enterprise_id: options.enterprise };
      const is_stranger = options.stranger === true;
      slack.state.people.set('U0SISTER01', {
        id: 'U0SISTER01',
        name: 'sis',
        team_id: other,
        enterprise_user,
        is_stranger,
      });
      return withPlan({ slack });
    }

    it.each(grids)('takes a member of another workspace of it when the press %s', async (_, named) => {
      const world = await withSister({ enterprise: grid });
      await world.member('U0SISTER01', { team: other, grid: named }).press(world.card(), 'px1:approve');
      const press = await eventually(() => world.heard.presses[0]);
      expect(press.place).toEqual({ workspace: world.slack.state.team, channel: 'C0DEPLOY01' });
      expect(press.person.id).toBe('U0SISTER01');
    });

    it.each([
      ['is of another grid', { enterprise: 'E0OTHER001' }],
      ['is a stranger of Slack Connect', { enterprise: grid, stranger: true }],
    ] as const)('refuses, with an answer, somebody who %s', async (_, options) => {
      const world = await withSister(options);
      const named = { team: null, enterprise: { id: grid } };
      await world.member('U0SISTER01', { team: other, grid: named }).press(world.card(), 'px1:approve');
      const whisper = await eventually(() => world.slack.state.whispers[0]);
      expect(whisper.text).toContain('is not of this workspace');
      expect(world.heard.presses).toEqual([]);
    });

    it.each([
      ['without a grid of the bot', undefined, { team: null, enterprise: null }],
      ['of another grid', grid, { team: { id: other }, enterprise: { id: 'E0OTHER001' } }],
    ])('answers a press %s, and takes it for no workspace of ours', async (_, enterprise, named) => {
      const slack = await startSlack();
      slack.state.enterprise = enterprise;
      const world = await withPlan({ slack });
      await world.member('U0ALICE001', { grid: named }).press(world.card(), 'px1:approve');
      const press = await eventually(() => world.heard.presses[0]);
      expect(press.place.workspace).not.toBe(world.slack.state.team);
    });
  });

  it('answers a press that it cannot read', async () => {
    const world = await withPlan();
    const named = { team: 'T0HOMELAB1' as never, enterprise: null };
    await world.member('U0ALICE001', { grid: named }).press(world.card(), 'px1:approve');
    const whisper = await eventually(() => world.slack.state.whispers[0]);
    expect(whisper.text).toContain('nothing was done');
    expect(world.heard.presses).toEqual([]);
  });

  it('refuses a deactivated account', async () => {
    const world = await withPlan();
    world.slack.state.people.set('U0ALICE001', {
      id: 'U0ALICE001',
      name: 'alice',
      team_id: world.slack.state.team,
      deleted: true,
    });
    expect(await whisperAfterPress(world, 'U0ALICE001')).toContain('is deactivated');
  });

  it('refuses an account that Slack says is of another workspace', async () => {
    const world = await withPlan();
    world.slack.state.people.set('U0ALICE001', { id: 'U0ALICE001', name: 'alice', team_id: 'T0OTHER001' });
    expect(await whisperAfterPress(world, 'U0ALICE001')).toContain('is not of this workspace');
    expect(world.heard.presses).toEqual([]);
  });

  it('refuses, and says why, while Slack does not tell who somebody is', async () => {
    const world = await withPlan();
    world.slack.mishap('users.info', { error: 'missing_scope' });
    expect(await whisperAfterPress(world, 'U0ALICE001')).toContain('did not say who you are (missing_scope)');
    world.heard.answer = { kind: 'note', text: 'Approved.' };
    expect(await whisperAfterPress(world, 'U0ALICE001')).toBe('Approved.');
  });

  it('gives up on a hanging look-up while the trigger still lives', async () => {
    const world = await withPlan();
    const open = later();
    world.slack.mishap('users.info', { waitFor: open.promise });
    expect(await whisperAfterPress(world, 'U0ALICE001')).toContain('no answer in time');
    open.resolve();
  });

  it.each(['not-an-approver', 'not-a-viewer'])(
    'counts a group that cannot be read as not having the person, and adds that to the refusal %s',
    async (code) => {
      const world = await withPlan();
      world.slack.mishap('usergroups.users.list', { error: 'plan_upgrade_required' });
      world.heard.answer = { kind: 'note', text: 'You may not.', code };
      const told = await whisperAfterPress(world, 'U0ALICE001');
      expect(told).toContain('You may not. Slack did not say who is in the group S0DEPLOY01 (plan_upgrade_required)');
      expect(world.heard.presses[0]?.person.groups).toEqual([]);
    },
  );

  it('asks for a group once a minute, and only for those the configuration names', async () => {
    let now = 1_795_341_360_000;
    const world = await withPlan({ now: () => now });
    world.heard.answer = { kind: 'note', text: 'ok' };
    await whisperAfterPress(world, 'U0ALICE001');
    await whisperAfterPress(world, 'U0BOB00001');
    expect(world.slack.calls('usergroups.users.list')).toMatchObject([{ usergroup: 'S0DEPLOY01' }]);
    world.slack.state.groups.set('S0DEPLOY01', []);
    now += 61_000;
    await whisperAfterPress(world, 'U0ALICE001');
    expect(world.heard.presses.map(({ person }) => person.groups)).toEqual([['S0DEPLOY01'], [], []]);
  });
});
