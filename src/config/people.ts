import { z } from 'zod';
import type { ChatKind, IdForm } from '../chat/kind.ts';
import { readId } from '../core/identity.ts';
import type { Policy } from '../core/policy.ts';
import { list, text } from './setting.ts';

/** The word in place of the id of an author that is a program: a forge that merges, a bot that updates. */
const program = 'bot';

/**
 * The shapes of settings that name people: `approver` is a person or everybody in a group; `authors` and `people` map names
 * to ids of persons. Ids never change, but names do.
 */
export function peopleShapes(chats: readonly ChatKind[]) {
  const persons = chats.map(({ ids }) => ids.person);
  const isPerson = matcherOf(persons);
  const groups = chats.flatMap(({ ids }) => ids.group ?? []);
  const samples = chats
    .flatMap(({ ids }) => [ids.person, ...(ids.group === undefined ? [] : [ids.group])])
    .map(({ prefix, sample }) => `${prefix}${sample}`);
  /** `Ada Lovelace=discord:user:…`, `ada@example.org=discord:user:…`: the person with that name or address in git. */
  const author = z
    .string()
    .transform(pairOf)
    .refine(([name, id]) => name !== '' && (isPerson.test(id) || id === program), {
      error:
        'expected pairs of an author, by the name or the address that git shows, and an id, such as Ada Lovelace=discord:user:…; the id "bot" stands for a program',
    });
  /** `ada=discord:user:…`: one of the ids of a person. */
  const alias = z
    .string()
    .transform(pairOf)
    .refine(([name, id]) => name !== '' && isPerson.test(id), {
      error: 'expected pairs of a person and one of their ids, such as ada=discord:user:…, ada=slack:user:U…',
    });
  return {
    approver: text(matcherOf([...persons, ...groups]), `expected ids such as ${samples.join(', ')}`),
    authors: list(z.string()).pipe(z.array(author)).transform(idsByAuthor),
    people: list(z.string()).pipe(z.array(alias)).transform(namesById),
  };
}

/** Whether this is the id of a person, not of a group. */
export function isPerson(id: string): boolean {
  return readId(id)?.kind === 'person';
}

/** Every id of one chat that fleets name as an approver or a viewer, once. */
export function namedIn(
  chat: string,
  fleets: readonly { readonly policy: Pick<Policy, 'approvers' | 'viewers'> }[],
): readonly string[] {
  const ids = fleets.flatMap(({ policy }) => [...policy.approvers, ...policy.viewers]);
  return [...new Set(ids)].filter((id) => id.startsWith(`${chat}:`));
}

function matcherOf(forms: readonly IdForm[]): RegExp {
  return new RegExp(`^(?:${forms.map(({ prefix, id }) => `${prefix}(?:${id})`).join('|')})$`);
}

function pairOf(pair: string): readonly [name: string, id: string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}

/**
 * The ids of each author; an empty list for a program. The record has no prototype, so that an author called `constructor`
 * is not found in it.
 */
function idsByAuthor(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, readonly string[]>> {
  const ids: Record<string, string[]> = Object.create(null);
  for (const [name, id] of pairs) {
    const key = name.includes('@') ? name.toLowerCase() : name;
    ids[key] = [...(ids[key] ?? []), ...(id === program ? [] : [id])];
  }
  return ids;
}

/** The person of each id. */
function namesById(
  pairs: readonly (readonly [string, string])[],
  context: z.RefinementCtx,
): Readonly<Record<string, string>> {
  const names: Record<string, string> = Object.create(null);
  for (const [name, id] of pairs) {
    if ((names[id] ?? name) !== name) {
      context.addIssue({ code: 'custom', message: `expected each id once: ${id} is two people` });
    }
    names[id] = name;
  }
  return names;
}
