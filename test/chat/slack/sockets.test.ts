import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gentleCard } from '../../support/slack/cards.ts';
import { aWorld, later } from '../../support/slack/harness.ts';
import { eventually } from '../../support/slack/slack-server.ts';

describe('Socket Mode', () => {
  const unhandled: unknown[] = [];
  const remember = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => void process.on('unhandledRejection', remember));
  afterEach(() => {
    process.off('unhandledRejection', remember);
    expect(unhandled.splice(0)).toEqual([]);
  });

  it('loses no click while a socket is renewed', async () => {
    const { chat, slack, member, heard, card } = await aWorld();
    await chat.show('homelab', gentleCard, {});
    slack.sockets.refresh(0);
    for (const _ of [1, 2, 3])
      expect(await (await member().press(card(), 'px1:approve')).ack).toMatchObject({ payload: {} });
    await eventually(() => slack.sockets.count === 2);
    slack.sockets.refresh(1);
    await (await member().press(card(), 'px1:approve')).ack;
    await eventually(() => heard.presses.length === 4);
    await eventually(() => slack.sockets.count === 2);
    expect(slack.sockets.greeted).toBe(4);
  });

  it('hands over an envelope once, though Slack sends it again on the other socket', async () => {
    const { chat, slack, member, heard, card } = await aWorld();
    await chat.show('homelab', gentleCard, {});
    const { envelope, ack } = await member().press(card(), 'px1:approve');
    await ack;
    slack.sockets.redeliver(envelope ?? '');
    slack.sockets.redeliver(envelope ?? '');
    await eventually(() => slack.sockets.acks.filter((sent) => sent.envelope === envelope).length === 3);
    await member().type('status');
    await eventually(() => heard.typed.length === 1);
    expect(heard.presses).toHaveLength(1);
  });

  it('comes back when Slack was down longer than any retry of the library', async () => {
    const { slack, member, heard } = await aWorld();
    await slack.down();
    await slack.up();
    slack.mishap(
      'apps.connections.open',
      { status: 503 },
      { error: 'internal_error' },
      { retryAfter: 1 },
      { lost: 'request' },
    );
    await eventually(() => slack.sockets.count > 0);
    await member().type('status');
    await eventually(() => heard.typed.length === 1);
  });

  it('stops while it connects again, and nothing is left open or unheard', async () => {
    const { chat, slack } = await aWorld();
    slack.sockets.greets = false;
    slack.sockets.refresh(0);
    const before = slack.calls('apps.connections.open').length;
    await eventually(() => slack.calls('apps.connections.open').length > before);
    await chat.stop();
    await eventually(() => slack.sockets.linked === 0);
  });

  it('stops while it asks for a socket address', async () => {
    const { chat, slack } = await aWorld();
    const open = later();
    slack.mishap('apps.connections.open', { waitFor: open.promise });
    slack.sockets.refresh(0);
    const before = slack.calls('apps.connections.open').length;
    await eventually(() => slack.calls('apps.connections.open').length > before);
    await chat.stop();
    open.resolve();
    await eventually(() => slack.sockets.linked === 0);
  });

  it('waits at the stop for what is being answered', async () => {
    const { chat, slack, member, heard } = await aWorld();
    const open = later();
    heard.answer = open.promise.then(() => ({ kind: 'note', text: 'just in time' }));
    await member().type('status');
    await eventually(() => heard.typed.length === 1);
    const stopped = chat.stop();
    open.resolve();
    await stopped;
    expect(slack.state.whispers).toMatchObject([{ text: 'just in time' }]);
  });

  it('closes its sockets', async () => {
    const { chat, slack } = await aWorld();
    await chat.stop();
    await eventually(() => slack.sockets.linked === 0);
  });
});

describe('SlackChat.start', () => {
  for (const [method, error] of [
    ['auth.test', 'invalid_auth'],
    ['apps.connections.open', 'missing_scope'],
    ['apps.connections.open', 'invalid_auth'],
  ] as const) {
    it(`rejects with what to do when ${method} is refused with ${error}`, async () => {
      const { chat, heard, slack } = await aWorld({ start: false });
      slack.mishap(method, { error });
      await expect(chat.start(heard)).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringContaining(error),
      });
    });
  }

  it('rejects when the token belongs to another workspace', async () => {
    const { chat, heard } = await aWorld({ start: false, workspace: 'T0OTHER001' });
    await expect(chat.start(heard)).rejects.toThrow('belongs to workspace T0HOMELAB1, not to T0OTHER001');
  });

  it('may be started again when Slack was down', async () => {
    const { chat, heard, slack, member } = await aWorld({ start: false });
    await slack.down();
    await expect(chat.start(heard)).rejects.not.toMatchObject({ name: 'UserError' });
    await slack.up();
    await chat.start(heard);
    await eventually(() => slack.sockets.count > 0);
    await member().type('status');
    await eventually(() => heard.typed.length === 1);
  });

  it('needs an app token', async () => {
    await expect(aWorld({ start: false, appToken: 'xoxb-wrong' })).rejects.toThrow('needs an app token (xapp-…)');
  });
});
