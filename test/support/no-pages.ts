import type { ChatHandlers } from '../../src/chat/chat.ts';

/** Handlers of a bot that has no fleet and no run to show. */
export const noPages: Pick<ChatHandlers, 'overview' | 'runPage'> = {
  overview: async () => ({ fleets: [], reached: [] }),
  runPage: async () => undefined,
};
