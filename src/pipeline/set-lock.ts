import type { Answer } from '../chat/chat.ts';
import type { Actor, Lock } from '../core/policy.ts';
import type { Fleet, Ports } from './ports.ts';

/** Locks (`lock` given) or unlocks fleets. Audited first, saved, then told to `onChanged` fleet by fleet. */
export async function setLock(
  { store, clock, gate }: Pick<Ports, 'store' | 'clock' | 'gate'>,
  fleets: readonly Fleet[],
  actor: Actor,
  lock: Lock | undefined,
  onChanged: (fleet: Fleet) => void,
): Promise<Answer> {
  const action = lock === undefined ? 'unlocked' : 'locked';
  for (const fleet of fleets) {
    await store.audit({
      ...{ at: clock.now(), action, who: `${actor.chat}:${actor.id}` },
      detail: lock === undefined ? fleet.name : gate(`${fleet.name}: ${lock.reason}`),
    });
    await store.saveFleet(fleet.name, { lock });
    onChanged(fleet);
  }
  return { kind: 'note', text: `Applies of ${fleets.map((fleet) => fleet.name).join(', ')} are ${action}.` };
}
