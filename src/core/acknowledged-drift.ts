import { hash, type Plan } from './plan.ts';

/** A drift that people were told of. */
export interface AcknowledgedDrift {
  /** `driftDigest` of its plan. */
  readonly digest: string;
  /** Somebody ignores it until then; absent: it was shown, and that is enough. */
  readonly until?: number;
}

/**
 * The same for the same differences. What else moves in a guest's configuration, such as a disk that is freed, makes no
 * other drift of them.
 */
export function driftDigest({ changes }: Plan): string {
  return hash(
    changes.map((change) => [
      change.action,
      change.vmid,
      change.blocked?.reason,
      'fields' in change ? change.fields : [],
      'toImage' in change ? [change.fromImage, change.toImage] : [],
      'orphanVolumes' in change ? change.orphanVolumes : [],
    ]),
  );
}

/** How many drifts are remembered; ones that are gone are forgotten long before. */
const most = 20;

/** Need this drift not be shown? */
export function isAcknowledged(known: readonly AcknowledgedDrift[], digest: string, now: number): boolean {
  return stillAcknowledged(known, now).some((drift) => drift.digest === digest);
}

/** With one more, which takes the place of the same drift known before. */
export function withAcknowledged(
  known: readonly AcknowledgedDrift[],
  drift: AcknowledgedDrift,
  now: number,
): readonly AcknowledgedDrift[] {
  const others = stillAcknowledged(known, now).filter((one) => one.digest !== drift.digest);
  return [...others, drift].slice(-most);
}

/** When nothing differs: what was shown may be shown again when it comes back, what is ignored stays so. */
export function onlyIgnored(known: readonly AcknowledgedDrift[], now: number): readonly AcknowledgedDrift[] {
  return stillAcknowledged(known, now).filter((drift) => drift.until !== undefined);
}

function stillAcknowledged(known: readonly AcknowledgedDrift[], now: number): readonly AcknowledgedDrift[] {
  return known.filter((drift) => drift.until === undefined || drift.until > now);
}
