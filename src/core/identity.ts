import { type Authorship, type Signature, shortSha } from './commit.ts';
import type { Who } from './run.ts';

/**
 * The setting AUTHORS: the ids of people by author name, or by e-mail address in lower case. An empty list: the author
 * is a program.
 */
export type Authors = Readonly<Record<string, readonly string[]>>;

/** The part of a policy that the author rule reads. */
interface AuthorPolicy {
  readonly authors: Authors;
  readonly people: People;
  readonly approvers: readonly string[];
}

/**
 * The author rule: nobody approves commits that they wrote. May this person approve commits with this authorship? Fails
 * closed: an author without a mapping, or commits that could not be read, block everybody.
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

/** The setting PEOPLE: the name of the person behind each id. Ids are spelled as in APPROVERS. */
export type People = Readonly<Record<string, string>>;

/**
 * The parts of an id in the configuration. `<chat>:<id>` and `<chat>:user:<id>` name a person; `<chat>:<word>:<id>`
 * names a group with the chat's own word for a group.
 */
export interface ConfiguredId {
  readonly chat: string;
  readonly kind: 'person' | 'group';
  /** The chat's own id. */
  readonly id: string;
}

/** Reads an id such as `console:owner`, `discord:role:77`; `undefined` for anything else. */
export function readId(text: string): ConfiguredId | undefined {
  const [, chat, word, id] = /^([^:]+):(?:([^:]+):)?([^:]+)$/.exec(text) ?? [];
  if (chat === undefined || id === undefined) return undefined;
  return { chat, id, kind: word === undefined || word === 'user' ? 'person' : 'group' };
}

/** The canonical spelling of a person's id: `<chat>:user:<id>`. */
export function personId({ chat, id }: Pick<Who, 'chat' | 'id'>): string {
  return `${chat}:user:${id}`;
}

/** Is the person, or a group that the chat confirms for them, among these ids? */
export function isAmong(
  { chat, id, groups }: Pick<Who, 'chat' | 'id'> & { readonly groups: readonly string[] },
  ids: readonly string[],
): boolean {
  return ids.some((text) => {
    const known = readId(text);
    if (known?.chat !== chat) return false;
    return known.kind === 'person' ? known.id === id : groups.includes(known.id);
  });
}

/**
 * The spelling of a person's id in the configuration, so that people can find it there. @param known the ids in the
 * configuration
 */
export function asConfigured(person: string, known: readonly string[]): string {
  return known.find((id) => oneSpelling(id) === person) ?? person;
}

/**
 * Are two sets of ids those of the same person? `unknown` when they are ids of different chats that PEOPLE does not
 * both name. Two ids of one chat are two people, unless PEOPLE says otherwise.
 */
export function compareIds(
  one: readonly string[],
  other: readonly string[],
  people: People,
): 'same' | 'different' | 'unknown' {
  const known = new Map(Object.entries(people).map(([id, name]) => [oneSpelling(id), name]));
  const [a, b] = [withAliases(one, known), withAliases(other, known)];
  if (a.ids.some((id) => b.ids.includes(id))) return 'same';
  if (a.isNamed && b.isNamed) return 'different';
  return a.ids.some((id) => b.ids.some((another) => chatOf(another) === chatOf(id))) ? 'different' : 'unknown';
}

/** All ids of the person who has the given ids. */
function withAliases(spelled: readonly string[], people: ReadonlyMap<string, string>) {
  const ids = spelled.map(oneSpelling);
  const names = ids.flatMap((id) => people.get(id) ?? []);
  const aliases = [...people].filter(([, name]) => names.includes(name)).map(([id]) => id);
  return { ids: [...ids, ...aliases], isNamed: names.length > 0 };
}

function oneSpelling(id: string): string {
  const read = readId(id);
  return read?.kind === 'person' ? personId(read) : id;
}

function chatOf(id: string): string {
  return id.slice(0, id.indexOf(':'));
}

/** Why a press or a command was refused; each is explained in the README. */
export const reasonCodes = [
  'not-an-approver',
  'not-a-viewer',
  'wrong-channel',
  'too-many-asks',
  'author-may-not-approve',
  'unknown-author',
  'unmapped-person',
  'other-branch',
  'needs-plan',
  'needs-confirmation',
  'plan-superseded',
  'plan-expired',
  'plan-drifted',
  'already-approved',
  'already-decided',
  'locked',
] as const;

/** One of the reasons of a refusal. */
export type ReasonCode = (typeof reasonCodes)[number];

/** A refusal: its code, and one sentence for the person who was refused. */
export interface Refusal {
  readonly code: ReasonCode;
  readonly text: string;
}
