import type { Seed } from './seed.ts';

/** What the cluster holds beside its guests and that calls can change. It is kept in a state file as it is. */
export interface Datacenter {
  /** As `GET /cluster/options` answers them. */
  options: Record<string, unknown>;
  readonly pools: string[];
  /** The pool of numbers that no guest has yet; one that is made under such a number is in the pool. */
  readonly reserved: Record<number, string>;
  /** Devices by `pci/<id>` and `usb/<id>`. */
  readonly mappings: Record<string, Mapping>;
}

/** A device of a node under a name of the cluster. */
export interface Mapping {
  readonly type: string;
  readonly id: string;
  readonly map: readonly string[];
}

/** What a seed begins with. */
export function datacenterOf({ options, pools }: Pick<Seed, 'options' | 'pools'>): Datacenter {
  return { options: { ...options }, pools: [...pools], reserved: {}, mappings: {} };
}
