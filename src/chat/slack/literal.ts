/**
 * Text from outside as it may stand in a message: without terminal sequences, control characters and the marks that
 * turn the direction of what follows. Line ends and tabs stay.
 */
export function literal(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(terminal, '').replace(hidden, '');
}

/** `literal` on one line. */
export function oneLine(text: string): string {
  return literal(text).replace(/\s*[\n\u2028\u2029]\s*/g, ' ');
}

/** At most `max` UTF-16 units, which is what Slack counts; what is cut ends in "…" and never splits a code point. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, Math.max(0, max - 1)).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** For mrkdwn and the top-level `text`, where `<!channel>` would ring everybody: the three characters Slack parses. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** What Slack made of typed text with `should_escape`. */
export function unescapeText(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/**
 * Text for the top-level `text`, escaped, of at most `max` bytes of UTF-8; cut between code points, never inside an
 * entity. A code fence would swallow what follows when it is never closed, so it becomes quotes.
 */
export function escapedWithin(unsafe: string, max: number): string {
  const text = unsafe.replace(/`{3,}/g, "''");
  const whole = escapeText(text);
  if (Buffer.byteLength(whole) <= max) return whole;
  let bytes = Buffer.byteLength('…');
  let kept = '';
  for (const point of text) {
    const next = escapeText(point);
    bytes += Buffer.byteLength(next);
    if (bytes > max) break;
    kept += next;
  }
  return `${kept}…`;
}

/** ESC and C1 sequences: CSI, OSC (titles, links), and the two-character ones. */
const terminal =
  // oxlint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]/g;

/** C0 and C1 without tab and line feed, bidi marks and overrides, the byte order mark, halves of surrogate pairs. */
const hidden =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;
