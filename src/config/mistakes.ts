import { z } from 'zod';
import { UserError } from '../core/errors.ts';

/** Collects what is wrong with a configuration, so that it can all be said at once. */
export class Mistakes {
  readonly #lines: string[] = [];

  /** @param name the variable, e.g. `GIT_URL`; @param expected what it should be, without the value (it may be secret) */
  add(name: string, expected: string): void {
    const line = `${name}: ${expected}`;
    if (!this.#lines.includes(line)) this.#lines.push(line);
  }

  /** Notes that a value is missing, unless something is noted about it already. */
  need<T>(name: string, value: T | undefined, why: string): T | undefined {
    const noted = this.#lines.some((line) => line.startsWith(`${name}: `) || line.startsWith(`${name}_FILE: `));
    if (value === undefined && !noted) this.add(name, `needed ${why}`);
    return value;
  }

  /** Parses one value; a mistake is noted and gives `undefined`. */
  parse<T>(name: string, schema: z.core.$ZodType<T>, value: unknown): T | undefined {
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const path = issue.path.length === 0 ? '' : `${issue.path.join('.')} `;
      this.add(name, `${path}${issue.message}`);
    }
    return undefined;
  }

  /** Throws one `UserError` when anything was noted. */
  check(): void {
    if (this.#lines.length === 0) return;
    const count = this.#lines.length === 1 ? 'a mistake' : `${this.#lines.length} mistakes`;
    throw new UserError(`The configuration has ${count}.`, {
      details: this.#lines,
      next: 'Correct the variables named above; .env.example explains each one.',
    });
  }
}

/**
 * A warning for each variable that is set, is none of ours and looks as if it were meant to be.
 * @param known the names of all variables
 */
export function nearMisses(env: Readonly<Record<string, unknown>>, known: readonly string[]): string[] {
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
