import { RateLimitError, type RawFile, type REST, Routes } from 'discord.js';
import { z } from 'zod';
import type { CardFile } from '../../views/card.ts';
import type { MessageBody } from './card.ts';
import { attachmentsOf, rawFiles } from './files.ts';
import { isThreadThere } from './rest-errors.ts';
import { sendAgain } from './send-again.ts';

/** A message as far as we look at it. */
const Message = z.object({ id: z.string(), components: z.array(z.unknown()).default([]) });
const WithId = z.object({ id: z.string() });

/** Discord archives a thread after this many minutes of silence; a new message brings it back. */
const archiveAfter = 4320;
const maxThreadName = 100;

/** Creates a message. @returns its id, and whether it shows another body: a nonce that was used before. */
export async function createMessage(
  rest: REST,
  channel: string,
  message: { readonly body: MessageBody; readonly files: readonly CardFile[]; readonly nonce: string },
): Promise<{ readonly id: string; readonly older: boolean }> {
  const { body, files, nonce } = message;
  const payload: { body: object; files?: RawFile[] } = { body: { ...body, nonce, enforce_nonce: true } };
  if (files.length > 0) {
    payload.body = { ...payload.body, attachments: attachmentsOf(files) };
    payload.files = rawFiles(files);
  }
  const made = Message.parse(await sendAgain(() => rest.post(Routes.channelMessages(channel), payload)));
  return { id: made.id, older: contents(made.components).join('\n') !== contents(body.components).join('\n') };
}

/** Edits with the bot's own token, so it works after an interaction's 15 minutes. */
export async function editMessage(rest: REST, channel: string, id: string, body: MessageBody): Promise<void> {
  await sendAgain(() => rest.patch(Routes.channelMessage(channel, id), { body }));
}

/** The thread of a message, made on first use. Its id is the message's own. */
export async function threadOf(rest: REST, channel: string, message: string, name: string): Promise<string> {
  const body = { name: name.slice(0, maxThreadName), auto_archive_duration: archiveAfter };
  try {
    return WithId.parse(await sendAgain(() => rest.post(Routes.threads(channel, message), { body }))).id;
  } catch (error) {
    if (isThreadThere(error)) return message;
    throw error;
  }
}

/** Milliseconds to wait when Discord said to; discord.js's other errors are not for waiting. */
export function waitAsTold(error: unknown, longest: number): number | undefined {
  if (!(error instanceof RateLimitError)) return undefined;
  return error.retryAfter <= longest ? Math.max(0, error.retryAfter) : undefined;
}

/** The texts of all components, in order. Discord adds ids to components, so bodies cannot be compared as they are. */
function contents(components: readonly unknown[]): string[] {
  return components.flatMap((component) => {
    const known = WithContent.safeParse(component).data;
    return known === undefined
      ? []
      : [...(known.content === undefined ? [] : [known.content.trim()]), ...contents(known.components)];
  });
}

const WithContent = z.object({ content: z.string().optional(), components: z.array(z.unknown()).default([]) });
