import { z } from 'zod';
import type { Policy } from '../core/policy.ts';
import type { Who } from '../core/run.ts';
import { text } from './values.ts';

/** Discord's ids are 17 to 20 digits. */
export const snowflake = text(/^[0-9]{17,20}$/, 'expected an id of 17 to 20 digits (developer mode, "Copy ID")');

export function slackId(prefix: string, what: string) {
  return text(new RegExp(`^[${prefix}][A-Z0-9]{6,20}$`), `expected the id of a ${what}, ${prefix[0]}…`);
}

const person = /^(?:console:[a-z0-9][a-z0-9-]{0,31}|discord:user:[0-9]{17,20}|slack:user:[UW][A-Z0-9]{6,20})$/;
const group = /^(?:discord:role:[0-9]{17,20}|slack:group:S[A-Z0-9]{6,20})$/;

/** Who may ask or approve: a person, or everybody in a role or usergroup. Ids never change, names do. */
export const approver = text(
  new RegExp(`${person.source}|${group.source}`),
  'expected ids such as console:owner, discord:user:…, discord:role:… (17 to 20 digits), slack:user:U…, slack:group:S…',
);

export function isPerson(approver: string): boolean {
  return person.test(approver);
}

function pairOf(text: string): readonly [name: string, id: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Every id of one chat that fleets name as an approver or a viewer, once. */
export function namedIn(chat: Who['chat'], fleets: readonly { readonly policy: Named }[]): readonly string[] {
  const ids = fleets.flatMap(({ policy }) => [...policy.approvers, ...policy.viewers]);
  return [...new Set(ids)].filter((id) => id.startsWith(`${chat}:`));
}
type Named = Pick<Policy, 'approvers' | 'viewers'>;

/** What stands for the id of an author that is a program: a forge that merges, a bot that updates. */
const program = 'bot';

/** `Ada Lovelace=discord:user:…`, `ada@example.org=discord:user:…`: whom git calls by that name or address. */
const author = z
  .string()
  .transform(pairOf)
  .refine(([name, id]) => name !== '' && (isPerson(id) || id === program), {
    error:
      'expected pairs of an author, by the name or the address that git shows, and an id, such as Ada Lovelace=discord:user:…; the id "bot" stands for a program',
  });

/**
 * The ids of each author; none for a program. An author called `constructor` must find nothing, so the record inherits
 * nothing.
 */
export const authors = z.array(author).transform((pairs): Readonly<Record<string, readonly string[]>> => {
  const ids: Record<string, string[]> = Object.create(null);
  for (const [name, id] of pairs) {
    const key = name.includes('@') ? name.toLowerCase() : name;
    ids[key] = [...(ids[key] ?? []), ...(id === program ? [] : [id])];
  }
  return ids;
});

/** `ada=discord:user:…`: one of the ids of a person. */
const alias = z
  .string()
  .transform(pairOf)
  .refine(([name, id]) => name !== '' && isPerson(id), {
    error: 'expected pairs of a person and one of their ids, such as ada=discord:user:…, ada=slack:user:U…',
  });

/** The person behind each id. */
export const people = z.array(alias).transform((pairs, context): Readonly<Record<string, string>> => {
  const names: Record<string, string> = Object.create(null);
  for (const [name, id] of pairs) {
    if ((names[id] ?? name) !== name) {
      context.addIssue({ code: 'custom', message: `expected each id once: ${id} is two people` });
    }
    names[id] = name;
  }
  return names;
});
