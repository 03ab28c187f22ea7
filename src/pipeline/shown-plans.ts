import { LRUCache } from 'lru-cache';
import type { Who } from '../core/run.ts';
import type { Card } from '../views/card.ts';

/** How many are remembered; the oldest are forgotten first. Whoever is forgotten is asked which plan they mean. */
const most = 2000;

/** Which plan of a run people were shown last: on its card, which all in the channel see, or in an answer of their own. */
export class ShownPlans {
  readonly #plans = new LRUCache<string, { readonly planId: string; readonly order: number }>({ max: most });
  #order = 0;

  /** A run's card is shown in a chat. */
  onCard(chat: string, runId: string, card: Card): void {
    const planId = card.buttons.find((button) => button.planId !== undefined)?.planId;
    if (planId !== undefined) this.#remember(`${chat} ${runId}`, planId);
  }

  /** A person was answered with a plan. */
  onAnswer(who: Who, runId: string, planId: string): void {
    this.#remember(`${who.chat} ${runId} ${who.id}`, planId);
  }

  /** The plan of a run that a person was shown last; `undefined` when that cannot be told, as after a restart. */
  last(who: Who, runId: string): string | undefined {
    const toAll = this.#plans.get(`${who.chat} ${runId}`);
    const toOne = this.#plans.get(`${who.chat} ${runId} ${who.id}`);
    return (toAll?.order ?? 0) > (toOne?.order ?? 0) ? toAll?.planId : toOne?.planId;
  }

  #remember(key: string, planId: string): void {
    this.#order += 1;
    this.#plans.set(key, { planId, order: this.#order });
  }
}
