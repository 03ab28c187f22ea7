import { amount, type Call, flag, may, text } from '../call.ts';
import { type Config, type Guest, mergedConfig } from '../guest.ts';
import { statusOf } from '../guest-status.ts';
import { STARS } from './cloudinit.ts';

type Kind = 'qemu' | 'lxc';

/** `GET config`: the configuration with its pending changes, or without them with `current=1`. */
export function readConfig(kind: Kind): (call: Call) => unknown {
  return (call) => {
    const guest = guestOf(call, kind);
    const config = flag(call, 'current') ? guest.config : mergedConfig(guest);
    return { ...masked(config), digest: call.world.digest(guest) };
  };
}

/**
 * `GET pending`: a list of keys with their value, and with what they will be. The digest is one of them. The order is by
 * chance, as Perl's keys are.
 */
export function readPending(kind: Kind): (call: Call) => unknown {
  return (call) => {
    const guest = guestOf(call, kind);
    const digest = { key: 'digest', value: call.world.digest(guest) };
    const config = masked(guest.config);
    const keys = new Set([...Object.keys(config), ...Object.keys(guest.pending)]);
    return shuffled([digest, ...[...keys].map((key) => pendingItem(guest, config, key))], call.world.clock.random);
  };
}

/** `GET status/current` */
export function readStatus(kind: Kind): (call: Call) => unknown {
  return (call) => statusOf(call.world, guestOf(call, kind), false);
}

/** The list of a node; guests the caller may not see are left out silently. */
export function listGuests(kind: Kind): (call: Call) => unknown {
  return (call) =>
    call.world
      .guests()
      .filter((guest) => guest.type === kind && guest.node === text(call, 'node'))
      .filter((guest) => may(call, `/vms/${guest.vmid}`, { all: ['VM.Audit'] }))
      .map((guest) => statusOf(call.world, guest, true));
}

function guestOf(call: Call, kind: Kind): Guest {
  return call.world.guest(kind, text(call, 'node'), amount(call, 'vmid'));
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function pendingItem(guest: Guest, config: Config, key: string): Record<string, unknown> {
  const value = config[key];
  const pending = guest.pending[key];
  return {
    key,
    ...(value === undefined ? {} : { value }),
    ...(pending === undefined ? {} : { pending }),
    ...(guest.pendingDelete.includes(key) ? { delete: 1 } : {}),
  };
}

function masked(config: Config): Config {
  return config['cipassword'] === undefined ? config : { ...config, cipassword: STARS };
}
