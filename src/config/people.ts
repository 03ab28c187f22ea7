import { z } from 'zod';
import { text } from './values.ts';

/** Discord's ids are 17 to 20 digits. */
export const snowflake = text(/^[0-9]{17,20}$/, 'expected an id of 17 to 20 digits (developer mode, "Copy ID")');

export function slackId(prefix: string, what: string) {
  return text(new RegExp(`^[${prefix}][A-Z0-9]{6,20}$`), `expected the id of a ${what}, ${prefix[0]}…`);
}

const person = /^(?:console:[a-z0-9][a-z0-9-]{0,31}|discord:user:[0-9]{17,20}|slack:user:[UW][A-Z0-9]{6,20})$/;
const group = /^(?:discord:role:[0-9]{17,20}|slack:group:S[A-Z0-9]{6,20})$/;

/** Who may approve: a person, or everybody in a role or usergroup. Ids never change, names do. */
export const approver = text(
  new RegExp(`${person.source}|${group.source}`),
  'expected ids such as console:owner, discord:user:…, discord:role:… (17 to 20 digits), slack:user:U…, slack:group:S…',
);

export function isPerson(approver: string): boolean {
  return person.test(approver);
}

/** `Ada Lovelace=discord:user:…`: whom git calls by that name. */
const author = z
  .string()
  .transform((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()] as const)
  .refine(([name, id]) => name !== '' && isPerson(id), {
    error: 'expected pairs of an author as git names it and an id, such as Ada Lovelace=discord:user:…',
  });

/** The ids of each author. An author called `constructor` must find nothing, so the record inherits nothing. */
export const authors = z.array(author).transform((pairs): Readonly<Record<string, readonly string[]>> => {
  const ids: Record<string, string[]> = Object.create(null);
  for (const [name, id] of pairs) ids[name] = [...(ids[name] ?? []), id];
  return ids;
});
