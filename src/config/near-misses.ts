import { Environment, secretNames } from './environment.ts';
import type { Env } from './read.ts';

/** A warning for each variable that is set, is none of ours and looks as if it were meant to be. */
export function nearMisses(env: Env): string[] {
  const known: string[] = [...Environment.keyof().options, ...secretNames.map((name) => `${name}_FILE`)];
  return Object.keys(env)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => isSlipOf(name.replace(/^PROXNIX_/, ''), candidate));
      if (meant !== undefined) return [`${name}: is not read; ${meant} is meant?`];
      return name.startsWith('PROXNIX_') ? [`${name}: is not read; .env.example has every variable.`] : [];
    })
    .sort();
}

/**
 * Equal but for one place: two characters changed or swapped, or up to four too many or too few. Stricter than what a
 * person's typing gets elsewhere, because an environment is full of other programs' variables (HTTP_PROXY, NIX_PATH).
 */
function isSlipOf(name: string, candidate: string): boolean {
  let start = 0;
  while (start < Math.min(name.length, candidate.length) && name[start] === candidate[start]) start++;
  let end = 0;
  const most = Math.min(name.length, candidate.length) - start;
  while (end < most && name.at(-1 - end) === candidate.at(-1 - end)) end++;
  const [left, right] = [name.length - start - end, candidate.length - start - end];
  if (start + end < 4) return false;
  return Math.min(left, right) === 0 ? Math.max(left, right) <= 4 : Math.max(left, right) <= 2;
}
