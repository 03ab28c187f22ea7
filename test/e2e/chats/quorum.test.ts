import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { planOf } from '../../../src/core/run.ts';
import { ids } from '../../support/discord/ids.ts';
import { buttonOf } from './seat.ts';
import { answered, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

/** Without it, ids of two chats count once. */
const people = [
  `rowan=discord:user:${ids.rowan}`,
  'alice=slack:user:U0ALICE001',
  `sasha=discord:user:${ids.rowan.replace(/1$/, '2')}`,
].join(', ');

describe('two approvals, of which none by the author', () => {
  let world: ChatWorld;
  beforeAll(async () => {
    world = await aChatWorld({
      ...{ chats: ['discord', 'slack'], editEveryMs: 30 },
      env: { APPROVALS: '2', AUTHOR_MAY_APPROVE: 'false', AUTHORS: `Demo=discord:user:${ids.rowan}`, PEOPLE: people },
    });
    await world.begin();
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  it('are not given by the one who wrote the commit', async () => {
    const plan = await newest(world.seats.discord, /^Plan: create 4$/);
    expect(plan.words).toContain('approvals 0 of 2');
    const { discord } = world.seats;
    await answered(await discord.press(plan, buttonOf(plan, 'Approve')), /author-may-not-approve/);
    const named = { run: 'r-1', plan: planOf(newestRun(world))?.id ?? '' };
    await answered(await discord.type('approve', named), /author-may-not-approve/);
    expect(newestRun(world)).toMatchObject({ phase: 'planned', approvals: [] });
  });

  it('count one person once, and show how many are there in the other chat', async () => {
    const { slack } = world.seats;
    const plan = await newest(slack, /^Plan: create 4$/);
    await slack.press(plan, buttonOf(plan, 'Approve'));
    await answered(await slack.press(plan, buttonOf(plan, 'Approve')), /already-approved/);
    expect(newestRun(world)).toMatchObject({ phase: 'planned', approvals: [{ by: { id: 'U0ALICE001' } }] });
  });

  it('are two people in two chats, and begin the run together', async () => {
    const { discord, slack } = world.seats;
    const plan = await newest(discord, /^Plan: create 4$/);
    await vi.waitFor(() => expect(discord.cards()[0]?.words).toContain('approvals 1 of 2'), patience);
    await discord.press(plan, buttonOf(plan, 'Approve'), 'second');
    const applied = await newest(slack, /^Applied: created 4$/);
    expect(applied.words).toMatch(/Approved by \W*alice\W*, \W*sasha/);
    expect((await world.audit()).filter(({ action }) => action === 'approved')).toHaveLength(2);
  }, 120_000);
});
