import { DiscordAPIError, RateLimitError, RESTJSONErrorCodes } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import { RetryLater } from '../chat.ts';

/** The message was deleted, or another bot than the configured one posted it. */
export function isGone(error: unknown): boolean {
  return (
    hasCode(error, RESTJSONErrorCodes.UnknownMessage) ||
    hasCode(error, RESTJSONErrorCodes.CannotEditMessageAuthoredByAnotherUser)
  );
}

/** The message is older than an hour and has used up the few edits that Discord allows such a message. */
export function isTooOld(error: unknown): boolean {
  return hasCode(error, RESTJSONErrorCodes.MaximumNumberOfEditsToMessagesOlderThanOneHourReached);
}

/** The message already has a thread, whose id is the message's own. */
export function isThreadThere(error: unknown): boolean {
  return hasCode(error, RESTJSONErrorCodes.ThreadAlreadyCreatedForMessage);
}

/** Discord accepts no answer to this interaction: it is too late, or it was already answered. */
export function isLost(error: unknown): boolean {
  return (
    hasCode(error, RESTJSONErrorCodes.UnknownInteraction) ||
    isAnswered(error) ||
    hasCode(error, RESTJSONErrorCodes.InvalidWebhookToken)
  );
}

/** The interaction already has its first answer. */
export function isAnswered(error: unknown): boolean {
  return hasCode(error, RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged);
}

/** The facts of an error for the log. Its URL and body are left out: they hold the interaction's token and the text. */
export function errorFacts(error: unknown): { readonly code?: number | string; readonly reason: string } {
  if (error instanceof DiscordAPIError) return { code: error.code, reason: error.message };
  if (error instanceof RateLimitError) return { reason: toRetryLater(error).reason };
  return { reason: error instanceof Error ? causeOf(error) : String(error) };
}

/**
 * An error of a message route as the port promises it: `RetryLater` for a rate limit, a `UserError` with a next step for
 * a refusal, another error when Discord cannot be reached. None holds a secret.
 */
export function toChatError(error: unknown, channel: string): Error {
  if (error instanceof UserError) return error;
  if (error instanceof RateLimitError) return toRetryLater(error);
  const { code, reason } = errorFacts(error);
  if (!(error instanceof DiscordAPIError)) {
    return new Error(`Discord did not take a message for channel ${channel}: ${reason}.`);
  }
  const denied: unknown[] = [RESTJSONErrorCodes.MissingAccess, RESTJSONErrorCodes.MissingPermissions];
  if (denied.includes(code)) {
    return new UserError(`Discord does not let the bot write in channel ${channel}: ${reason}.`, {
      next: 'Give its role View Channel, Send Messages, Attach Files, Create Public Threads and Send Messages in Threads there.',
    });
  }
  if (code === RESTJSONErrorCodes.UnknownChannel) {
    return new UserError(`Discord has no channel ${channel}.`, { next: 'Check the configured channel id.' });
  }
  return new UserError(`Discord refuses a message for channel ${channel}: ${reason}.`, { next: 'It is tried again.' });
}

/** discord.js gives a rate limit no message, and a wait of 0 where Discord names none. */
function toRetryLater({ method, route, global, limit, retryAfter }: RateLimitError): RetryLater {
  const of = global ? 'all requests' : `${method} ${route}`;
  const many = Number.isFinite(limit) ? `, ${limit} at a time` : '';
  return new RetryLater(retryAfter > 0 ? retryAfter : undefined, `Discord limits ${of}${many}`);
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof DiscordAPIError && error.code === code;
}

/** `fetch` says only "fetch failed"; the reason is in the cause. */
function causeOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
