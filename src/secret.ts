import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const mask = '[secret]';

/** A value that cannot be printed by accident: a template, JSON and `console.log` show a mask instead. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  /** Whether this text is the value. Compares in constant time. */
  isSame(text: string): boolean {
    return timingSafeEqual(sha256(text), sha256(this.#value));
  }

  /** Whether it has at least this many characters and does not repeat a few of them. */
  isHardToGuess(length: number): boolean {
    return this.#value.length >= length && new Set(this.#value).size >= 8;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The one gate through which all text leaves (chat, log, audit, metrics). It takes out every secret given: as it is,
 * percent-encoded, escaped for JSON or HTML, and in base64 wherever it lies in the encoded bytes (`user:secret`); and
 * everything that has the form of a token. Other text passes unchanged, and passing twice changes nothing more.
 * @param shapes forms of tokens beside those of Proxmox and of HTTP; global, and linear in the text's length
 */
export function createGate(secrets: readonly Secret[], shapes: readonly RegExp[]): (text: string) => string {
  const values = secrets.flatMap((secret) => partsOf(secret.reveal())).sort((a, b) => b.length - a.length);
  const forms = [...new Set(values)].flatMap((value) => [spelled(value), ...encoded(value), ...cutOff(value)]);
  const replacements = [...shapes.map((shape) => [shape, mask] as const), ...commonShapes];
  const configured = forms.length === 0 ? undefined : new RegExp(forms.join('|'), 'g');
  return (text) => {
    const without = configured === undefined ? text : text.replace(configured, mask);
    return replacements.reduce((rest, [shape, replacement]) => rest.replace(shape, replacement), without);
  };
}

/** A secret of several lines is also printed line by line. */
function partsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.length >= 8);
  return [value, ...(lines.length > 1 ? lines : [])].filter((part) => part !== '');
}

const htmlNames: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A pattern for the text in any mixture of spellings, character by character; the longest spelling first. */
function spelled(text: string): string {
  return Array.from(text)
    .map((char) => {
      const json = JSON.stringify(char).slice(1, -1);
      const spellings = [htmlNames[char], json === char ? undefined : json, char === ' ' ? '+' : undefined, char];
      const literal = spellings.filter((spelling) => spelling !== undefined).map(literally);
      return `(?:${[percent(char), ...literal].join('|')})`;
    })
    .join('');
}

/** The rest of a secret that was cut: its first eight characters or more, up to the mark of the cut. */
function cutOff(value: string): string[] {
  const chars = Array.from(value).slice(0, 200);
  if (chars.length < 12) return [];
  const rest = chars.slice(8).reduceRight((inner, char) => `(?:${spelled(char)}${inner})?`, '');
  return [`${spelled(chars.slice(0, 8).join(''))}${rest}(?=…)`];
}

/**
 * Base64 shifts with what stands in front, so there are three spellings; of each, the characters that hold nothing but
 * the value. What follows belongs to the same blob and goes too.
 */
function encoded(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2]
    .map((shift) => {
      const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
      return whole.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    })
    .filter((inner) => inner.length >= 8)
    .map((inner) => `${Array.from(inner, base64Char).join('')}(?:[\\w+/-]|%2[bBfF])*(?:=|%3[dD]){0,2}`);
}

function base64Char(char: string): string {
  if (char === '+') return '(?:[+-]|%2[bB])';
  if (char === '/') return '(?:[/_]|%2[fF])';
  return char;
}

function percent(char: string): string {
  const hex = Buffer.from(char).toString('hex').match(/../g) ?? [];
  return hex.map((byte) => `%${byte.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`).join('');
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Forms of tokens that no chat and no forge brings. No pattern looks back without a limit: the text may be a long log. */
const commonShapes: readonly (readonly [RegExp, string])[] = [
  // Proxmox VE: PVEAPIToken=USER@REALM!ID=SECRET, also with a space.
  [/\bPVEAPIToken[= ](?=[^\s!]{1,200}!)[^\s"',;]+/g, `PVEAPIToken=${mask}`],
  // A digit tells a token from "bearer certificates".
  [/\b(bearer\s+)(?=[\w.~+/=:-]*[0-9])[\w.~+/=:-]{12,}/gi, `$1${mask}`],
  [/\b(authorization["']?\s{0,5}[:=]\s{0,5}["']?(?:basic|bearer|bot|token)\s+)[^\s"',]+/gi, `$1${mask}`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/?#:@"'<>]{0,256}:)[^\s/?#@"'<>]+@/gi, `$1${mask}@`],
];
