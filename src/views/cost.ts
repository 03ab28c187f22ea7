import type { Change } from '../core/change.ts';
import { restartsOnce } from '../core/cost.ts';
import type { Plan } from '../core/plan.ts';
import type { Cost } from '../core/review.ts';
import { planSteps } from '../core/steps.ts';
import { sizeText } from '../lib/text.ts';
import type { Block } from './card.ts';
import { count, duration } from './parts.ts';

/** What an apply costs, in one line: images to build, bytes to upload, the time of the last run that did as much. */
export function costBlocks(plan: Plan, { like, uploadBytes }: Cost = {}): readonly Block[] {
  const images = planSteps(plan).flatMap((step) => (step.kind === 'build' ? step.images : []));
  const said = [
    ...(images.length === 0 ? [] : [`builds ${count(images.length, 'image')}`]),
    ...(uploadBytes === undefined ? [] : [`uploads about ${sizeText(uploadBytes)}`]),
    ...(like === undefined ? [] : [`run ${like.run} did as much in ${about(like.ms)}`]),
  ].join(' · ');
  return said === '' ? [] : [{ kind: 'small', rich: [`${said.charAt(0).toUpperCase()}${said.slice(1)}`] }];
}

/** `restarts once, about 20 s`, where it is known how long that takes. */
export function downtimeParts(change: Change, { downtimeMs = {} }: Cost = {}): readonly string[] {
  const ms = downtimeMs[String(change.vmid)];
  if (ms === undefined || change.blocked !== undefined || !restartsOnce(change)) return [];
  return [`restarts once, about ${about(ms)}`];
}

/** Whole seconds: a tenth of one says more than is known. */
function about(ms: number): string {
  return ms < 10_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : duration(ms);
}
