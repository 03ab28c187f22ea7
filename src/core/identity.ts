import { type Authorship, type Signature, shortSha } from './commit.ts';
import type { Refusal } from './refusal.ts';
import type { Who } from './run.ts';

/** Whom authors are, as AUTHORS says it: ids by a name, or by an e-mail address in lower case. No id: a program. */
export type Authors = Readonly<Record<string, readonly string[]>>;

/**
 * The rule that nobody approves what they wrote: may this person approve commits with this authorship? Fails closed: an
 * author whom nobody mapped, or commits that could not be looked at, block everybody.
 * @param authorship `undefined` when git could not tell
 */
export function authorRefusal(
  actor: Who,
  authorship: Authorship | undefined,
  { authors, people }: { readonly authors: Authors; readonly people: People },
): Refusal | undefined {
  const code = 'unknown-author';
  if (authorship === undefined) {
    return { code, text: 'Git could not tell who wrote the commits since the last apply. Plan again.' };
  }
  const me = personId(actor);
  for (const signature of authorship.signatures) {
    const ids = idsOf(signature, authors);
    if (ids !== undefined && compareIds([me], ids, people) === 'same') {
      const text = `You wrote or committed ${shortSha(signature.sha)}: somebody else has to approve it.`;
      return { code: 'author-may-not-approve', text };
    }
  }
  for (const signature of authorship.signatures) {
    const ids = idsOf(signature, authors);
    const who = `${signature.name} <${signature.email}>, who wrote or committed ${shortSha(signature.sha)},`;
    if (ids === undefined) {
      return { code, text: `${who} is mapped to nobody: add the name or the address to AUTHORS.` };
    }
    if (ids.length > 0 && compareIds([me], ids, people) === 'unknown') {
      return { code, text: `${who} may be you: map ${me} and the author's ids (${ids.join(', ')}) in PEOPLE.` };
    }
  }
  if (authorship.complete) return undefined;
  return { code, text: 'There are more commits since the last apply than are looked at for their authors.' };
}

/** The ids of an author by name and by address; `undefined` when neither is mapped. */
function idsOf({ name, email }: Signature, authors: Authors): readonly string[] | undefined {
  const keys = [name, email.toLowerCase()].filter((key) => Object.hasOwn(authors, key));
  return keys.length === 0 ? undefined : keys.flatMap((key) => authors[key] ?? []);
}

/** The person behind each id, as PEOPLE says it; ids are spelled like approvers. */
export type People = Readonly<Record<string, string>>;

/** `console:owner`, `discord:user:1`, `slack:user:U1`: how the configuration spells an id of a person. */
export function personId({ chat, id }: Pick<Who, 'chat' | 'id'>): string {
  return chat === 'console' ? `console:${id}` : `${chat}:user:${id}`;
}

/**
 * Are two people, each known by some ids, the same one? `unknown` where nothing tells: ids in different chats of which
 * PEOPLE does not name both. Two ids of one chat are two people, unless PEOPLE says otherwise.
 */
export function compareIds(
  one: readonly string[],
  other: readonly string[],
  people: People,
): 'same' | 'different' | 'unknown' {
  const [a, b] = [withAliases(one, people), withAliases(other, people)];
  if (a.ids.some((id) => b.ids.includes(id))) return 'same';
  if (a.isNamed && b.isNamed) return 'different';
  return a.ids.some((id) => b.ids.some((known) => chatOf(known) === chatOf(id))) ? 'different' : 'unknown';
}

/** All ids of the person who has these. */
function withAliases(ids: readonly string[], people: People) {
  const names = ids.flatMap((id) => (Object.hasOwn(people, id) ? (people[id] ?? []) : []));
  const aliases = Object.keys(people).filter((id) => names.some((name) => name === people[id]));
  return { ids: [...ids, ...aliases], isNamed: names.length > 0 };
}

function chatOf(id: string): string {
  return id.slice(0, id.indexOf(':'));
}
