import { createHmac } from 'node:crypto';
import { oneLine } from '../lib/text.ts';
import type { ForgeOptions } from './forge.ts';
import { ForgeRefusal } from './rest.ts';

/** A comment of a request, by whatever name a forge calls it. */
export interface Comment {
  readonly id: number;
  readonly body: string;
  /** The forge's id of its author. */
  readonly author: number;
}

/** The calls of one forge that keep one comment. */
export interface CommentCalls {
  list(): Promise<readonly Comment[]>;
  create(body: string): Promise<void>;
  edit(id: number, body: string): Promise<void>;
}

/**
 * Keeps one comment: edits ours, or makes it. Ours begins with a hidden mark that only the token can make, so a comment
 * that was there before cannot be taken for ours. A copied mark shows by its other author: then none counts.
 */
export async function keepComment(calls: CommentCalls, mark: string, text: string): Promise<void> {
  const body = `${mark}\n${text}`;
  const marked = (await calls.list()).filter((comment) => comment.body.startsWith(mark));
  const [ours] = marked;
  if (ours === undefined || marked.some(({ author }) => author !== ours.author)) return calls.create(body);
  if (ours.body === body) return;
  try {
    await calls.edit(ours.id, body);
  } catch (error) {
    // It is deleted, or belongs to a token of before.
    if (!(error instanceof ForgeRefusal) || (error.status !== 403 && error.status !== 404)) throw error;
    await calls.create(body);
  }
}

/** The hidden mark of the comment about one subject. */
export function markOf(
  { token, project }: Pick<ForgeOptions, 'token' | 'project'>,
  number: number,
  about: string,
): string {
  const seal = createHmac('sha256', token).update(`${project}\0${number}\0${about}`).digest('hex').slice(0, 32);
  return `<!-- proxnix ${seal} -->`;
}

/** GitHub refuses a longer description (422); the others cut or refuse later. */
const longestDescription = 140;

/** A description on one line within the limit of every forge. */
export function shortDescription(text: string): string {
  const line = Array.from(oneLine(text));
  return line.length <= longestDescription ? line.join('') : `${line.slice(0, longestDescription - 1).join('')}…`;
}
