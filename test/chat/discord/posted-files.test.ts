import { expect, it } from 'vitest';
import { PostedFiles } from '../../../src/chat/discord/posted-files.ts';
import { MemoryState } from '../../support/discord/bench.ts';

const plan = { name: 'plan.diff', title: 'plan', text: 'one' };

it('knows by name and content what was posted, also after a restart', async () => {
  const state = new MemoryState();
  await new PostedFiles(state).add('1', [plan]);
  const again = new PostedFiles(state);
  expect(await again.missing('1', [plan, { ...plan, text: 'two' }])).toEqual([{ ...plan, text: 'two' }]);
  expect(await again.missing('2', [plan])).toEqual([plan]);
});

it('forgets the oldest messages', async () => {
  const posted = new PostedFiles(new MemoryState());
  for (let n = 0; n <= 100; n++) await posted.add(`1000000000000000${n}`, [plan]);
  expect(await posted.missing('10000000000000000', [plan])).toEqual([plan]);
  expect(await posted.missing('1000000000000000100', [plan])).toEqual([]);
});

it('starts anew when its state cannot be read', async () => {
  const state = new MemoryState();
  state.values.set('discord-files', '{"1": 5');
  expect(await new PostedFiles(state).missing('1', [plan])).toEqual([plan]);
});
