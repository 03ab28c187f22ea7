import { type Authorship, type Signature, shortSha } from './commit.ts';
import { asConfigured, compareIds, type People, personId } from './identity.ts';
import type { Refusal } from './refusal.ts';
import type { Who } from './run.ts';

/** Whom authors are, as AUTHORS says it: ids by a name, or by an e-mail address in lower case. No id: a program. */
export type Authors = Readonly<Record<string, readonly string[]>>;

/** The part of a policy that this rule looks at. */
interface AuthorPolicy {
  readonly authors: Authors;
  readonly people: People;
  readonly approvers: readonly string[];
}

/**
 * The rule that nobody approves what they wrote: may this person approve commits with this authorship? Fails closed: an
 * author whom nobody mapped, or commits that could not be looked at, block everybody.
 * @param authorship `undefined` when git could not tell
 */
export function authorRefusal(
  actor: Who,
  authorship: Authorship | undefined,
  { authors, people, approvers }: AuthorPolicy,
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
      return {
        code,
        text: `${who} may be you: map ${asConfigured(me, approvers)} and the author's ids (${ids.join(', ')}) in PEOPLE.`,
      };
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
