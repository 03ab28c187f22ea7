import type { Who } from './run.ts';

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
