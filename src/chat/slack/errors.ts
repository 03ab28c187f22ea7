import { webApi } from '@slack/bolt';
import { UserError } from '../../core/errors.ts';
import { RetryLater } from '../chat.ts';

/** Slack's error code of a refused call (`not_in_channel`); `undefined` when Slack did not answer. */
export function refusal(error: unknown): string | undefined {
  if (error instanceof webApi.WebAPIPlatformError) return error.data.error;
  if (error instanceof webApi.WebAPIRequestError && error.original instanceof SlackRefusal) return error.original.word;
  return undefined;
}

/** A call that Slack did not carry out because of a rate limit; `undefined` when it failed for another reason. */
export function retryLater(error: unknown, method: string): RetryLater | undefined {
  const seconds = secondsToWait(error);
  if (seconds === undefined) return undefined;
  return new RetryLater(seconds > 0 ? seconds * 1000 : undefined, `Slack limits ${method}`);
}

/** Seconds; 0 where Slack names none. */
function secondsToWait(error: unknown): number | undefined {
  if (error instanceof webApi.WebAPIRateLimitedError) return error.retryAfter;
  // Some methods report a rate limit in an ordinary answer.
  if (error instanceof webApi.WebAPIPlatformError && error.data.error === 'ratelimited') {
    return error.data.response_metadata?.retryAfter ?? 0;
  }
  // @slack/web-api 8 has no class for a 429 without a Retry-After header (WebClient.js, makeRequest).
  return error instanceof Error && error.message.startsWith('Retry header did not contain') ? 0 : undefined;
}

/** A refusal in the form of a network error, which the library passes on without its own retries. */
export class SlackRefusal extends Error {
  override readonly name = 'SlackRefusal';
  readonly word: string;

  constructor(word: string) {
    super(word);
    this.word = word;
  }
}

/** The error of a failed call, without secrets. `what` names the call: "post a message". */
export function slackError(error: unknown, what: string): Error {
  const word = refusal(error);
  if (word !== undefined) {
    const next = advice[word];
    const options = next === undefined ? { cause: error } : { cause: error, next };
    return new UserError(`Slack refuses to ${what}: ${word}`, options);
  }
  const why = error instanceof Error ? error.message : String(error);
  return new Error(`could not ${what}: ${why}`, { cause: error });
}

const newToken = 'Install the app into the workspace again and set the new bot token (xoxb-…).';

const advice: Readonly<Record<string, string>> = {
  account_inactive: newToken,
  channel_not_found: 'Check the channel id (C…) and invite the bot there: /invite @proxnix',
  invalid_auth: 'Check the tokens: the bot token begins with xoxb-, the app token with xapp-.',
  is_archived: 'The channel is archived: choose another one.',
  missing_scope: 'Give the app the scopes of the manifest in the README and install it again.',
  not_allowed_token_type: 'Check the tokens: the bot token begins with xoxb-, the app token with xapp-.',
  not_authed: 'Set the bot token (xoxb-…).',
  not_in_channel: 'Invite the bot into the channel: /invite @proxnix',
  token_expired: newToken,
  token_revoked: newToken,
};
