import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConsoleMessage } from '../../../src/chat/console/message-store.ts';
import { messageFolder } from '../../../src/chat/console/message-store.ts';
import type { Card } from '../../../src/views/card.ts';
import { aCard, silent } from './rig.ts';

/** One of everything that a card can hold. */
const everything: Card = {
  tone: 'waiting',
  title: 'Plan: destroy 1',
  blocks: [
    {
      kind: 'text',
      rich: [
        'words',
        { bold: 'b' },
        { code: 'c' },
        { link: 'https://git.example.org', text: 'l' },
        { time: 5, show: 'relative' },
        { person: { chat: 'slack', id: 'U1', name: 'Rowan' } },
      ],
    },
    { kind: 'small', rich: ['s'] },
    { kind: 'warning', rich: ['w'] },
    { kind: 'lines', lines: [{ text: 't', mark: '-/+', keep: true }, { text: 'u' }] },
    { kind: 'progress', label: 'import', fraction: 0.42, text: '42 %' },
    { kind: 'progress', label: 'eval', text: '2 of 4' },
    { kind: 'divider' },
  ],
  buttons: [
    {
      action: 'approve',
      label: 'Approve',
      style: 'danger',
      runId: 'r-1',
      planId: 'p-abc123',
      confirm: { title: 't', text: 'u', yes: 'y' },
    },
    { action: 'log', label: 'Log', style: 'plain', runId: 'r-1' },
  ],
  files: [{ name: 'plan.diff', title: 'Full plan', text: '- x\n' }],
};

function aMessage(message: Partial<ConsoleMessage> = {}): ConsoleMessage {
  return { id: 'm-1', order: 1, fleet: 'homelab', at: 1, changedAt: 2, card: aCard(), replies: [], ...message };
}

describe('messageFolder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'proxnix-console-')), 'messages');
  });
  afterEach(() => rm(join(folder, '..'), { recursive: true }));

  it('gives back every kind of block, button and span as it was', async () => {
    const message = aMessage({ card: everything, replies: [{ id: 'm-2', at: 3, card: everything }] });
    const store = messageFolder(folder, silent);
    await store.load();
    await store.save(message);
    expect(await messageFolder(folder, silent).load()).toEqual([message]);
  });

  it('keeps the last of many saves at once, and leaves nothing half written', async () => {
    const store = messageFolder(folder, silent);
    await store.load();
    await Promise.all([...Array(20).keys()].map((at) => store.save(aMessage({ changedAt: at }))));
    expect(await readdir(folder)).toEqual(['m-1.json']);
    expect((await store.load())[0]?.changedAt).toBe(19);
  });

  it('removes a message, and does not mind one that is not there', async () => {
    const store = messageFolder(folder, silent);
    await store.load();
    await store.save(aMessage());
    await store.remove('m-1');
    await store.remove('m-1');
    expect(await store.load()).toEqual([]);
  });

  it.each(['{"id": "m-1"', '{"id": "m-1", "card": {}}', ''])('sets a damaged file aside: %j', async (text) => {
    const warn = vi.fn();
    const store = messageFolder(folder, { warn });
    await store.load();
    await store.save(aMessage({ id: 'm-2' }));
    await writeFile(join(folder, 'm-1.json'), text);
    expect((await store.load()).map(({ id }) => id)).toEqual(['m-2']);
    expect(await readFile(join(folder, 'm-1.json.damaged'), 'utf8')).toBe(text);
    expect(warn).toHaveBeenCalledOnce();
  });

  it('keeps a message that names a person of a chat which this program does not know', async () => {
    const warn = vi.fn();
    const store = messageFolder(folder, { warn });
    await store.load();
    const person = { chat: 'matrix', id: '@ada:example.org', name: 'Ada' };
    const message = aMessage({ card: aCard({ blocks: [{ kind: 'small', rich: [{ person }] }] }) });
    await store.save(message);
    expect(await store.load()).toEqual([message]);
    expect(warn).not.toHaveBeenCalled();
  });

  it('goes on after a save that failed', async () => {
    const store = messageFolder(folder, silent);
    await expect(store.save(aMessage())).rejects.toThrow('ENOENT');
    await store.load();
    await store.save(aMessage());
    expect(await store.load()).toHaveLength(1);
  });

  it('lets nobody else read the messages', async () => {
    const store = messageFolder(folder, silent);
    await store.load();
    await store.save(aMessage());
    expect((await stat(folder)).mode & 0o077).toBe(0);
    expect((await stat(join(folder, 'm-1.json'))).mode & 0o077).toBe(0);
  });
});
