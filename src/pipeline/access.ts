import { LRUCache } from 'lru-cache';
import type { Answer } from '../chat/chat.ts';
import { type Asks, askLimit, takeAsk } from '../core/ask-limit.ts';
import { personId, type Refusal } from '../core/identity.ts';
import { type Actor, mayAct, mayView } from '../core/policy.ts';
import type { Who } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Card } from '../views/card.ts';
import type { Clock, Fleet } from './ports.ts';

/** What somebody wants: to read or to ask for a plan, or what only approvers may. */
export type Wish = 'view' | 'act';

/** The fleets for which a wish is granted, or why it is for none. */
export type Opened = { readonly fleets: readonly Fleet[] } | { readonly refused: Answer };

/** Who may ask for what, how often, and what the audit says of those who may not. */
export class Access {
  readonly #store: Store;
  readonly #clock: Clock;
  #asks: Asks = new Map();

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Counts an ask and finds those of the fleets that it may be about. Refused with the reason of one fleet when it is
   * none of them. @param what the command or button, for the audit
   */
  async open(actor: Actor, fleets: readonly Fleet[], wish: Wish, what: string, run?: string): Promise<Opened> {
    const tooMany = await this.#count(actor);
    if (tooMany !== undefined) return { refused: tooMany };
    const may = wish === 'view' ? mayView : mayAct;
    const refusals = fleets.map((fleet) => may(actor, fleet.policy));
    const granted = fleets.filter((_, index) => refusals[index] === undefined);
    // Of the fleets that are shown elsewhere nothing is said, not even that they are there.
    const refusal = refusals.find((one) => one !== undefined && one.code !== 'wrong-channel') ?? refusals[0];
    if (granted.length > 0 || refusal === undefined) return { fleets: granted };
    await this.#audit(actor, `${refusal.code} ${what}`, run);
    return { refused: answerOf(refusal) };
  }

  /**
   * Counts a wish to decide of somebody who may not: else one person could fill the audit with refusals. Approvers are
   * not counted. @returns the refusal when it is one too many
   */
  async countStranger(actor: Actor, fleet: Fleet): Promise<Answer | undefined> {
    return mayAct(actor, fleet.policy) === undefined ? undefined : this.#count(actor);
  }

  async #count(actor: Actor): Promise<Answer | undefined> {
    const result = takeAsk(this.#asks, personId(actor), this.#clock.now());
    this.#asks = result.asks;
    if (result.answered) return undefined;
    if (result.first) await this.#audit(actor, 'too-many-asks');
    const seconds = Math.ceil(result.waitMs / 1000);
    const text = `You have asked ${askLimit.burst} times in a short while: ask again in ${seconds} s.`;
    return answerOf({ code: 'too-many-asks', text });
  }

  #audit(actor: Actor, detail: string, run?: string): Promise<void> {
    const who = `${actor.chat}:${actor.id}`;
    const at = this.#clock.now();
    return this.#store.audit({ at, action: 'refused', who, detail, ...(run === undefined ? {} : { run }) });
  }
}

/** A refusal as the one who was refused gets it. */
export function answerOf({ text, code }: Refusal): Answer {
  return { kind: 'note', text, code };
}

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
