import { describe, expect, it } from 'vitest';
import type { Form } from '../../../src/chat/chat.ts';
import { doneCard, gentleCard, planCard } from '../../support/slack/cards.ts';
import { aWorld, later, type World } from '../../support/slack/harness.ts';
import { eventually } from '../../support/slack/slack-server.ts';

const form: Form = {
  id: 'px1:confirm:r-41:p-7f3c2a',
  title: 'Destroy 1 guest?',
  text: [{ bold: 'test-website (823) is destroyed.' }, ' There is no way back.'],
  fields: [{ name: 'names', label: 'Type the name of the guest to destroy', required: true }],
  submit: 'Approve',
  danger: true,
};

/** A world with a plan on screen. */
async function withPlan(): Promise<World> {
  const world = await aWorld();
  await world.chat.attach('homelab', planCard, await world.chat.show('homelab', planCard, {}));
  return world;
}

describe('a command', () => {
  it('is handed over split, with the person, their groups and the place', async () => {
    const { member, heard, slack } = await aWorld();
    const { ack } = await member().type('reject r-41 not <today> & "never"');
    expect(await ack).toMatchObject({ payload: {} });
    const [typed] = await eventually(() => heard.typed.length === 1 && heard.typed);
    expect(typed).toEqual({
      name: 'reject',
      args: { run: 'r-41', reason: 'not <today> & "never"' },
      person: { chat: 'slack', id: 'U0ALICE001', name: 'alice', groups: ['S0DEPLOY01'] },
      place: { workspace: slack.state.team, channel: 'C0DEPLOY01' },
    });
  });

  it('is acknowledged before its answer is there', async () => {
    const { member, heard, slack } = await aWorld();
    const open = later();
    heard.answer = open.promise.then(() => ({ kind: 'note', text: 'late' }));
    const { ack } = await member().type('status');
    await ack;
    expect(slack.state.whispers).toEqual([]);
    open.resolve();
    await eventually(() => slack.state.whispers.length === 1);
  });

  it('with a mistake gets help and is not handed over', async () => {
    const { member, heard, slack } = await aWorld();
    await member().type('statsu');
    const [whisper] = await eventually(() => slack.state.whispers.length === 1 && slack.state.whispers);
    expect(whisper).toMatchObject({
      user: 'U0ALICE001',
      by: 'response_url',
      text: expect.stringContaining('There is no command'),
    });
    expect(heard.typed).toEqual([]);
  });

  it('answered with a card of files sends the files to the asker alone', async () => {
    const { member, heard, slack } = await aWorld();
    heard.answer = { kind: 'card', card: doneCard };
    await member().type('status');
    await eventually(() => slack.state.files.length === 1);
    expect(slack.state.files[0]?.channel).toBe('D0ALICE001');
    expect(slack.state.whispers[0]?.text).toContain('Applied');
  });
});

describe('a press', () => {
  it('is handed over with the ids of its button', async () => {
    const { member, heard, card, slack } = await withPlan();
    await member('U0BOB00001').press(card(), 'px1:approve');
    const [press] = await eventually(() => heard.presses.length === 1 && heard.presses);
    expect(press).toEqual({
      action: 'approve',
      runId: 'r-41',
      planId: 'p-7f3c2a',
      person: { chat: 'slack', id: 'U0BOB00001', name: 'bob', groups: [] },
      place: { workspace: slack.state.team, channel: 'C0DEPLOY01' },
    });
  });

  it('asks on the button itself where the card says so', async () => {
    const { chat, card } = await aWorld();
    await chat.show('homelab', gentleCard, {});
    expect(JSON.stringify(card().blocks)).toContain(
      '"confirm":{"title":{"type":"plain_text","text":"Apply plan p-7f3c2a?"',
    );
  });

  it('gets a note that only the presser sees, literally', async () => {
    const { member, heard, card, slack } = await withPlan();
    heard.answer = { kind: 'note', text: 'Not *you*, <!channel>', code: 'not-an-approver' };
    await member().press(card(), 'px1:approve');
    const [whisper] = await eventually(() => slack.state.whispers.length === 1 && slack.state.whispers);
    expect(whisper).toMatchObject({ user: 'U0ALICE001', text: 'Not *you*, &lt;!channel&gt; (not-an-approver)' });
    expect(JSON.stringify(whisper?.blocks)).toContain('"text":"Not *you*, <!channel> (not-an-approver)"');
    expect(slack.state.messages).toHaveLength(1);
  });

  it('gets its note from the bot when the response_url is spent', async () => {
    const { member, heard, card, slack } = await withPlan();
    const open = later();
    heard.answer = open.promise.then(() => ({ kind: 'note', text: 'Approved.' }));
    await member().press(card(), 'px1:approve');
    await eventually(() => heard.presses.length === 1);
    slack.state.responses.clear();
    open.resolve();
    await eventually(() => slack.state.whispers.length === 1);
    expect(slack.state.whispers[0]).toMatchObject({ user: 'U0ALICE001', by: 'chat.postEphemeral', text: 'Approved.' });
  });

  it('gets a card with its files in the thread, and once', async () => {
    const { member, heard, card, slack } = await withPlan();
    expect(slack.state.files).toHaveLength(1);
    heard.answer = { kind: 'card', card: doneCard };
    await member().press(card(), 'px1:details');
    await eventually(() => slack.state.files.length === 2);
    await member().press(card(), 'px1:details');
    await eventually(() => slack.state.whispers.length === 2);
    await member().type('status');
    await eventually(() => heard.typed.length === 1);
    expect(slack.state.files.map(({ name, thread_ts }) => [name, thread_ts])).toEqual([
      ['plan.diff', card().ts],
      ['apply.log', card().ts],
    ]);
  });

  it('with ids that no button of ours carries is not handed over', async () => {
    const { member, heard, card, logged } = await withPlan();
    for (const value of [
      'r-41',
      'r-41:p-7f3c2a:x',
      '',
      'r-41:p-7f3c2',
      'r-41:',
      `r-41:${'p'.repeat(3000)}`,
      '__proto__:p-7f3c2a',
    ]) {
      await member().pressRaw(card(), { action_id: 'px1:approve', value });
    }
    await member().pressRaw(card(), { action_id: 'px1:destroy', value: 'r-41:p-7f3c2a' });
    await eventually(() => logged.filter((line) => line.includes('press of an unknown button')).length === 8);
    expect(heard.presses).toEqual([]);
  });

  it('that fails inside gets a sentence and a line in the log', async () => {
    const { member, heard, card, slack, logged } = await withPlan();
    const open = later();
    heard.answer = open.promise.then(() => Promise.reject(new Error('disk full')));
    await member().press(card(), 'px1:approve');
    await eventually(() => heard.presses.length === 1);
    open.resolve();
    await eventually(() => slack.state.whispers.length === 1);
    expect(slack.state.whispers[0]?.text).toContain('unexpected error');
    expect(slack.state.whispers[0]?.text).not.toContain('disk full');
    expect(logged.join()).toContain('disk full');
  });
});

