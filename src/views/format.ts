import type { Change } from '../core/change.ts';
import type { Plan } from '../core/plan.ts';

/** The action of a change as a verb, and as what was done. */
export const verbs: Readonly<Record<Change['action'], { readonly now: string; readonly done: string }>> = {
  destroy: { now: 'destroy', done: 'destroyed' },
  'clean-up': { now: 'clean up', done: 'cleaned up' },
  replace: { now: 'replace', done: 'replaced' },
  rollback: { now: 'roll back', done: 'rolled back' },
  update: { now: 'update', done: 'updated' },
  create: { now: 'create', done: 'created' },
  adopt: { now: 'adopt', done: 'adopted' },
  conflict: { now: 'blocked', done: 'blocked' },
};

/** `1 VM`, `3 VMs`. */
export function count(many: number, one: string, several = `${one}s`): string {
  return `${many} ${many === 1 ? one : several}`;
}

/** `4.2 s`, `52 s`, `3 min 41 s`, `1 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${Math.floor(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time as it is set: `24 h`, `7 d`, `90 min`. */
export function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes % 60 !== 0) return `${minutes} min`;
  const hours = minutes / 60;
  return hours % 24 === 0 && hours > 24 ? `${hours / 24} d` : `${hours} h`;
}

/** `test-website (823)` */
export function guestName(guest: { readonly name: string; readonly vmid: number }): string {
  return `${guest.name} (${guest.vmid})`;
}

/** The actions in the order of a plan, with how many of each: `destroy 1, create 2`. */
export function counts(changes: readonly Change[], tense: 'now' | 'done' = 'now'): string {
  const actions = ['destroy', 'clean-up', 'replace', 'rollback', 'update', 'create', 'adopt'] as const;
  const parts = actions
    .map((action) => ({ action, many: changes.filter((change) => change.action === action).length }))
    .filter(({ many }) => many > 0)
    .map(({ action, many }) => `${verbs[action][tense]} ${many}`);
  return parts.join(', ');
}

/** `, 2 blocked`, or nothing. */
export function blockedCount(plan: Plan): string {
  const blocked = plan.changes.filter((change) => change.blocked !== undefined).length;
  return blocked === 0 ? '' : `, ${blocked} blocked`;
}
