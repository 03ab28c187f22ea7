import { UserError } from '../../src/core/errors.ts';
import { ForgeBusy } from '../../src/forge/forge.ts';
import { forgeContract } from '../contracts/forge.ts';
import { FakeForge } from './forge.ts';

forgeContract('FakeForge', async () => {
  const client = new FakeForge();
  const { state } = client;
  return {
    client,
    another: () => new FakeForge(state),
    renewed: () => new FakeForge(state, 'the-next-token'),
    statuses: (sha) => state.statuses.get(sha) ?? [],
    comments: (number) => (state.comments.get(number) ?? []).map(({ body }) => body),
    write: (number, text) => void state.add(number, 'eve', text),
    remove: (number, at) => void state.comments.set(number, (state.comments.get(number) ?? []).toSpliced(at, 1)),
    writes: () => client.writes,
    limit: (seconds) => {
      client.once = new ForgeBusy(seconds === undefined ? undefined : seconds * 1000, 'the fake asks to wait');
    },
    revoke: () => {
      client.broken = new UserError('The fake does not accept FORGE_TOKEN.');
    },
    cutOff: async () => {
      client.broken = new UserError('The fake does not answer.', { mayPass: true });
    },
  };
});
