import { z } from 'zod';
import { Secret } from '../secret.ts';

/** Text of one line that matches; `expected` is what a person reads when it does not. */
export function text(pattern: RegExp, expected: string) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

/** One of some words. */
export function choice<const T extends readonly [string, ...string[]]>(...options: T) {
  return z.enum(options, { error: `expected ${options.join(' or ')}` });
}

/** `true` or `false`, as text or as JSON. */
export const flag = z
  .union([z.boolean(), choice('true', 'false')], { error: 'expected true or false' })
  .transform((value) => value === true || value === 'true');

/** A whole number, as text or as JSON. */
export function whole(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .union([z.int(), text(/^[0-9]{1,9}$/, expected)], { error: expected })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: expected });
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `24h`, `7d` to milliseconds. Timers of Node reach 24.8 days, so that is the most. */
export const duration = text(/^[0-9]{1,9}(?:ms|s|m|h|d)$/, 'expected a duration such as 60s, 5m, 24h')
  .transform((value) => Number.parseInt(value, 10) * (unitMs[value.replace(/^[0-9]+/, '')] ?? 0))
  .refine((ms) => ms > 0 && ms <= 24 * 86_400_000, { error: 'expected a duration of more than 0 and at most 24d' });

/** A duration, or `off` for never. */
export const durationOrOff = z.union([z.literal('off').transform(() => 'off' as const), duration], {
  error: 'expected a duration such as 60s, 5m, 24h, or off',
});

const unitBytes: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3 };

/** `512M`, `4G` to bytes. */
export const size = text(/^[1-9][0-9]{0,5}[MG]$/, 'expected a size such as 512M or 4G').transform(
  (value) => Number.parseInt(value, 10) * (unitBytes[value.slice(-1)] ?? 0),
);

/** `a, b` or a list in JSON; each item is parsed by itself, so each mistake is named. */
export function list<T>(item: z.ZodType<T, string>) {
  return z
    .union([z.string().transform(partsOf), z.array(z.string())], { error: 'expected a list' })
    .pipe(z.array(item));
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** A secret that a person makes up: at least 16 characters, so that it cannot be guessed. */
export const madeUpSecret = text(
  /^[\x21-\x7e]{16,1024}$/,
  'expected at least 16 characters without spaces; `openssl rand -hex 32` makes one',
).transform((value) => new Secret(value));

/** A secret that another system handed out. */
export function token(pattern: RegExp, expected: string) {
  return text(pattern, expected).transform((value) => new Secret(value));
}

/** A secret of another system whose form is not known. */
export const anyToken = token(/^[\x21-\x7e]{8,4096}$/, 'expected a token of at least 8 characters without spaces');

/** A SHA-256 fingerprint as Proxmox shows it, with or without colons, to upper case with colons. */
export const fingerprint = text(
  /^(?:[0-9a-fA-F]{64}|(?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})$/,
  'expected SHA-256 fingerprints, 32 bytes in hex each',
).transform((value) => (value.replaceAll(':', '').toUpperCase().match(/../g) ?? []).join(':'));
