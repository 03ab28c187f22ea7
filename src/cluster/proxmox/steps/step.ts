import type { GuestStep } from '../../../core/steps.ts';
import type { ClusterMonitor, Guard } from '../../cluster.ts';
import type { Api } from '../api.ts';

/** A step of one kind, with the facts that come with it. */
export type StepOf<Kind extends GuestStep['kind']> = Extract<GuestStep, { readonly kind: Kind }>;

/** A step on a guest that is there: compared with its guard before anything is written. */
export interface Doing<Kind extends GuestStep['kind']> {
  readonly api: Api;
  readonly step: StepOf<Kind>;
  readonly guard: Guard;
  readonly monitor: ClusterMonitor;
}
