import { hash, inDigestOrder, type Plan } from './plan.ts';

/** A drift that was shown to people or that a person ignores. */
export interface AcknowledgedDrift {
  /** `driftDigest` of its plan. */
  readonly digest: string;
  /** The end of the time for which a person ignores the drift; absent: it was shown and is not shown again. */
  readonly until?: number;
}

/**
 * The digest of a drift: equal for equal differences. Other changes in the configuration of a guest, such as a freed
 * disk, do not change it.
 */
export function driftDigest({ changes }: Plan): string {
  return hash(
    inDigestOrder(changes).map((change) => [
      change.action,
      change.vmid,
      change.blocked?.reason,
      'fields' in change ? change.fields : [],
      'toImage' in change ? [change.fromImage, change.toImage] : [],
      'orphanVolumes' in change ? change.orphanVolumes : [],
    ]),
  );
}

/** How many drifts are remembered. Drifts that have gone are forgotten earlier. */
const most = 20;

/** Was this drift shown, or is it ignored, so that it is not shown again? */
export function isAcknowledged(known: readonly AcknowledgedDrift[], digest: string, now: number): boolean {
  return stillAcknowledged(known, now).some((drift) => drift.digest === digest);
}

/** Adds a drift; it replaces an older entry of the same drift. */
export function withAcknowledged(
  known: readonly AcknowledgedDrift[],
  drift: AcknowledgedDrift,
  now: number,
): readonly AcknowledgedDrift[] {
  const others = stillAcknowledged(known, now).filter((one) => one.digest !== drift.digest);
  return [...others, drift].slice(-most);
}

/**
 * Keeps the ignored drifts only. It is used when nothing differs: a drift that was shown is shown again when it comes
 * back.
 */
export function onlyIgnored(known: readonly AcknowledgedDrift[], now: number): readonly AcknowledgedDrift[] {
  return stillAcknowledged(known, now).filter((drift) => drift.until !== undefined);
}

function stillAcknowledged(known: readonly AcknowledgedDrift[], now: number): readonly AcknowledgedDrift[] {
  return known.filter((drift) => drift.until === undefined || drift.until > now);
}
