import { vi } from 'vitest';
import { planOf, type Run } from '../../../src/core/run.ts';
import type { Asked, OpenForm, Seat, SeenCard } from './seat.ts';
import type { ChatWorld } from './world.ts';

/** For assertions about what happens over sockets. */
export const patience = { timeout: 110_000, interval: 20 } as const;

/** The newest run. */
export function newestRun(world: Pick<ChatWorld, 'app'>): Run {
  return world.app.pipeline.runs().at(-1) ?? fail('there is no run yet');
}

/** The id of Approve on the card of a run, also when it stands there no more. */
export function approveId({ app }: Pick<ChatWorld, 'app'>, runId: string): string {
  const run = app.pipeline.run(runId);
  const plan = run === undefined ? undefined : planOf(run);
  return `px1:approve:${runId}:${plan?.id ?? fail(`run ${runId} has no plan`)}`;
}

/** Waits until the newest card of a chat has a title that fits. */
export function newest(seat: Seat, title: RegExp): Promise<SeenCard> {
  return vi.waitFor(() => {
    const card = seat.cards().at(-1);
    if (card !== undefined && title.test(card.title)) return card;
    throw new Error(`the newest card in ${seat.chat} is "${card?.title}", not ${title}`);
  }, patience);
}

/** Waits until one card has come to such a title. */
export function become(seat: Seat, { id }: SeenCard, title: RegExp): Promise<SeenCard> {
  return vi.waitFor(() => {
    const card = seat.cards().find((one) => one.id === id);
    if (card !== undefined && title.test(card.title)) return card;
    throw new Error(`the card in ${seat.chat} is "${card?.title}", not ${title}`);
  }, patience);
}

/** Waits for the private answer to hold such words. */
export function answered(asked: Asked, words: RegExp): Promise<string> {
  return vi.waitFor(() => {
    if (words.test(asked.words())) return asked.words();
    throw new Error(`the answer is "${asked.words()}", not ${words}`);
  }, patience);
}

/** Waits for the form that was asked for. */
export function formIn(asked: Asked): Promise<OpenForm> {
  return vi.waitFor(() => asked.form() ?? fail(`no form was opened, but: ${asked.words()}`), patience);
}

function fail(why: string): never {
  throw new Error(why);
}