describe('a form', () => {
  it('opens as a modal that carries ids only', async () => {
    const { member, heard, card, slack } = await withPlan();
    heard.answer = { kind: 'form', form };
    await member().press(card(), 'px1:approve');
    const [view] = await eventually(() => slack.state.views.length === 1 && slack.state.views);
    expect(view?.private_metadata).toBe(`px1:confirm:r-41:p-7f3c2a C0DEPLOY01 ${card().ts}`);
    expect(view).toMatchObject({ title: { text: 'Destroy 1 guest?' }, submit: { text: 'Approve' } });
  });

  it('hands its values over and closes', async () => {
    const { member, heard, card, slack } = await withPlan();
    heard.answer = { kind: 'form', form };
    await member().press(card(), 'px1:approve');
    const [view] = await eventually(() => slack.state.views.length === 1 && slack.state.views);
    if (view === undefined) return expect.unreachable();
    heard.answer = { kind: 'note', text: 'Approved.' };
    const { ack } = await member().submit(view, { names: 'test-website' });
    expect((await ack)?.payload).toEqual({});
    expect(heard.submissions).toMatchObject([
      {
        formId: form.id,
        values: { names: 'test-website' },
        person: { id: 'U0ALICE001' },
        place: { channel: 'C0DEPLOY01' },
      },
    ]);
    await eventually(() => slack.state.whispers.length === 1);
    expect(slack.state.whispers[0]).toMatchObject({
      by: 'chat.postEphemeral',
      channel: 'C0DEPLOY01',
      text: 'Approved.',
    });
  });

  it('stays open with the mistake beside its field', async () => {
    const { member, heard, card, slack } = await withPlan();
    heard.answer = { kind: 'form', form };
    await member().press(card(), 'px1:approve');
    const [view] = await eventually(() => slack.state.views.length === 1 && slack.state.views);
    if (view === undefined) return expect.unreachable();
    heard.answer = { kind: 'invalid', field: 'names', text: 'Type test-website.' };
    const { ack } = await member().submit(view, { names: 'tset-website' });
    expect((await ack)?.payload).toEqual({ response_action: 'errors', errors: { names: 'Type test-website.' } });
    expect(slack.state.whispers).toEqual([]);
  });

  it('closes in time when the answer takes longer than Slack waits, and says it afterwards', async () => {
    const { member, heard, card, slack } = await withPlan();
    heard.answer = { kind: 'form', form };
    await member().press(card(), 'px1:approve');
    const [view] = await eventually(() => slack.state.views.length === 1 && slack.state.views);
    if (view === undefined) return expect.unreachable();
    const open = later();
    heard.answer = open.promise.then(() => ({ kind: 'invalid', field: 'names', text: 'Type test-website.' }));
    const { ack } = await member().submit(view, { names: 'tset-website' });
    expect((await ack)?.payload).toEqual({});
    open.resolve();
    await eventually(() => slack.state.whispers.length === 1);
    expect(slack.state.whispers[0]?.text).toBe('Type test-website.');
  });

  it('that comes after the trigger died is explained', async () => {
    const { member, heard, card, slack } = await withPlan();
    const open = later();
    heard.answer = open.promise.then(() => ({ kind: 'form', form }));
    await member().press(card(), 'px1:approve');
    await eventually(() => heard.presses.length === 1);
    slack.state.ahead += 3500;
    open.resolve();
    await eventually(() => slack.state.whispers.length === 1);
    expect(slack.state.whispers[0]?.text).toContain('it took longer than Slack waits');
    expect(slack.state.views).toEqual([]);
  });

  it('answers a command too', async () => {
    const { member, heard, slack } = await aWorld();
    heard.answer = { kind: 'form', form };
    await member().type('status');
    const [view] = await eventually(() => slack.state.views.length === 1 && slack.state.views);
    expect(view?.private_metadata).toBe('px1:confirm:r-41:p-7f3c2a C0DEPLOY01 ');
  });
});
