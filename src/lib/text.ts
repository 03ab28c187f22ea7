/** Text from outside. Every function here takes time and memory in proportion to the length of its text. */

const encoder = new TextEncoder();
const missing = '…';

/** At most `maxBytes` of UTF-8, cut between characters; what was cut shows as `…`. */
export function cut(text: string, maxBytes: number): string {
  // No unit of UTF-16 has more than three bytes of UTF-8.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.alloc(maxBytes);
  if (encoder.encodeInto(text, bytes).read === text.length) return text;
  const { written } = encoder.encodeInto(text, bytes.subarray(0, Math.max(0, maxBytes - Buffer.byteLength(missing))));
  // Decoded anew: a slice would hold on to the whole text it was cut from.
  return `${bytes.toString('utf8', 0, written)}${missing}`;
}

/**
 * Terminal sequences: CSI, strings with their end on the same line (titles, links), and short ones. The body of one
 * never holds the beginning of another, so no character is read more than a few times.
 */
const terminal =
  // oxlint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\n\u0007\u001b\u0090\u0098\u009b-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/g;
/** A carriage return ends a line as well: it must not hide what stands before it. */
const lineEnds = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;
/** Controls, and what reorders text or is not seen. Joiners and variation selectors stay: scripts and emoji need them. */
const hidden =
  /(?![\t\n]|[\ufe00-\ufe0f]|\p{Join_Control})[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;
/** Half of a surrogate pair is no character. */
const halves = /\p{Surrogate}/gu;
/** Plain text, which is most of a long log and needs no cleaning. */
const clean = /^[\t\n -~]*$/;

/** Text as it may be shown: lines without terminal sequences, control characters, and what reorders or hides text. */
export function cleanText(text: string): string {
  if (clean.test(text)) return text;
  return text.replace(terminal, '').replace(lineEnds, '\n').replace(hidden, '').toWellFormed();
}

/** The same on one line: a space stands for line ends and the white space around them. */
export function oneLine(text: string): string {
  const [first = '', ...rest] = cleanText(text).split('\n');
  if (rest.length === 0) return first;
  return [first.trimEnd(), ...rest.map((line) => line.trim()).filter((line) => line !== '')].join(' ');
}

/** The last state of a redrawn line (`10 %\r20 %`). For progress bars only, because it drops the text before. */
export function lastState(line: string): string {
  return line.split('\r').findLast((state) => state.trim() !== '') ?? '';
}

/** The text with every character that `cleanText` takes out, and every line end, spelled `\u…`. Tabs too. */
export function escapeHidden(text: string): string {
  return text
    .replace(hidden, spelled)
    .replace(/[\t\n\u2028\u2029]/g, spelled)
    .replace(halves, spelled);
}

function spelled(char: string): string {
  return Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  );
}

/**
 * Are two texts the same to a person who reads both? White space around them does not count, nor half characters, which
 * no encoding keeps: a system that stores a text cuts or adds the one and replaces the other.
 */
export function sameText(a: string, b: string): boolean {
  return bare(a) === bare(b);
}

function bare(text: string): string {
  const whole = text.toWellFormed();
  let [from, to] = [0, whole.length];
  while (from < to && isBlank(whole.charAt(from))) from++;
  while (to > from && isBlank(whole.charAt(to - 1))) to--;
  return whole.slice(from, to);
}

/** Perl counts U+0085 as white space and U+FEFF not, JavaScript the other way round. */
function isBlank(char: string): boolean {
  return char === '\u0085' || char.trim() === '';
}

/** Quotes a word for a POSIX shell. Single quotes, because an interactive bash would expand the `!` of a token's id. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Does a text of JSON nest objects and arrays deeper than this? Reads no further than needed, and parses nothing. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (quoted && char === '\\') at++;
    else if (!quoted && (char === '[' || char === '{') && ++depth > limit) return true;
    else if (!quoted && (char === ']' || char === '}')) depth--;
  }
  return false;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes as people read them: `512 B`, `64.0 MiB`, `1.9 GiB`. */
export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
