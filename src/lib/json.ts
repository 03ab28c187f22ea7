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
