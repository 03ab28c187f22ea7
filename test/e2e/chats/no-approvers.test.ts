import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planOf } from '../../../src/core/run.ts';
import { answered, newest, newestRun } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

const chats = ['discord', 'slack'] as const;

describe('with an empty list of approvers', () => {
  let world: ChatWorld;
  beforeAll(async () => {
    world = await aChatWorld({ chats, editEveryMs: 30, env: { APPROVERS: '' } });
    await world.begin();
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  it.each(chats)('nobody may approve in %s, and the card says so', async (chat) => {
    const seat = world.seats[chat];
    const plan = await newest(seat, /^Plan: create 4$/);
    expect(plan.words).toContain('nobody may approve: APPROVERS is not set');
    expect(plan.buttons.map(({ label }) => label)).toEqual(['Full plan']);
    const named = { run: newestRun(world).id, plan: planOf(newestRun(world))?.id ?? '' };
    await answered(await seat.type('approve', named), /Nobody may approve.*not-an-approver/s);
    expect(newestRun(world).phase).toBe('planned');
  });
});
