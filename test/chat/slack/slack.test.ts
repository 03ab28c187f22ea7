import { describe, expect, it } from 'vitest';
import { doneCard, gentleCard, planCard, quietCard, runningCard } from '../../support/slack/cards.ts';
import { aWorld } from '../../support/slack/harness.ts';
import { eventually } from '../../support/slack/slack-server.ts';

describe('SlackChat.show', () => {
  it('posts a card in the channel of the fleet and edits it from then on', async () => {
    const { chat, slack, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    const again = await chat.show('homelab', runningCard, ref);
    expect(again).toEqual(ref);
    expect(slack.state.messages).toHaveLength(1);
    expect(card()).toMatchObject({
      channel: 'C0DEPLOY01',
      edits: 1,
      text: expect.stringContaining('Applying: step 5'),
    });
  });

  it('posts with links unfolded nowhere and with words beside the blocks', async () => {
    const { chat, slack } = await aWorld();
    await chat.show('homelab', gentleCard, {});
    const [call] = slack.calls('chat.postMessage');
    expect(call).toMatchObject({ unfurl_links: 'false', unfurl_media: 'false' });
    expect(call?.['text']).toContain('Plan: update 1');
    expect(call).not.toHaveProperty('link_names');
  });

  it('finds its message again after a restart', async () => {
    const first = await aWorld();
    const ref = await first.chat.show('homelab', planCard, {});
    await first.chat.stop();
    const second = await aWorld({ slack: first.slack });
    await second.chat.show('homelab', doneCard, ref);
    expect(first.slack.state.messages).toHaveLength(1);
    expect(second.card().text).toContain('Applied');
  });

  it('attaches the files of a card to its thread once, also over a restart', async () => {
    const first = await aWorld();
    const { slack } = first;
    const posted = await first.chat.show('homelab', planCard, {});
    const ref = await first.chat.attach('homelab', planCard, posted);
    expect(await first.chat.attach('homelab', planCard, ref)).toEqual(ref);
    await first.chat.stop();
    const second = await aWorld({ slack });
    await second.chat.attach('homelab', { ...planCard, files: [...planCard.files, ...doneCard.files] }, ref);
    const [plan, log, ...more] = slack.state.files;
    expect(more).toEqual([]);
    expect(plan).toMatchObject({
      name: 'plan.diff',
      title: 'Full plan',
      text: '- test-website (823)\n',
      channel: 'C0DEPLOY01',
    });
    expect(log).toMatchObject({ name: 'apply.log', thread_ts: second.card().ts });
  });

  it('attaches a file when it is asked again after the upload failed', async () => {
    const { chat, slack } = await aWorld();
    slack.mishap('files.completeUploadExternal', { status: 500 });
    const ref = await chat.show('homelab', planCard, {});
    await expect(chat.attach('homelab', planCard, ref)).rejects.toThrow('could not upload files');
    await chat.attach('homelab', planCard, ref);
    expect(slack.state.files).toHaveLength(1);
  });

  it('shows the card though its file is refused, and names the refusal', async () => {
    const { chat, slack, card } = await aWorld();
    slack.mishap('files.getUploadURLExternal', { error: 'missing_scope' });
    const ref = await chat.show('homelab', planCard, {});
    await expect(chat.attach('homelab', planCard, ref)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('missing_scope'),
    });
    expect(card().text).toContain('Plan');
  });

  for (const error of ['message_not_found', 'edit_window_closed', 'cant_update_message']) {
    it(`posts anew when an edit is refused with ${error}`, async () => {
      const { chat, slack, card } = await aWorld();
      const ref = await chat.show('homelab', gentleCard, {});
      slack.mishap('chat.update', { error });
      const moved = await chat.show('homelab', runningCard, ref);
      expect(moved).not.toEqual(ref);
      expect(slack.state.messages).toHaveLength(error === 'edit_window_closed' ? 1 : 2);
      await chat.show('homelab', doneCard, moved);
      expect(card()).toMatchObject({ edits: 1, text: expect.stringContaining('Applied') });
    });
  }

  it('shows the new message though Slack does not let the old one be deleted', async () => {
    const { chat, slack, card, logged } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    slack.mishap('chat.update', { error: 'edit_window_closed' });
    slack.mishap('chat.delete', { error: 'cant_delete_message' });
    expect(await chat.show('homelab', runningCard, ref)).not.toEqual(ref);
    expect(card().text).toContain('Applying');
    expect(slack.state.messages).toHaveLength(2);
    expect(logged.join('')).toMatch(/cant_delete_message.*could not be deleted/);
  });

  it('posts anew when the fleet has another channel now', async () => {
    const first = await aWorld();
    const ref = await first.chat.show('homelab', gentleCard, {});
    await first.chat.stop();
    first.slack.state.channels.set('C0OPS00001', true);
    const second = await aWorld({ slack: first.slack, channelIds: { homelab: 'C0OPS00001' } });
    await second.chat.show('homelab', runningCard, ref);
    expect(second.card().channel).toBe('C0OPS00001');
  });

  it('posts anew when the reference is none of ours', async () => {
    const { chat, slack } = await aWorld();
    await chat.show('homelab', gentleCard, { slack: '../../etc:1' });
    expect(slack.state.messages).toHaveLength(1);
  });

  it('edits a plan into a card without blocks and back', async () => {
    const { chat, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    await chat.show('homelab', quietCard, ref);
    await chat.show('homelab', gentleCard, ref);
    expect(card().edits).toBe(2);
  });

  it('says what to do when the bot is not in the channel', async () => {
    const { chat, slack } = await aWorld();
    slack.state.channels.set('C0DEPLOY01', false);
    await expect(chat.show('homelab', gentleCard, {})).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('not_in_channel'),
      next: expect.stringContaining('/invite @proxnix'),
    });
  });

  it('names the fleet that has no channel', async () => {
    const { chat } = await aWorld();
    await expect(chat.show('elsewhere', gentleCard, {})).rejects.toThrow('The fleet elsewhere has no Slack channel');
  });

  it('keeps what other chats wrote into the reference', async () => {
    const { chat } = await aWorld();
    expect(await chat.show('homelab', gentleCard, { discord: '1/2' })).toMatchObject({ discord: '1/2' });
  });
});

