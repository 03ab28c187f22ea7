import { cleanText, escapeHidden, oneLine } from '../lib/text.ts';

/** Nix text from data. No text becomes code, whatever it holds. */

/** Any text as a Nix string. */
export function nixString(text: string): string {
  const escaped = text
    .replace(/["\\]|\$(?=\{)/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

const keywords = ['assert', 'else', 'if', 'in', 'inherit', 'let', 'or', 'rec', 'then', 'with'];

/** The name of an attribute, quoted where Nix would not take it for one. */
export function nixName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_'-]*$/.test(name) && !keywords.includes(name)) return name;
  return cleanText(name) === name ? nixString(name) : `\${${shownString(name)}}`;
}

/** A comment to the end of its line. */
export function nixComment(text: string): string {
  return `# ${oneLine(text)}`;
}

/** What fits on one line, with some room for the name before it. */
const widest = 80;

/** A value of JSON as a Nix expression; what does not fit on one line is indented by `indent` and more. */
export function nixText(value: unknown, indent = ''): string {
  if (typeof value === 'string') return shownString(value);
  // An exponent alone makes no number of Nix, and a minus is an operator, which a list takes in parentheses only.
  if (typeof value === 'number') return value < 0 ? `(-${decimal(-value)})` : decimal(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  const parts = (inner: string) =>
    isList
      ? value.map((one) => nixText(one, inner))
      : Object.entries(value).map(([name, one]) => `${nixName(name)} = ${nixText(one, inner)};`);
  const line = [open, ...parts(indent), close].join(' ');
  if (line.length <= widest && !line.includes('\n')) return line;
  const inner = `${indent}  `;
  return [open, ...parts(inner).map((part) => `${inner}${part}`), `${indent}${close}`].join('\n');
}

/** Characters that a terminal obeys or hides have no spelling in a Nix string; JSON has one. */
function shownString(text: string): string {
  if (cleanText(text) === text) return nixString(text);
  return `(builtins.fromJSON ${nixString(escapeHidden(JSON.stringify(text.toWellFormed())))})`;
}

function decimal(value: number): string {
  return value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });
}
