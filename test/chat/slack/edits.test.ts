import { webApi } from '@slack/bolt';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Edits } from '../../../src/chat/slack/edits.ts';
import { Gate } from '../../../src/chat/slack/gate.ts';
import { later } from '../../support/slack/harness.ts';

const gate = (): Gate => new Gate('chat.update', pino({ level: 'silent' }), new AbortController().signal);
const state = (text: string): { text: string; blocks: [] } => ({ text, blocks: [] });

describe('Edits', () => {
  it('sends the first and the newest state when 200 come while a request is under way', async () => {
    const sent: string[] = [];
    const first = later();
    const edits = new Edits(gate(), async (_, { text }) => {
      sent.push(text);
      if (sent.length === 1) await first.promise;
    });
    const all = Array.from({ length: 200 }, (_, index) => edits.edit('C1:1.1', state(`${index}`)));
    await Promise.resolve();
    first.resolve();
    await Promise.all(all);
    expect(sent.at(-1)).toBe('199');
    expect(sent.length).toBeLessThanOrEqual(2);
  });

  it('sends the newest state after a rate limit, not the refused one', async () => {
    const sent: string[] = [];
    const refused = later();
    const edits = new Edits(gate(), async (_, { text }) => {
      sent.push(text);
      if (sent.length > 1) return;
      refused.resolve();
      throw new webApi.WebAPIRateLimitedError(0.05);
    });
    const older = edits.edit('C1:1.1', state('older'));
    await refused.promise;
    await new Promise(setImmediate);
    await Promise.all([older, edits.edit('C1:1.1', state('newer'))]);
    expect(sent).toEqual(['older', 'newer']);
  });

  it('lets one message wait for another of its own only', async () => {
    const sent: string[] = [];
    const slow = later();
    const edits = new Edits(gate(), async (key) => {
      sent.push(key);
      if (key === 'C1:1.1') await slow.promise;
    });
    const waiting = edits.edit('C1:1.1', state('a'));
    await edits.edit('C1:2.2', state('b'));
    slow.resolve();
    await waiting;
    expect(sent.toSorted()).toEqual(['C1:1.1', 'C1:2.2']);
  });

  it('tells each caller of its own failure and goes on with the next state', async () => {
    let calls = 0;
    const edits = new Edits(gate(), async () => {
      calls += 1;
      if (calls === 1) throw new Error('lost');
    });
    const [first] = await Promise.allSettled([edits.edit('C1:1.1', state('a'))]);
    expect(first?.status).toBe('rejected');
    await edits.edit('C1:1.1', state('b'));
    expect(calls).toBe(2);
  });
});
