import type { Fleet } from '../src/pipeline/ports.ts';

/** The fleet that is named, or the only one; else what to ask back. */
export function oneFleet(
  all: readonly Fleet[],
  name: string | undefined,
): { readonly fleet: Fleet } | { readonly ask: string } {
  const [fleet, ...others] = all.filter((one) => name === undefined || one.name === name);
  if (fleet !== undefined && others.length === 0) return { fleet };
  return { ask: `Name one of the fleets: ${all.map((one) => one.name).join(', ')}.` };
}
