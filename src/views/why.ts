import type { Commit } from '../core/commit.ts';
import type { InputChange, LockedInput } from '../core/flake-lock.ts';
import type { Review } from '../core/review.ts';
import type { Block, Rich } from './card.ts';
import { type CardContext, commitSpan, count, guestName } from './parts.ts';

/** How many commits, and how many inputs, a card names. */
const mostNamed = 5;

/**
 * Why a plan changes something: the commits since the last apply besides the one of the plan, and the changed inputs of
 * the flake.
 * @param head the commit of the plan, which the card names already
 */
export function whyBlocks(
  { commits, inputs = [], unreadFiles, undoes = [] }: Review,
  head: string,
  context: CardContext,
): readonly Block[] {
  const others = (commits?.newest ?? []).filter(({ sha }) => sha !== head);
  const named = others.slice(0, mostNamed - 1);
  const more = (commits?.all ?? 0) - (commits?.newest.length ?? 0) + others.length - named.length;
  return [
    ...named.map((commit): Block => ({ kind: 'small', rich: ['with ', ...commitRich(commit, context)] })),
    ...(more <= 0 ? [] : [{ kind: 'small', rich: [`and ${count(more, 'earlier commit')}`] } as const]),
    ...(inputs.length === 0 ? [] : [{ kind: 'small', rich: inputsRich(inputs, context.now) } as const]),
    ...undoes.map(
      ({ by, runId, ...guest }): Block => ({
        kind: 'warning',
        rich: [
          { bold: `Takes back a rollback of ${guestName(guest)}: ` },
          `${by} rolled it back in run `,
          { code: runId },
          '.',
        ],
      }),
    ),
    ...(unreadFiles === undefined ? [] : [{ kind: 'warning', rich: wholeRepository(unreadFiles) } as const]),
  ];
}

/** The same for the file of the plan, whole: every commit and input that is known. */
export function whyText({ commits, inputs = [] }: Review): readonly string[] {
  const newest = commits?.newest ?? [];
  const more = (commits?.all ?? 0) - newest.length;
  return [
    ...(newest.length === 0 ? [] : ['', 'Commits since the last apply']),
    ...newest.map(({ sha, subject, author }) => `- ${sha.slice(0, 12)} ${subject} (${author})`),
    ...(more <= 0 ? [] : [`- and ${more} more`]),
    ...(inputs.length === 0 ? [] : ['', 'Inputs']),
    ...inputs.map((input) => `- ${inputText(input, dated)}`),
  ];
}

function commitRich({ sha, subject, author }: Commit, context: CardContext): Rich {
  return [commitSpan(sha, context), ` ${subject}, by ${author}`];
}

function inputsRich(inputs: readonly InputChange[], now: number): Rich {
  const named = inputs.slice(0, mostNamed).map((input) => inputText(input, (one) => aged(one, now)));
  const more = inputs.length - named.length;
  return [`${inputs.length === 1 ? 'Input' : 'Inputs'}: ${named.join(', ')}${more === 0 ? '' : `, and ${more} more`}`];
}

/** `nixpkgs 96afa93 (3 weeks) -> 13f3f2e (today)` */
function inputText({ name, from, to }: InputChange, show: (input: LockedInput) => string): string {
  return `${name} ${from === undefined ? 'none' : show(from)} -> ${to === undefined ? 'none' : show(to)}`;
}

function aged({ rev, at }: LockedInput, now: number): string {
  return at === undefined ? rev : `${rev} (${age(now - at)})`;
}

function dated({ rev, at }: LockedInput): string {
  return at === undefined ? rev : `${rev} (${new Date(at).toISOString().slice(0, 10)})`;
}

/** `today`, `1 day`, `3 weeks`, `2 years`. */
function age(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  if (days < 1) return 'today';
  if (days < 14) return count(days, 'day');
  if (days < 70) return count(Math.floor(days / 7), 'week');
  if (days < 730) return count(Math.floor(days / 30.44), 'month');
  return count(Math.floor(days / 365.25), 'year');
}

const wholeFlake = `"\${self}/file"`;

function wholeRepository(files: readonly string[]): Rich {
  return [
    { bold: 'Every image changed, ' },
    `and the commits since the last apply changed only ${files.join(', ')}. The images seem to read the whole repository (`,
    { code: 'self.outPath' },
    ', ',
    { code: wholeFlake },
    '): each commit then replaces every guest. Name single files, such as ',
    { code: './file' },
    '.',
  ];
}