describe('SlackChat.show when Slack is slow or gone', () => {
  it('posts while edits are rate-limited', async () => {
    const { chat, slack, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    const message = card();
    slack.mishap('chat.update', { retryAfter: 2 });
    const limited = { name: 'RetryLater', ms: 2000, reason: 'Slack limits chat.update' };
    await expect(chat.show('homelab', runningCard, ref)).rejects.toMatchObject(limited);
    await chat.show('homelab', quietCard, {});
    expect(slack.calls('chat.update')).toHaveLength(1);
    await chat.show('homelab', doneCard, ref);
    expect(message).toMatchObject({ edits: 1, text: expect.stringContaining('Applied') });
  });

  it('tells how long Slack wants it to wait before it posts again', async () => {
    const { chat, slack } = await aWorld();
    slack.mishap('chat.postMessage', { retryAfter: 1 }, { error: 'ratelimited', after: 1 }, { error: 'ratelimited' });
    for (const ms of [1000, 1000, undefined]) {
      const refused = await chat.show('homelab', gentleCard, {}).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: 'RetryLater', ms });
    }
    await chat.show('homelab', gentleCard, {});
    expect(slack.calls('chat.postMessage')).toHaveLength(4);
    expect(slack.state.messages).toHaveLength(1);
  });

  it('does not repeat a post whose answer got lost, since it may stand there', async () => {
    const { chat, slack } = await aWorld();
    slack.mishap('chat.postMessage', { lost: 'answer' });
    await expect(chat.show('homelab', gentleCard, {})).rejects.toThrow('could not post a message in C0DEPLOY01');
    expect(slack.state.messages).toHaveLength(1);
    expect(slack.calls('chat.postMessage')).toHaveLength(1);
  });

  it('edits the lost twin of a message too, once somebody pressed a button on it', async () => {
    const { chat, slack, member, heard, card } = await aWorld();
    slack.mishap('chat.postMessage', { lost: 'answer' });
    await expect(chat.show('homelab', gentleCard, {})).rejects.toThrow();
    const lost = card();
    const ref = await chat.show('homelab', gentleCard, {});
    await member().press(lost, 'px1:approve');
    await eventually(() => heard.presses.length === 1);
    await chat.show('homelab', doneCard, ref);
    await eventually(() => lost.text.includes('Applied'));
    expect(slack.state.messages.map(({ text }) => text.slice(0, 7))).toEqual(['Applied', 'Applied']);
  });

  it('may repeat an edit whose answer got lost: it says the same twice', async () => {
    const { chat, slack, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    slack.mishap('chat.update', { lost: 'answer' });
    await expect(chat.show('homelab', doneCard, ref)).rejects.toThrow('could not edit a message');
    expect(slack.calls('chat.update')).toHaveLength(1);
    await chat.show('homelab', doneCard, ref);
    expect(card()).toMatchObject({ edits: 2, text: expect.stringContaining('Applied') });
  });

  it('rejects while Slack is down and shows the newest state when it is back', async () => {
    const { chat, slack, member, heard, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    await slack.down();
    await expect(chat.show('homelab', runningCard, ref)).rejects.toThrow('could not edit a message');
    await slack.up();
    await chat.show('homelab', gentleCard, ref);
    expect(card().edits).toBe(1);
    await eventually(() => slack.sockets.count === 2);
    await member().press(card(), 'px1:approve');
    await eventually(() => heard.presses.length === 1);
  });
});

describe('SlackChat.reply', () => {
  it('posts into the thread of the card, where its files go too', async () => {
    const { chat, slack, card } = await aWorld();
    const ref = await chat.show('homelab', gentleCard, {});
    await chat.reply('homelab', doneCard, ref);
    await chat.attach('homelab', doneCard, ref);
    expect(slack.state.messages.at(-1)).toMatchObject({
      thread_ts: card().ts,
      text: expect.stringContaining('Applied'),
    });
    expect(slack.state.files).toMatchObject([{ name: 'apply.log', thread_ts: card().ts }]);
  });

  it('posts in the channel when there is no thread any more', async () => {
    const { chat, slack, card } = await aWorld();
    await chat.reply('homelab', doneCard, { slack: 'C0DEPLOY01:1795341360.000001' });
    expect(slack.state.messages).toHaveLength(1);
    expect(card().text).toContain('Applied');
  });
});
