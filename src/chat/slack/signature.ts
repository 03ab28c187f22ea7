import { isValidSlackRequest } from '@slack/bolt';

export interface SignedRequest {
  readonly secret: string;
  /** As it came. */
  readonly body: string;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Does this request come from Slack?
 * 1. It says when it was sent, in whole seconds.
 * 2. That is at most five minutes ago, and not further in the future either (Bolt takes any future).
 * 3. It is signed with our secret: `v0=` and HMAC-SHA256 of `v0:TIMESTAMP:BODY`, compared in constant time by Bolt.
 */
export function isFromSlack({ secret, body, timestamp, signature, now }: SignedRequest): boolean {
  if (secret === '' || timestamp === undefined || signature === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  const seconds = Number(timestamp);
  if (Math.abs(now / 1000 - seconds) > 300) return false;
  return isValidSlackRequest({
    signingSecret: secret,
    body,
    headers: { 'x-slack-signature': signature, 'x-slack-request-timestamp': seconds },
    nowMilliseconds: now,
  });
}
