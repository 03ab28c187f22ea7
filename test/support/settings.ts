import type { GuestKind, GuestSpec } from '../../src/core/guest.ts';
import { isManaged, type SettingsOf, sameValue, settingsOf, waitsForRestart } from '../../src/core/settings.ts';

type Held<Kind extends GuestKind> = Omit<SettingsOf<Kind>, 'name'>;
type Values = Readonly<Record<string, unknown>>;

/** The settings of a guest wanted, as its live configuration holds them when all of them are written. */
export function heldSettings<Kind extends GuestKind>(kind: Kind, wanted: GuestSpec): Held<Kind> {
  return writtenSettings<Kind, object>(kind, {}, { ...wanted, ignore: [] }) as Held<Kind>;
}

/** A live configuration with what is wanted written to it; what the flake does not manage stays. */
export function writtenSettings<Kind extends GuestKind, Config extends object>(
  kind: Kind,
  old: Config,
  wanted: GuestSpec,
): Config {
  const values: Values = wanted;
  const config: Record<string, unknown> = Object.fromEntries(Object.entries(old));
  for (const row of settingsOf(kind)) {
    const value = values[row.key];
    if (row.key === 'name' || !isManaged(row, wanted, value)) continue;
    if (value === undefined) delete config[row.key];
    else config[row.key] = value;
  }
  return config as Config;
}

/** The settings that differ between two configurations and wait for a restart of a running guest. */
export function waitingSettings(kind: GuestKind, before: object, after: object): readonly string[] {
  const [from, to]: [Values, Values] = [{ ...before }, { ...after }];
  const waiting = settingsOf(kind).filter(
    (row) => waitsForRestart(row, kind, from[row.key], to[row.key]) && !sameValue(row, from[row.key], to[row.key]),
  );
  return waiting.map((row) => row.key);
}
