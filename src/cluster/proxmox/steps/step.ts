import type { StepSpec } from '../../../core/steps.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import type { Api } from '../api.ts';

/** A step of one kind, with the facts that come with it. */
export type StepOf<Kind extends StepSpec['kind']> = Extract<StepSpec, { readonly kind: Kind }>;

/** A step on a guest that is there: compared with its precondition before anything is written. */
export interface Doing<Kind extends StepSpec['kind']> {
  readonly api: Api;
  readonly step: StepOf<Kind>;
  readonly precondition: Precondition;
  readonly monitor: ClusterMonitor;
}
