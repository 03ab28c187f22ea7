import { describe, expect, it } from 'vitest';
import { Channel } from '../../../src/chat/console/channel.ts';
import { aCard, testStore } from './rig.ts';

function aChannel(store = testStore(), keep = 100) {
  const counted = { times: 1000, ids: 0 };
  const next = (what: keyof typeof counted) => {
    counted[what] += 1;
    return counted[what];
  };
  return new Channel({ store, keep, now: () => next('times'), newId: () => `m-${next('ids')}` });
}

const titles = (channel: Channel) => channel.list().map(({ card }) => card.title);

describe('Channel', () => {
  it('tells a reader only what changed since he looked', async () => {
    const channel = aChannel();
    const first = await channel.show('homelab', aCard({ title: 'A' }), undefined);
    await channel.show('homelab', aCard({ title: 'B' }), undefined);
    const { version } = channel.since(undefined);
    await channel.show('homelab', aCard({ title: 'A2' }), first);
    const news = channel.since(version);
    expect(news.whole).toBe(false);
    expect(news.messages.map(({ card }) => card.title)).toEqual(['A2']);
    expect(channel.since(news.version).messages).toEqual([]);
  });

  it('tells the whole channel to a reader from another life, whose version is ahead', async () => {
    const channel = aChannel();
    await channel.show('homelab', aCard(), undefined);
    expect(channel.since(99)).toMatchObject({ whole: true, messages: [{ id: 'm-1' }] });
  });

  it('lets the oldest go, in the store too, and tells readers the whole channel then', async () => {
    const store = testStore();
    const channel = aChannel(store, 2);
    await channel.show('homelab', aCard({ title: 'A' }), undefined);
    await channel.show('homelab', aCard({ title: 'B' }), undefined);
    const { version } = channel.since(undefined);
    await channel.show('homelab', aCard({ title: 'C' }), undefined);
    expect(titles(channel)).toEqual(['B', 'C']);
    expect([...store.messages.keys()]).toEqual(['m-2', 'm-3']);
    expect(channel.since(version).whole).toBe(true);
  });

  it('says nothing new when a card is shown again unchanged', async () => {
    const channel = aChannel();
    const id = await channel.show('homelab', aCard(), undefined);
    const { version } = channel.since(undefined);
    expect(await channel.show('homelab', aCard(), id)).toBe(id);
    expect(channel.since(version).messages).toEqual([]);
  });

  it('shows nothing that could not be saved', async () => {
    const store = testStore();
    const channel = aChannel(store);
    const id = await channel.show('homelab', aCard({ title: 'A' }), undefined);
    store.full = true;
    await expect(channel.show('homelab', aCard({ title: 'A2' }), id)).rejects.toThrow('ENOSPC');
    await expect(channel.show('homelab', aCard({ title: 'B' }), undefined)).rejects.toThrow('ENOSPC');
    expect(titles(channel)).toEqual(['A']);
  });

  it('keeps the order of the channel over a restart, also after an edit', async () => {
    const store = testStore();
    const before = aChannel(store);
    const first = await before.show('homelab', aCard({ title: 'A' }), undefined);
    await before.show('homelab', aCard({ title: 'B' }), undefined);
    await before.show('homelab', aCard({ title: 'A2' }), first);
    const after = new Channel({ store, keep: 100, now: () => 1, newId: () => 'm-9' });
    await after.load();
    await after.show('homelab', aCard({ title: 'C' }), undefined);
    expect(titles(after)).toEqual(['A2', 'B', 'C']);
  });

  it('posts a reply whose message is gone, so that it is not lost', async () => {
    const channel = aChannel();
    await channel.reply('homelab', aCard({ title: 'Failed: build' }), 'm-gone');
    expect(titles(channel)).toEqual(['Failed: build']);
  });

  it('wakes a waiting reader at a change, and at once when he is behind', async () => {
    const channel = aChannel();
    const waiting = channel.changeAfter(0, new AbortController().signal, 60_000);
    await channel.show('homelab', aCard(), undefined);
    expect(await waiting).toBe(true);
    expect(await channel.changeAfter(0, new AbortController().signal, 60_000)).toBe(true);
  });

  it('lets a waiting reader go when he leaves or when it was silent for long', async () => {
    const channel = aChannel();
    const leave = new AbortController();
    const waiting = channel.changeAfter(0, leave.signal, 60_000);
    leave.abort();
    expect(await waiting).toBe(false);
    expect(await channel.changeAfter(0, new AbortController().signal, 1)).toBe(false);
  });
});
