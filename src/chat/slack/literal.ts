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
