import { LRUCache } from 'lru-cache';
import type { Answer } from '../chat/chat.ts';
import { type Asks, askLimit, takeAsk } from '../core/ask-limit.ts';
import { personId, type Refusal } from '../core/identity.ts';
import { type Actor, mayAct, mayView } from '../core/policy.ts';
import type { Who } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Card } from '../views/card.ts';
import type { Clock, Fleet } from './ports.ts';

/** What a person wants to do: read or ask for a plan (`view`), or what only approvers may do (`act`). */
export type Wish = 'view' | 'act';

/** The fleets for which the wish is granted, or the refusal when there is none. */
export type Opened = { readonly fleets: readonly Fleet[] } | { readonly refused: Answer };

/** Decides which fleets a person may use a command for, limits how often they may ask, and audits refusals. */
export class Access {
  readonly #store: Store;
  readonly #clock: Clock;
  #asks: Asks = new Map();

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Counts the request and returns those of the fleets that the person may use. When there are none, the refusal names
   * the reason of one fleet.
   * @param what the command or button, for the audit
   */
  async open(actor: Actor, fleets: readonly Fleet[], wish: Wish, what: string, run?: string): Promise<Opened> {
    const tooMany = await this.#count(actor);
    if (tooMany !== undefined) return { refused: tooMany };
    const may = wish === 'view' ? mayView : mayAct;
    const refusals = fleets.map((fleet) => may(actor, fleet.policy));
    const granted = fleets.filter((_, index) => refusals[index] === undefined);
    // A refusal does not reveal a fleet that is shown in another channel.
    const refusal = refusals.find((one) => one !== undefined && one.code !== 'wrong-channel') ?? refusals[0];
    if (granted.length > 0 || refusal === undefined) return { fleets: granted };
    await this.#audit(actor, `${refusal.code} ${what}`, run);
    return { refused: answerOf(refusal) };
  }

  /**
   * Counts a decision that a person who is no approver tries to make, so that one person cannot fill the audit with
   * refusals. Approvers are not counted.
   * @returns the refusal when the person has asked too often
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

/** The answer that shows a refusal to the person who was refused. */
export function answerOf({ text, code }: Refusal): Answer {
  return { kind: 'note', text, code };
}

/**
 * How many shown plans are remembered; the oldest are forgotten first. A person whose entry is forgotten is asked which
 * plan they mean.
 */
const most = 2000;

/**
 * Remembers which plan of a run people were shown last: on the run's card, which everybody in the channel sees, or in a
 * private answer.
 */
export class ShownPlans {
  readonly #plans = new LRUCache<string, { readonly planId: string; readonly order: number }>({ max: most });
  #order = 0;

  /** Remembers the plan on a card that a chat has shown. */
  onCard(chat: string, runId: string, card: Card): void {
    const planId = card.buttons.find((button) => button.planId !== undefined)?.planId;
    if (planId !== undefined) this.#remember(`${chat} ${runId}`, planId);
  }

  /** Remembers the plan that a private answer has shown to a person. */
  onAnswer(who: Who, runId: string, planId: string): void {
    this.#remember(`${who.chat} ${runId} ${who.id}`, planId);
  }

  /** The plan of a run that a person was shown last; `undefined` when it is not known, as after a restart. */
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
