import type { z } from 'zod';
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
  parse<T>(name: string, schema: z.ZodType<T>, value: unknown): T | undefined {
    const parsed = schema.safeParse(value);
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
      next: 'Correct the variables named below; .env.example explains each one.',
    });
  }
}
