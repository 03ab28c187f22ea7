import { type Goal, unfinishedGuest } from './goal.ts';
import { type GuestRef, guestLabel } from './guest-ref.ts';
import type { KnownGuest } from './live.ts';

/** States in which HA carries out a request for a start or stop (PVE::HA::Manager, 8.4 and 9.2). */
const able = new Set(['started', 'enabled', 'request_start', 'request_start_balance', 'stopped']);
/** States that end by themselves: HA moves the guest, mends its node, or waits for a node that goes down. */
const passing = new Set(['request_stop', 'fence', 'recovery', 'migrate', 'relocate', 'freeze']);

/**
 * Why a guest in this state of HA is neither stopped nor started, and what to do; `undefined` where HA does what it is
 * asked for. A token needs Sys.Console on `/` to change a state, so a person does that.
 * @param starts whether a start is needed
 */
export function haProblem(
  at: Pick<GuestRef, 'guestKind' | 'vmid'>,
  state: string,
  { starts }: { readonly starts: boolean },
): string | undefined {
  const label = guestLabel(at);
  const set = (wanted: string) =>
    `\`ha-manager set ${at.guestKind === 'vm' ? 'vm' : 'ct'}:${at.vmid} --state ${wanted}\``;
  if (able.has(state)) return undefined;
  if (state === 'disabled') {
    return starts
      ? `HA has ${label} disabled, so it cannot be started. On a node root can ${set('started')}.`
      : undefined;
  }
  if (passing.has(state)) return `HA is at work on ${label} (${state}). Plan again when that is over.`;
  if (state === 'error') {
    return `${label} is in the HA state error, in which HA neither stops nor starts it. When the cause is mended, root can on a node ${set('disabled')} and then ${set('started')}.`;
  }
  return `${label} is in the HA state "${state}", which proxnix does not know. Take it out of that state, then plan again.`;
}

/** Does HA hold a guest in this state stopped? */
export function isHeld(state: string | undefined): boolean {
  return state === 'stopped' || state === 'disabled';
}

/**
 * Does HA hold the guest stopped because somebody wants that? A request of ours leaves the same state behind when the
 * bot is killed after it; that guest ran when the run began. And "stopped" in the flake leaves it, until the flake says
 * "running".
 */
export function isHeldStopped(goal: Goal, live: KnownGuest): boolean {
  if (live.status === 'running' || !isHeld(live.haState) || goal.woken?.includes(live.vmid)) return false;
  return unfinishedGuest(goal, live)?.ran !== true;
}
