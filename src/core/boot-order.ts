import type { FieldChange } from './change.ts';
import type { GuestSpec } from './guest.ts';
import type { KnownGuest } from './live.ts';

/** The boot order with the root disk first; what a person added stays behind it. */
export function withRootFirst(root: string, boot: readonly string[]): readonly string[] {
  return [root, ...boot.filter((device) => device !== root)];
}

/**
 * The difference of the boot order. A running VM takes another one at its next stop, which is when it counts: nothing
 * needs to be restarted for it.
 */
export function* diffBootOrder(wanted: GuestSpec, live: KnownGuest): Generator<FieldChange> {
  if (live.kind !== 'vm' || live.config.disks[wanted.diskSlot] === undefined) return;
  const { boot } = live.config;
  if (boot[0] === wanted.diskSlot) return;
  const to = withRootFirst(wanted.diskSlot, boot).join(' ');
  yield { field: 'boot', from: boot.join(' ') || 'none', to, restart: false };
}
