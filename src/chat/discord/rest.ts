import { DefaultRestOptions, type RawFile, REST, RESTEvents, type RESTOptions, Routes } from 'discord.js';
import { z } from 'zod';
import type { MessageBody } from './card.ts';
import { isThreadThere } from './errors.ts';
import { attachmentsOf, type DiscordFile, rawFiles } from './files.ts';
import type { DiscordLog } from './settings.ts';

/** The fields of a message that proxnix reads. */
const Message = z.object({ id: z.string(), components: z.array(z.unknown()).default([]) });
const WithId = z.object({ id: z.string() });
/** The body of an answer 429. */
const Limited = z.object({ code: z.number().optional(), retry_after: z.number().optional() });

/** Discord archives a thread after this many minutes without a message; a new message reopens it. */
const archiveAfter = 4320;
const maxThreadName = 100;
/** Messages older than an hour take few edits (RESTJSONErrorCodes.MaximumNumberOfEditsReached…, answered with 429). */
const tooManyEditsOfOldMessage = 30_046;

/**
 * Settings for every request. On message routes a rate limit rejects with a `RateLimitError` instead of waiting. `retries` is
 * the number of times that discord.js repeats a request at once after a 5xx.
 */
export function restOptions(api: string | undefined): Partial<RESTOptions> {
  return {
    timeout: 10_000,
    retries: 1,
    rejectOnRateLimit: ({ route }) => isOfChannel(route),
    makeRequest,
    ...(api === undefined ? {} : { api }),
  };
}

/** The REST client with the bot's token. It logs its warnings. */
export function makeRest(options: Partial<RESTOptions>, token: string, log: DiscordLog): REST {
  const rest = new REST(options).setToken(token);
  rest.on(RESTEvents.RateLimited, ({ route, global, retryAfter }) =>
    log.info({ route, global, retryAfter }, 'Discord asks to wait'),
  );
  rest.on(RESTEvents.InvalidRequestWarning, (warning) => log.warn(warning, 'Discord refused many requests'));
  return rest;
}

function isOfChannel(path: string): boolean {
  return /^(?:\/api(?:\/v\d+)?)?\/channels\//.test(path);
}

/** Seconds. discord.js repeats a request at once, without end, when a 429 names no wait. */
const waitWhereNoneIsNamed = 1;

/**
 * Reads two facts of a 429 that discord.js 14 ignores: the code for an old message that takes no more edits, which becomes a
 * refusal (400), and a wait that only the body holds. Without any wait the caller of a message route decides, and another
 * route waits a second.
 */
const makeRequest: RESTOptions['makeRequest'] = async (url, init) => {
  const response = await DefaultRestOptions.makeRequest(url, init);
  if (response.status !== 429) return response;
  const text = await response.text();
  const { code, retry_after } = Limited.safeParse(parseJson(text)).data ?? {};
  if (code === tooManyEditsOfOldMessage) {
    return new Response(text, { status: 400, headers: { 'content-type': 'application/json' } });
  }
  const wait = retry_after ?? (isOfChannel(new URL(url).pathname) ? undefined : waitWhereNoneIsNamed);
  const headers = new Headers([...response.headers]);
  if (!headers.has('retry-after') && wait !== undefined) headers.set('retry-after', String(wait));
  return new Response(text, { status: 429, headers });
};

/** Creates a message. @returns its id, and whether it shows another body because its nonce was used before. */
export async function createMessage(
  rest: REST,
  channel: string,
  message: { readonly body: MessageBody; readonly files: readonly DiscordFile[]; readonly nonce: string },
): Promise<{ readonly id: string; readonly isOlder: boolean }> {
  const { body, files, nonce } = message;
  const payload: { body: object; files?: RawFile[] } = { body: { ...body, nonce, enforce_nonce: true } };
  if (files.length > 0) {
    payload.body = { ...payload.body, attachments: attachmentsOf(files) };
    payload.files = rawFiles(files);
  }
  const made = Message.parse(await sendAgain(() => rest.post(Routes.channelMessages(channel), payload)));
  return { id: made.id, isOlder: contents(made.components).join('\n') !== contents(body.components).join('\n') };
}

/** Edits with the bot's own token, so that it works after the 15 minutes of an interaction's token. */
export async function editMessage(rest: REST, channel: string, id: string, body: MessageBody): Promise<void> {
  await sendAgain(() => rest.patch(Routes.channelMessage(channel, id), { body }));
}

/** Deletes a message of the bot; its thread stays. */
export async function deleteMessage(rest: REST, channel: string, id: string): Promise<void> {
  await sendAgain(() => rest.delete(Routes.channelMessage(channel, id)));
}

/** Makes the thread of a message, if it has none. @returns its id, which is the message's own */
export async function threadOf(rest: REST, channel: string, message: string, name: string): Promise<string> {
  const body = { name: name.slice(0, maxThreadName), auto_archive_duration: archiveAfter };
  try {
    return WithId.parse(await sendAgain(() => rest.post(Routes.threads(channel, message), { body }))).id;
  } catch (error) {
    if (isThreadThere(error)) return message;
    throw error;
  }
}

/**
 * Repeats a request once when its connection broke before the answer. The usual reason is an idle connection that Discord
 * closed at that moment, and discord.js knows only some of its error codes. Only for requests that may arrive twice;
 * `wasDone` tells from the second error that the first request had arrived.
 */
export async function sendAgain(send: () => Promise<unknown>, wasDone?: (error: unknown) => boolean): Promise<unknown> {
  try {
    return await send();
  } catch (error) {
    if (!isBroken(error)) throw error;
  }
  try {
    return await send();
  } catch (error) {
    if (wasDone?.(error) === true) return undefined;
    throw error;
  }
}

const broken: readonly unknown[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && broken.includes(error.code);
}

/** The texts of all components, in order. Bodies cannot be compared directly, because Discord adds ids to components. */
function contents(components: readonly unknown[]): string[] {
  return components.flatMap((component) => {
    const known = WithContent.safeParse(component).data;
    return known === undefined
      ? []
      : [...(known.content === undefined ? [] : [known.content.trim()]), ...contents(known.components)];
  });
}

const WithContent = z.object({ content: z.string().optional(), components: z.array(z.unknown()).default([]) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
