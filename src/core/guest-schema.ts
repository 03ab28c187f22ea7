import { z } from 'zod';
import type { ContainerSpec, GuestKind, GuestSpec, VmSpec } from './guest.ts';
import { healthFields } from './health.ts';
import { type ContainerFields, rowsOf, type VmFields } from './settings.ts';

const entries: Readonly<Record<GuestKind, z.ZodType<Readonly<Record<string, unknown>>>>> = {
  vm: entryOf('vm'),
  // A gateway goes with an address of its own: DHCP tells one itself.
  container: entryOf('container').refine(({ ip, gateway }) => gateway === undefined || String(ip).includes('/'), {
    path: ['gateway'],
    error: 'goes with a fixed "ip" such as "10.0.0.5/24" only',
  }),
};

/** Every field of a kind under its name in the flake, with its default. No other is taken. */
function entryOf(kind: GuestKind) {
  return z.strictObject(
    Object.fromEntries(rowsOf(kind).map((row) => [row.flake, row.kinds[kind]?.schema ?? z.never()])),
  );
}

/** Reads one entry of `proxnix.vms` or `proxnix.containers`, every default filled in. */
export function readEntry(
  kind: GuestKind,
  key: string,
  value: unknown,
): { readonly guest: GuestSpec } | { readonly error: z.ZodError } {
  const entry = entries[kind].safeParse(value, { reportInput: true });
  return entry.success ? { guest: toSpec(kind, key, entry.data) } : { error: entry.error };
}

/** The names of the fields that may stand at a path of an entry; none where any name may. */
export function knownFields(kind: GuestKind, path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return rowsOf(kind).map((row) => row.flake);
  return path[0] === 'health' ? healthFields[kind] : [];
}

function toSpec(kind: GuestKind, key: string, entry: Readonly<Record<string, unknown>>): GuestSpec {
  const fields = rowsOf(kind).flatMap((row) => (entry[row.flake] === undefined ? [] : [[row.key, entry[row.flake]]]));
  // The types of the fields are inferred from the rows that this object was read by.
  const read: unknown = Object.fromEntries(fields);
  if (kind === 'vm') return { kind, key, ...(read as VmFields) } satisfies VmSpec;
  return { kind, key, diskSlot: 'rootfs', ...(read as ContainerFields) } satisfies ContainerSpec;
}
