import type { Answer } from '../chat/chat.ts';
import { type Actor, type Lock, mayAct } from '../core/policy.ts';
import type { Deps, Fleet } from './deps.ts';

/**
 * Locks (`lock` given) or unlocks every fleet that this person may decide about here. Audited first, saved, then told to
 * `onChanged` fleet by fleet.
 */
export async function setLock(
  { fleets, store, clock, gate }: Pick<Deps, 'fleets' | 'store' | 'clock' | 'gate'>,
  actor: Actor,
  lock: Lock | undefined,
  onChanged: (fleet: Fleet) => void,
): Promise<Answer> {
  const refusals = fleets.map((fleet) => mayAct(actor, fleet.policy));
  const mine = fleets.filter((_, index) => refusals[index] === undefined);
  const [refused] = refusals;
  if (mine.length === 0 && refused !== undefined) return { kind: 'note', text: refused.text, code: refused.code };
  const action = lock === undefined ? 'unlocked' : 'locked';
  for (const fleet of mine) {
    await store.audit({
      ...{ at: clock.now(), action, who: `${actor.chat}:${actor.id}` },
      detail: lock === undefined ? fleet.name : gate(`${fleet.name}: ${lock.reason}`),
    });
    await store.saveFleet(fleet.name, { lock });
    onChanged(fleet);
  }
  return { kind: 'note', text: `Applies of ${mine.map((fleet) => fleet.name).join(', ')} are ${action}.` };
}
